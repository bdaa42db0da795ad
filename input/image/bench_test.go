package image

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
)

// A photograph of 12 megapixels to what ViT-Base takes.
func BenchmarkPhotograph(b *testing.B) {
	m := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for i := range m.Pix {
		x, y := i/4%4000, i/16000
		m.Pix[i] = uint8(x*y/5000 + i%4*x/16)
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, m, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	data := photo.Bytes()
	pr, err := Parse([]byte(`{"image_processor_type": "ViTImageProcessor"}`))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, _, err := pr.Read(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResize(b *testing.B) {
	p := newPicture(4000, 3000)
	for name, f := range map[string]Filter{"bilinear": Bilinear, "bicubic": Bicubic} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p.Resize(224, 224, f)
			}
		})
	}
}
