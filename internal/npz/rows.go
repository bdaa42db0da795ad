package npz

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// RowFormat says what a row of a matrix is made of, as its header does.
type RowFormat struct {
	Type  string `json:"type"`  // NumPy's: "<f4"
	Width int    `json:"width"` // D
}

// Rows reads a matrix [N, D] in .npy format row by row as they come. The N of its
// header is not relied on: whoever writes to a pipe does not know it, and a file
// may grow.
type Rows struct {
	r        *bufio.Reader
	name     string
	format   RowFormat
	element  element
	declared int   // N of the header, -1 without one
	header   int64 // bytes
	row      int   // that comes next
	raw      []byte
}

// maxRowBytes bounds a row, for which memory is taken on the word of a header.
const maxRowBytes = 1 << 24

// NewRows reads the header. The name stands for the input in errors.
func NewRows(r io.Reader, name string) (*Rows, error) {
	rows := &Rows{name: name, declared: -1}
	if err := rows.begin(bufio.NewReaderSize(r, 1<<16)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

// ContinueRows reads what follows the first n rows of a matrix: the rest of its
// bytes, or further rows with a header of their own, of the same format.
func ContinueRows(r io.Reader, name string, format RowFormat, n int) (*Rows, error) {
	rows := &Rows{name: name, declared: -1, row: n}
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(len(magic))
	switch {
	case err != nil && err != io.EOF:
	case bytes.Equal(head, []byte(magic)):
		err = rows.begin(b)
		if err == nil && rows.format != format {
			err = fmt.Errorf("its rows are %v, and those before were %v; give more of the same", rows.format, format)
		}
	default:
		rows.r, rows.format = b, format
		rows.element, err = parseElement(format.Type)
		if err == nil {
			err = rows.room()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

func (r *Rows) begin(b *bufio.Reader) error {
	h, length, err := readHeader(b)
	if err != nil {
		return err
	}
	if len(h.shape) != 2 {
		return fmt.Errorf("its shape is %v, want two axes, rows [N,D]; reshape it: x.reshape(-1, d)", h.shape)
	}
	if h.fortran && h.shape[0] > 1 {
		return errors.New("it is in Fortran order, column by column, so that its first row ends with its last byte; save it as rows: np.ascontiguousarray(x)")
	}
	r.r, r.element, r.header, r.declared = b, h.element, length, h.shape[0]
	r.format = RowFormat{h.element.descr(), h.shape[1]}
	return r.room()
}

func (r *Rows) room() error {
	if w := r.format.Width; w < 1 || w > maxRowBytes/r.element.size {
		return fmt.Errorf("its rows are of width %d; from 1 to %d are read", w, maxRowBytes/r.element.size)
	}
	r.raw = make([]byte, r.format.Width*r.element.size)
	return nil
}

// Format says what the rows are made of.
func (r *Rows) Format() RowFormat { return r.format }

// Declared returns the number of rows that the header says, -1 without a header.
func (r *Rows) Declared() int { return r.declared }

// Offset returns where row n begins in the file, in bytes.
func (r *Rows) Offset(n int) int64 { return r.header + int64(n)*int64(len(r.raw)) }

// Seek goes on with row n of the file that the rows are read from.
func (r *Rows) Seek(file io.ReadSeeker, n int) error {
	if _, err := file.Seek(r.Offset(n), io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", r.name, reason(err))
	}
	r.r.Reset(file)
	r.row = n
	return nil
}

// Next reads a row, [Width] numbers, which must be finite. The end, between two
// rows, is io.EOF.
func (r *Rows) Next(row []float64) error {
	n, err := io.ReadFull(r.r, r.raw)
	switch {
	case err == io.EOF:
		return err
	case err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%s: it ends within row %d, after %d of its %d bytes; the rows before are whole", r.name, r.row, n, len(r.raw))
	case err != nil:
		return err
	}
	if r.element.big {
		swapBytes(r.raw, r.element.size)
	}
	a := Array{element: r.element, data: r.raw}
	for i := range row {
		row[i] = a.float(i)
		if row[i]-row[i] != 0 {
			return fmt.Errorf("%s: row %d, column %d is %v; every number must be finite: find what produced it with np.argwhere(~np.isfinite(x))", r.name, r.row, i, row[i])
		}
	}
	r.row++
	return nil
}

// String is as a message names it: "<f4 of width 3".
func (f RowFormat) String() string { return fmt.Sprintf("%s of width %d", f.Type, f.Width) }
