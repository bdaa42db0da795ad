package image

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"strings"
	"testing"
)

// golden is what Pillow and transformers make of the pictures of testdata; see
// tools/ref/images.py.
type golden struct {
	Processors map[string]json.RawMessage
	Cases      []goldenCase
	Values     []string
	values     map[string][]float32 // [3, 256] by processor
}

type goldenCase struct {
	File    string
	Decoded []int
	Seen    json.RawMessage
	decoded []uint8
	seen    []goldenSeen
}

type goldenSeen struct {
	processor string
	shape     []int
	thin      int
	pix       []uint8
}

func loadGolden(t testing.TB) *golden {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile("testdata/expected.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	take := func(n int) []uint8 {
		if n > len(data) {
			t.Fatal("expected.gz is shorter than cases.json says")
		}
		got := data[:n]
		data = data[n:]
		return got
	}
	g := &golden{values: map[string][]float32{}}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	for i := range g.Cases {
		c := &g.Cases[i]
		c.decoded = take(c.Decoded[0] * c.Decoded[1] * c.Decoded[2])
		d := json.NewDecoder(bytes.NewReader(c.Seen)) // in the order of the file
		token(t, d)
		for d.More() {
			s := goldenSeen{processor: token(t, d).(string)}
			var v struct {
				Shape []int
				Thin  int
			}
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			s.shape, s.thin = v.Shape, v.Thin
			s.pix = take(3 * ((v.Shape[0] + v.Thin - 1) / v.Thin) * ((v.Shape[1] + v.Thin - 1) / v.Thin))
			c.seen = append(c.seen, s)
		}
	}
	for _, name := range g.Values {
		values := make([]float32, 3*256)
		if _, err := binary.Decode(take(4*len(values)), binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		g.values[name] = values
	}
	if len(data) != 0 || len(g.Cases) < 20 {
		t.Fatalf("%d bytes are left in expected.gz, of %d cases", len(data), len(g.Cases))
	}
	return g
}

func token(t testing.TB, d *json.Decoder) json.Token {
	t.Helper()
	k, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func decodeFile(t testing.TB, name string) *Picture {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func (g *golden) processor(t testing.TB, name string) *Processor {
	t.Helper()
	p, err := Parse(g.Processors[name])
	if err != nil {
		t.Fatalf("processor %s: %v", name, err)
	}
	return p
}

// levels returns the largest difference and the share of bytes that differ.
func levels(t testing.TB, got, want []uint8) (largest int, share float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	n := 0
	for i := range got {
		if d := max(got[i], want[i]) - min(got[i], want[i]); d > 0 {
			n++
			largest = max(largest, int(d))
		}
	}
	return largest, float64(n) / float64(len(got))
}

// jpegLevels is how far a JPEG may be from libjpeg's. The planes come of Go's own
// inverse transform, which rounds one sample in fifty to the other of two
// neighbours: one level of brightness and one of colour difference, which is 1.77
// of blue, are 3 when rounded.
const jpegLevels = 3

func tolerance(file string) int {
	if strings.HasSuffix(file, ".jpg") {
		return jpegLevels
	}
	return 0
}

func TestPicturesAreDecodedAsPillowDoes(t *testing.T) {
	for _, c := range loadGolden(t).Cases {
		p := decodeFile(t, c.File)
		if p.Height != c.Decoded[0] || p.Width != c.Decoded[1] {
			t.Errorf("%s: %d x %d, want %d x %d", c.File, p.Width, p.Height, c.Decoded[1], c.Decoded[0])
			continue
		}
		largest, share := levels(t, p.Pix, c.decoded)
		t.Logf("%-16s differs by %d levels at most, in %.2f%% of bytes", c.File, largest, 100*share)
		if largest > tolerance(c.File) {
			t.Errorf("%s: differs by %d levels in %.2f%% of bytes, at most %d expected", c.File, largest, 100*share, tolerance(c.File))
		}
	}
}

// Sizes, filters and cuts, without what decoders differ by.
func TestWhatAModelSeesIsPillowsToTheBit(t *testing.T) {
	g := loadGolden(t)
	for _, c := range g.Cases {
		p := &Picture{c.Decoded[1], c.Decoded[0], c.decoded}
		for _, s := range c.seen {
			got, err := g.processor(t, s.processor).Seen(p)
			if err != nil {
				t.Errorf("%s under %s: %v", c.File, s.processor, err)
				continue
			}
			if got.Height != s.shape[0] || got.Width != s.shape[1] {
				t.Errorf("%s under %s: %d x %d, want %d x %d", c.File, s.processor, got.Width, got.Height, s.shape[1], s.shape[0])
				continue
			}
			if largest, share := levels(t, got.thin(s.thin), s.pix); largest > 0 {
				t.Errorf("%s under %s: differs by %d levels in %.2f%% of bytes", c.File, s.processor, largest, 100*share)
			}
		}
	}
}

// From file to values, within what the decoder of JPEG differs by.
func TestPixelValuesAreThoseOfTransformers(t *testing.T) {
	g := loadGolden(t)
	worst := 0
	for _, c := range g.Cases {
		p := decodeFile(t, c.File)
		for _, s := range c.seen {
			pr := g.processor(t, s.processor)
			seen, err := pr.Seen(p)
			if err != nil {
				t.Fatal(err)
			}
			largest, _ := levels(t, seen.thin(s.thin), s.pix)
			if worst = max(worst, largest); largest > tolerance(c.File) {
				t.Errorf("%s under %s: differs by %d levels", c.File, s.processor, largest)
			}
			values, h, w, err := pr.Pixels(p)
			if err != nil || h != s.shape[0] || w != s.shape[1] || len(values) != 3*h*w {
				t.Fatalf("%s under %s: %d values of %d x %d, error %v", c.File, s.processor, len(values), w, h, err)
			}
			for i, v := range seen.Pix {
				ch := i % 3
				want := g.values[s.processor][256*ch+int(v)]
				if got := values[ch*h*w+i/3]; math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("%s under %s: byte %d of channel %d becomes %v, want %v", c.File, s.processor, v, ch, got, want)
				}
			}
		}
	}
	t.Logf("files to values: %d levels at most", worst)
}

// thin keeps every n-th pixel of every n-th row.
func (p *Picture) thin(n int) []uint8 {
	var out []uint8
	for y := 0; y < p.Height; y += n {
		for x := 0; x < p.Width; x += n {
			out = append(out, p.row(y)[3*x:3*x+3]...)
		}
	}
	return out
}

// Brightness undoes what a configuration does to the bytes of a picture.
func TestBrightnessIsThatOfTheBytes(t *testing.T) {
	for name, text := range map[string]string{
		"normalized":   `{"image_processor_type": "ViTImageProcessor", "do_resize": false}`,
		"rescaled":     `{"image_processor_type": "ViTImageProcessor", "do_resize": false, "do_normalize": false}`,
		"bytes":        `{"image_processor_type": "ViTImageProcessor", "do_resize": false, "do_normalize": false, "do_rescale": false}`,
		"other scales": `{"image_processor_type": "ViTImageProcessor", "do_resize": false, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 2, 0.7]}`,
	} {
		p, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		picture := newPicture(16, 16)
		for i := range picture.Pix {
			picture.Pix[i] = uint8(i)
		}
		values, _, _, err := p.Pixels(picture)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range p.Brightness(values) {
			c, at := i/256, i%256
			if want := float64(picture.Pix[3*at+c]) / 255; !(math.Abs(float64(b)-want) < 1e-6) { // float32
				t.Fatalf("%s: pixel %d of channel %d has the brightness %v, want %v", name, at, c, b, want)
			}
		}
	}
}
