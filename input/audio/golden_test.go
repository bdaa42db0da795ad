package audio

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"testing"
)

// golden is what SciPy and transformers make of the sounds of testdata; see
// tools/ref/sounds.py.
type golden struct {
	Extractors map[string]json.RawMessage
	Cases      []struct {
		File                               string
		Rate, Channels, Samples, Resampled int
		Frames                             json.RawMessage
	}
	samples  [][]float32 // by case, every seventh
	features [][]goldenFeatures
}

type goldenFeatures struct {
	extractor string
	frames    int
	padding   *float32
	values    []float32 // every third frame
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
	take := func(n int) []float32 {
		values := make([]float32, n)
		if err := binary.Read(z, binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Cases {
		g.samples = append(g.samples, take((c.Samples+6)/7))
		var all []goldenFeatures
		d := json.NewDecoder(bytes.NewReader(c.Frames)) // in the order of the file
		token(t, d)
		for d.More() {
			f := goldenFeatures{extractor: token(t, d).(string)}
			var v struct {
				Frames  int
				Padding *float32
			}
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			_, bins := g.extractor(t, f.extractor).Shape()
			f.frames, f.padding, f.values = v.Frames, v.Padding, take((v.Frames+2)/3*bins)
			all = append(all, f)
		}
		g.features = append(g.features, all)
	}
	if n, err := z.Read(make([]byte, 1)); n != 0 || err != io.EOF || len(g.Cases) < 10 {
		t.Fatalf("%d bytes are left in expected.gz of %d cases, error %v", n, len(g.Cases), err)
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

func (g *golden) extractor(t testing.TB, name string) *Extractor {
	t.Helper()
	e, err := Parse(g.Extractors[name])
	if err != nil {
		t.Fatalf("extractor %s: %v", name, err)
	}
	return e
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// furthest returns the largest difference; not a number is infinitely far.
func furthest(t testing.TB, got, want []float32) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	var most float64
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if d != d {
			return math.Inf(1)
		}
		most = max(most, d)
	}
	return most
}

func TestSamplesAreThoseThatWereWritten(t *testing.T) {
	g := loadGolden(t)
	for i, c := range g.Cases {
		s, err := Decode(bytes.NewReader(read(t, c.File)))
		if err != nil {
			t.Errorf("%s: %v", c.File, err)
			continue
		}
		if s.Rate != c.Rate || len(s.Samples) != c.Samples {
			t.Errorf("%s: %d samples at %d Hz, want %d at %d", c.File, len(s.Samples), s.Rate, c.Samples, c.Rate)
			continue
		}
		var some []float32
		for k := 0; k < len(s.Samples); k += 7 {
			some = append(some, s.Samples[k])
		}
		// Of 32 bits a float32 holds 24: half a step of it below 1/2.
		if d := furthest(t, some, g.samples[i]); d > 0x1p-25 {
			t.Errorf("%s: samples differ by %g", c.File, d)
		}
		if r := Resample(s.Samples, s.Rate, 16000); len(r) != c.Resampled {
			t.Errorf("%s: %d samples at 16 kHz, want %d", c.File, len(r), c.Resampled)
		}
	}
}

// The tolerance leaves room for what is measured: 1e-6 as the sounds are, and 3e-4
// after resampling, in bands that hold nothing but the rounding of samples to
// float32. The reference's two ways of doing it are 4e-4 apart.
func TestFeaturesAreThoseOfASTFeatureExtractor(t *testing.T) {
	const tolerance = 1e-3
	g := loadGolden(t)
	for i, c := range g.Cases {
		for _, want := range g.features[i] {
			e := g.extractor(t, want.extractor)
			values, err := e.Read(bytes.NewReader(read(t, c.File)))
			if err != nil {
				t.Errorf("%s: %v", c.File, err)
				continue
			}
			frames, bins := e.Shape()
			if len(values) != frames*bins || want.frames > frames {
				t.Fatalf("%s: %d values, want %d x %d", c.File, len(values), frames, bins)
			}
			var some []float32
			for f := 0; f < want.frames; f += 3 {
				some = append(some, values[f*bins:][:bins]...)
			}
			d := furthest(t, some, want.values)
			t.Logf("%-20s %-6s differs by %.1e at most", c.File, want.extractor, d)
			if d > tolerance {
				t.Errorf("%s under %s: features differ by %g, at most %g expected", c.File, want.extractor, d, tolerance)
			}
			for _, v := range values[want.frames*bins:] {
				if want.padding == nil || v != *want.padding {
					t.Fatalf("%s under %s: padding is %v, want %v", c.File, want.extractor, v, want.padding)
				}
			}
		}
	}
}
