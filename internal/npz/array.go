package npz

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Array is one array as it was stored.
type Array struct {
	Name  string // as in the archive, without .npy
	Shape []int  // empty for a single number

	file    string // for errors; empty where the name says all
	element element
	data    []byte // in C order, little-endian
}

// ReadNpy reads one array in .npy format. The name stands for it in errors.
func ReadNpy(r io.Reader, name string, limits Limits) (*Array, error) {
	a := &Array{Name: name}
	h, _, err := readHeader(r)
	if err == nil {
		err = limits.withDefaults().checkArray(h.bytes)
	}
	if err == nil {
		err = a.read(r, h, 0)
	}
	if err != nil {
		return nil, a.wrap(err)
	}
	return a, nil
}

// read takes the data that follow the header h, and the end of the input. Of
// the memory for them, sure bytes may be allocated at once.
func (a *Array) read(r io.Reader, h header, sure int64) error {
	data := make([]byte, 0, min(h.bytes, max(sure, 1<<20)))
	for int64(len(data)) < h.bytes {
		if len(data) == cap(data) {
			data = slices.Grow(data, int(min(h.bytes-int64(len(data)), int64(len(data)))))
		}
		room := data[len(data):min(int64(cap(data)), h.bytes)]
		n, err := io.ReadFull(r, room)
		data = data[:len(data)+n]
		if err != nil {
			return cut(err)
		}
	}
	// The end must follow; a zip archive compares its checksum there.
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("more data follow than its shape %v of %s takes; save it again with np.save or np.savez", h.shape, h.element.name())
	case !errors.Is(err, io.EOF):
		return cut(err)
	}
	if h.element.big {
		swapBytes(data, h.element.size)
	}
	if h.fortran {
		data = transpose(data, h.shape, h.element.size)
	}
	a.Shape, a.element, a.data = h.shape, h.element, data
	return nil
}

// swapBytes reverses the bytes of every element.
func swapBytes(data []byte, size int) {
	for ; len(data) > 0; data = data[size:] {
		slices.Reverse(data[:size])
	}
}

// transpose returns data, whose first index runs fastest, in C order.
func transpose(data []byte, shape []int, size int) []byte {
	if len(shape) < 2 || len(data) == 0 {
		return data
	}
	stride := make([]int, len(shape)) // of each index, in elements of data
	for i, n := 0, 1; i < len(shape); i++ {
		stride[i] = n
		n *= shape[i]
	}
	out := make([]byte, 0, len(data))
	index := make([]int, len(shape))
	for from := 0; len(out) < len(data); {
		out = append(out, data[from*size:(from+1)*size]...)
		for i := len(shape) - 1; i >= 0; i-- { // count up, the last index first
			index[i]++
			from += stride[i]
			if index[i] < shape[i] {
				break
			}
			from -= index[i] * stride[i]
			index[i] = 0
		}
	}
	return out
}

// Len returns the number of elements.
func (a *Array) Len() int {
	return len(a.data) / a.element.size
}

// DType returns NumPy's name for the type in which the elements were stored,
// such as "float32".
func (a *Array) DType() string {
	return a.element.name()
}

// Place names element i of the data in C order as Python would: "q[3,5]".
func (a *Array) Place(i int) string {
	if len(a.Shape) == 0 {
		return a.Name
	}
	index := make([]string, len(a.Shape))
	for j := len(a.Shape) - 1; j >= 0; j-- {
		index[j] = fmt.Sprint(i % a.Shape[j])
		i /= a.Shape[j]
	}
	return a.Name + "[" + strings.Join(index, ",") + "]"
}

// wrap names the file and the array in err.
func (a *Array) wrap(err error) error {
	if a.file == "" {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	return fmt.Errorf("%s: array %q: %w", a.file, a.Name, err)
}
