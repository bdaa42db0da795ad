package figure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image/png"
	"io"
	"math"

	"gonum.org/v1/plot/vg"
)

// Figure is a drawing of fixed size. It is not changed by being written.
type Figure struct {
	width, height vg.Length
	description   string // what a reader who cannot see it is told
	draw          func(p *pen, area vg.Rectangle)
}

// Size returns the width and height in millimetres.
func (f *Figure) Size() (width, height float64) {
	return float64(f.width / mm), float64(f.height / mm)
}

// Description says in words what the figure shows.
func (f *Figure) Description() string { return f.description }

func (f *Figure) drawOn(c canvas) {
	f.draw(newPen(c), vg.Rectangle{Max: vg.Point{X: f.width, Y: f.height}})
}

// PNG writes the figure on white at dpi dots per inch, which the file states so
// that it is placed at its size. It panics unless 1 <= dpi <= 2400.
func (f *Figure) PNG(w io.Writer, dpi int) error {
	if dpi < 1 || dpi > 2400 {
		panic(fmt.Sprintf("figure: PNG: dpi is %d, want 1 to 2400", dpi))
	}
	c := newRaster(f.width, f.height, dpi)
	f.drawOn(c)
	var buf bytes.Buffer
	if err := png.Encode(&buf, c.img.Image()); err != nil {
		return fmt.Errorf("encode figure as PNG: %w", err)
	}
	return writeWithResolution(w, buf.Bytes(), dpi)
}

// writeWithResolution writes the PNG file b with a pHYs chunk after its header
// (Portable Network Graphics specification, 3rd edition, section 11.3.4.3).
func writeWithResolution(w io.Writer, b []byte, dpi int) error {
	const header = 8 + 4 + 4 + 13 + 4 // signature, then IHDR: length, type, data, CRC
	perMetre := uint32(math.Round(float64(dpi) / 0.0254))
	chunk := binary.BigEndian.AppendUint32(nil, 9)
	chunk = append(chunk, "pHYs"...)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = append(chunk, 1) // the unit is the metre
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	for _, part := range [][]byte{b[:header], chunk, b[header:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// SVG writes the figure as a file of its own, on white. Its letters are text in
// Liberation Sans or, where that is not installed, in Arial or Helvetica, which
// have the same widths.
func (f *Figure) SVG(w io.Writer) error {
	return f.writeSVG(w, false)
}

// Inline writes the figure as an svg element for an HTML page. It has no ids,
// no background and takes the colour of its letters and lines from the page's
// color property, and that of its open markers from the property --paper.
func (f *Figure) Inline(w io.Writer) error {
	return f.writeSVG(w, true)
}

func (f *Figure) writeSVG(w io.Writer, inline bool) error {
	c := newVector(f.width, f.height, f.description, inline)
	f.drawOn(c)
	_, err := w.Write(c.finish())
	return err
}
