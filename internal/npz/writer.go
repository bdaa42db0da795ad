package npz

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tripartite-go/tripartite/internal/atomicfile"
)

// Writer writes an .npz file, one array after the other, in C order. The same
// calls give the same bytes: there are no times in it.
type Writer struct {
	// Compress deflates the arrays written from now on, which seldom gains
	// much for floating-point numbers.
	Compress bool

	zip   *zip.Writer
	names map[string]bool
}

// NewWriter returns a Writer to w, which must be closed to complete the file.
func NewWriter(w io.Writer) *Writer {
	return &Writer{zip: zip.NewWriter(w), names: map[string]bool{}}
}

// WriteFile replaces the file path by the arrays that write writes, whole or
// not at all. It closes the Writer.
func WriteFile(path string, write func(w *Writer) error) error {
	return atomicfile.Write(path, func(out io.Writer) error {
		w := NewWriter(out)
		if err := write(w); err != nil {
			return err
		}
		return w.Close()
	})
}

// Float64 writes an array of the given shape, which is empty for a single
// number. It panics when the shape does not hold len(data) elements, as do
// Float32 and Int64.
func (w *Writer) Float64(name string, shape []int, data []float64) error {
	return add(w, name, shape, data)
}

// Float32 writes an array as Float64 does.
func (w *Writer) Float32(name string, shape []int, data []float32) error {
	return add(w, name, shape, data)
}

// Int64 writes an array as Float64 does.
func (w *Writer) Int64(name string, shape []int, data []int64) error {
	return add(w, name, shape, data)
}

// Close completes the file; it does not close the underlying writer.
func (w *Writer) Close() error {
	return w.zip.Close()
}

// add writes one member.
func add[T number](w *Writer, name string, shape []int, data []T) error {
	if name == "" || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("an array cannot be called %q; use a name without slashes", name)
	}
	if w.names[name] {
		return fmt.Errorf("two arrays are called %q; rename one", name)
	}
	w.names[name] = true
	member := &zip.FileHeader{
		Name:     name + ".npy",
		Method:   zip.Store,
		Modified: time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC), // the first that zip knows: no times in results
	}
	if w.Compress {
		member.Method = zip.Deflate
	}
	out, err := w.zip.CreateHeader(member)
	if err == nil {
		err = WriteNpy(out, shape, data)
	}
	if err != nil {
		return fmt.Errorf("array %q: %w", name, err)
	}
	return nil
}

// number is a type whose slices can be written.
type number interface{ float32 | float64 | int64 }

// WriteNpy writes one array in .npy format, version 1.0. It panics when the
// shape does not hold len(data) elements.
func WriteNpy[T number](w io.Writer, shape []int, data []T) error {
	n := 1
	for _, d := range shape {
		n *= d
	}
	if n != len(data) || slices.ContainsFunc(shape, func(d int) bool { return d < 0 }) {
		panic(fmt.Sprintf("npz: an array of shape %v has %d elements", shape, len(data)))
	}
	header, err := npyHeader[T](shape)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	const chunk = 1 << 15 // elements
	var buffer []byte
	for len(data) > 0 {
		n := min(chunk, len(data))
		buffer = appendData(buffer[:0], data[:n])
		if _, err := w.Write(buffer); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// npyHeader returns all that stands before the data, padded with spaces to a
// multiple of 64 bytes as NumPy does.
func npyHeader[T number](shape []int) ([]byte, error) {
	dims := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(shape), "[]")), ", ")
	if len(shape) == 1 {
		dims += ","
	}
	var zero T
	descr := "<f8"
	switch any(zero).(type) {
	case float32:
		descr = "<f4"
	case int64:
		descr = "<i8"
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims)
	const prefix = len(magic) + 4
	for (prefix+len(text)+1)%64 != 0 {
		text += " "
	}
	text += "\n"
	if len(text) > math.MaxUint16 {
		return nil, errors.New("the shape has too many dimensions for the .npy format")
	}
	header := append([]byte(magic), 1, 0)
	header = binary.LittleEndian.AppendUint16(header, uint16(len(text)))
	return append(header, text...), nil
}

// appendData appends the elements, little-endian.
func appendData[T number](dst []byte, data []T) []byte {
	switch data := any(data).(type) {
	case []float32:
		for _, x := range data {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
		}
	case []float64:
		for _, x := range data {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
		}
	case []int64:
		for _, x := range data {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
		}
	}
	return dst
}
