package image

import (
	"bytes"
	"math"
	"os"
	"testing"
)

// FuzzDecode holds that any bytes are a picture of the size that they say, or an
// error.
func FuzzDecode(f *testing.F) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if !file.IsDir() && file.Name() != "expected.gz" && file.Name() != "cases.json" {
			f.Add(read(f, file.Name()))
		}
	}
	f.Add(pngHead(60000, 60000, 8, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, err := sniff(data)
		if err != nil {
			if _, err := Decode(bytes.NewReader(data)); err == nil {
				t.Fatal("bytes of no known format are a picture")
			}
			return
		}
		// A few bytes can be a picture of 200 million pixels, which is allowed and slow.
		if c, err := kind.config(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<20 {
			return
		}
		p, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		if p.Width < 1 || p.Height < 1 || len(p.Pix) != 3*p.Width*p.Height {
			t.Fatalf("%d x %d with %d bytes", p.Width, p.Height, len(p.Pix))
		}
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(jpegEXIF(read(f, "exif-6.jpg")))
	f.Add(pngEXIF(read(f, "exif.png")))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := orientation(data); n < 1 || n > 8 {
			t.Fatalf("orientation %d", n)
		}
	})
}

func FuzzParse(f *testing.F) {
	g := loadGolden(f)
	for _, text := range g.Processors {
		f.Add([]byte(text))
	}
	p := &Picture{3, 2, make([]uint8, 18)}
	f.Fuzz(func(t *testing.T, data []byte) {
		pr, err := Parse(data)
		if err != nil {
			return
		}
		if s := pr.size; s != nil && max(s.height, s.width, s.shortest) > 64 || pr.crop != nil && max(pr.crop.height, pr.crop.width) > 64 {
			return // fine, and slow
		}
		values, h, w, err := pr.Pixels(p)
		if err != nil || len(values) != 3*h*w {
			t.Fatalf("%d values of %d x %d, error %v", len(values), w, h, err)
		}
		for _, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("value %v", v)
			}
		}
	})
}
