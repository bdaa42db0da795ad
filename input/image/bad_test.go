package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/internal/preprocessor"
)

// pngHead is a PNG that says that it is so large and ends there, or goes on with
// a few bytes.
func pngHead(width, height uint32, depth, colour byte) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = binary.BigEndian.AppendUint32(ihdr, height)
	ihdr = append(ihdr, depth, colour, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(ihdr))
	return append(out, "\x00\x00\x00\x0aIDAT\x78\x9c\xed\xc1\x01\x0d\x00\x00\x00\xc2"...)
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func jpegOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// resized changes the size that a JPEG's header states.
func resized(data []byte, width, height uint16) []byte {
	data = bytes.Clone(data)
	sof := bytes.Index(data, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(data[sof+5:], height)
	binary.BigEndian.PutUint16(data[sof+7:], width)
	return data
}

func TestBadPicturesAreRefusedByName(t *testing.T) {
	small := jpegOf(t, 8, 8)
	noAdobe := bytes.Replace(read(t, "cmyk.jpg"), []byte("Adobe"), []byte("adobe"), 1)
	progressive := bytes.Replace(read(t, "progressive.jpg"), []byte{0xff, 0xc2}, []byte{0xff, 0xc9}, 1) // arithmetic coding
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                  {nil, "empty"},
		"a text":                   {[]byte("hello, I am a picture"), "PNG, JPEG and WebP are read"},
		"GIF":                      {[]byte("GIF89a......"), "a GIF"},
		"TIFF":                     {[]byte("II*\x00\x08\x00\x00\x00"), "a TIFF"},
		"BMP":                      {[]byte("BM\x36\x00"), "a BMP"},
		"HEIC":                     {[]byte("\x00\x00\x00\x18ftypheic\x00\x00"), "a HEIC"},
		"AVIF":                     {[]byte("\x00\x00\x00\x1cftypavif\x00\x00"), "an AVIF"},
		"60,000 x 60,000 PNG":      {pngHead(60000, 60000, 8, 2), "60000 x 60000 pixels; at most 200 million"},
		"one pixel, 200 M high":    {pngHead(1, 190_000_000, 1, 0), "at most 65535 a side"},
		"no width":                 {pngHead(0, 10, 8, 2), "non-positive dimension"},
		"a lying PNG":              {pngHead(14000, 14000, 16, 6), "need 1519379 bytes or more, and it has 51"},
		"a lying JPEG":             {resized(small, 14000, 14000), "14000 x 14000 pixels need"},
		"a large JPEG":             {resized(small, 60000, 60000), "at most 200 million"},
		"a JPEG without height":    {resized(small, 8, 0), "nothing to see"},
		"half a PNG":               {read(t, "noise.png")[:2000], "the PNG cannot be read"},
		"half a JPEG":              {read(t, "420.jpg")[:1000], "the JPEG cannot be read"},
		"half a WebP":              {read(t, "lossy.webp")[:400], "the WebP cannot be read"},
		"the signature of a PNG":   {read(t, "noise.png")[:8], "ends too early"},
		"the beginning of a JPEG":  {read(t, "420.jpg")[:3], "ends too early"},
		"a PNG with a wrong sum":   {append(read(t, "text.png")[:60], 0, 0, 0, 0), "the PNG cannot be read"},
		"CMYK without Adobe":       {noAdobe, "4-component JPEG doesn't have Adobe"},
		"arithmetic coding":        {progressive, "the JPEG cannot be read"},
		"an animation":             {[]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x07\x00\x00\x07\x00\x00"), "animation"},
		"a WebP of 16,384 squared": {[]byte("RIFF\x12\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f"), "16384 x 16384 pixels; at most"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := Decode(bytes.NewReader(c.data))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: picture %v, error %v, want one with %q", name, p != nil, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

func TestNamesDoNotDecide(t *testing.T) {
	// Decode sees bytes alone, so that a JPEG called .png is a JPEG.
	if p := decodeFile(t, "444.jpg"); p.Width != 64 {
		t.Errorf("width %d, want 64", p.Width)
	}
}

// Go's conversion to RGBA would give black.
func TestTransparentPixelsKeepTheirColour(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	m.SetNRGBA(0, 0, color.NRGBA{200, 100, 50, 0})
	m.SetNRGBA(1, 0, color.NRGBA{10, 20, 30, 128})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	p, err := Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{200, 100, 50, 10, 20, 30}; !bytes.Equal(p.Pix, want) {
		t.Errorf("%v, want %v", p.Pix, want)
	}
}

func TestSixteenBitGreyKeepsItsUpperEight(t *testing.T) {
	m := image.NewGray16(image.Rect(0, 0, 3, 1))
	for x, v := range []uint16{0x00ff, 0x1234, 0xffff} {
		m.SetGray16(x, 0, color.Gray16{Y: v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	p, err := Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{0, 0, 0, 0x12, 0x12, 0x12, 255, 255, 255}; !bytes.Equal(p.Pix, want) {
		t.Errorf("%v, want %v", p.Pix, want)
	}
}

// The eight ways to hold a camera show one picture.
func TestOrientationsShowOnePicture(t *testing.T) {
	p := &Picture{3, 2, make([]uint8, 18)}
	for i := range p.Pix {
		p.Pix[i] = uint8(i)
	}
	undo := map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
	for n, back := range undo {
		turned := p.turned(n)
		if n > 1 && bytes.Equal(turned.Pix, p.Pix) {
			t.Errorf("orientation %d changes nothing", n)
		}
		if again := turned.turned(back); again.Width != 3 || !bytes.Equal(again.Pix, p.Pix) {
			t.Errorf("orientation %d, then %d: %v", n, back, again.Pix)
		}
	}
}

// Every filter's weights add up to 1, so that one colour stays itself.
func TestOneColourStaysItselfAtEverySize(t *testing.T) {
	for f := Nearest; f <= Hamming; f++ {
		for _, v := range []uint8{0, 1, 127, 254, 255} {
			p := &Picture{13, 11, bytes.Repeat([]uint8{v}, 3*13*11)}
			for _, s := range [][2]int{{1, 1}, {7, 5}, {13, 40}, {100, 11}, {29, 31}} {
				for _, got := range p.Resize(s[0], s[1], f).Pix {
					if got != v {
						t.Fatalf("filter %d to %v: %d becomes %d", f, s, v, got)
					}
				}
			}
		}
	}
}

func TestSizesAreBoundedBeforeMemoryIsTaken(t *testing.T) {
	pr, err := Parse([]byte(`{"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 1024}}`))
	if err != nil {
		t.Fatal(err)
	}
	thin := &Picture{1, 60000, make([]uint8, 3*60000)}
	if _, err := pr.Seen(thin); err == nil || !strings.Contains(err.Error(), "1024 x 61440000") {
		t.Errorf("a line is resized: %v", err)
	}
}

func TestBadProcessorsAreRefusedByName(t *testing.T) {
	const vit = `{"image_processor_type": "ViTImageProcessor", `
	for text, want := range map[string]string{
		`{`:  "get the file again",
		`{}`: "names no processor",
		`{"image_processor_type": "CLIPImageProcessor"}`:                     `"CLIPImageProcessor" is not done here`,
		vit + `"do_pad": true}`:                                              `"do_pad" is not done`,
		vit + `"resample": 6}`:                                               `"resample" is 6`,
		vit + `"size": 0}`:                                                   "from 1 to 4096",
		vit + `"size": 100000}`:                                              "from 1 to 4096",
		vit + `"size": {"height": 224}}`:                                     "from 1 to 4096",
		vit + `"size": "big"}`:                                               "is to be a number",
		vit + `"size": {"shortest_edge": 9, "width": 9}}`:                    "both",
		vit + `"size": {"max_height": 9, "max_width": 9}}`:                   `"max_`,
		vit + `"do_center_crop": true, "crop_size": {"shortest_edge": 224}}`: "only a shortest edge",
		vit + `"image_mean": [0.5]}`:                                         "one number or three",
		vit + `"image_std": [0.5, 0, 0.5]}`:                                  "not finite",
		vit + `"rescale_factor": 1e300}`:                                     "not finite",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	if _, err := Load(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "no preprocessor_config.json") {
		t.Errorf("an empty folder: %v", err)
	}
}

// What is absent is as the class says.
func TestDefaultsAreThoseOfTheClass(t *testing.T) {
	load := func(text string) *Processor {
		t.Helper()
		p, err := Load(fstest.MapFS{preprocessor.File: {Data: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := &Picture{50, 40, make([]uint8, 3*50*40)}
	for _, text := range []string{
		`{"image_processor_type": "ViTImageProcessorFast"}`,
		`{"feature_extractor_type": "DeiTFeatureExtractor", "crop_size": null}`,
	} {
		values, h, w, err := load(text).Pixels(p)
		if err != nil || h != 224 || w != 224 || len(values) != 3*224*224 || values[0] != -1 {
			t.Errorf("%s: %d x %d, first value %v, error %v", text, w, h, values[0], err)
		}
	}
	if v := load(`{"image_processor_type": "ViTImageProcessor"}`).values[0][255]; math.Abs(float64(v)-1) > 0 {
		t.Errorf("white is %v, want 1", v)
	}
}
