package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const (
	prefixBytes    = 8           // the header's length, little-endian
	maxHeaderBytes = 100_000_000 // the limit of the reference implementation
	metadataKey    = "__metadata__"
)

// Info describes a tensor of a file.
type Info struct {
	Name  string
	DType DType
	Shape []int // empty for a single number; shared, not to be changed

	// The data lie at Offset (from the start of the file) and take Size bytes.
	Offset, Size int64
}

// Len returns the number of elements.
func (t Info) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// readHeader reads the prefix and the header of a file of size bytes and
// returns its tensors in the order of their data, and its metadata.
func readHeader(r io.ReaderAt, size int64) ([]Info, map[string]string, error) {
	if size < prefixBytes {
		return nil, nil, fmt.Errorf("truncated: the file has %d bytes, too few for a header; download or copy it again", size)
	}
	var prefix [prefixBytes]byte
	if err := readAt(r, prefix[:], 0); err != nil {
		return nil, nil, err
	}
	if string(prefix[:]) == "version " {
		return nil, nil, errors.New("this is a pointer of Git LFS, not the file itself; fetch it with \"git lfs pull\"")
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeaderBytes {
		return nil, nil, fmt.Errorf("not a safetensors file: its first 8 bytes announce a header of %d bytes (at most %d are allowed); check that this is the right file", n, maxHeaderBytes)
	}
	if int64(n) > size-prefixBytes {
		return nil, nil, fmt.Errorf("truncated: the file has %d bytes, its header alone takes %d; download or copy it again", size, n+prefixBytes)
	}
	text := make([]byte, n)
	if err := readAt(r, text, prefixBytes); err != nil {
		return nil, nil, err
	}
	tensors, metadata, err := parseHeader(text)
	if err != nil {
		return nil, nil, err
	}
	if err := locate(tensors, prefixBytes+int64(n), size); err != nil {
		return nil, nil, err
	}
	return tensors, metadata, nil
}

// locate checks that the tensors' data follow each other without overlap or
// holes from byte start to the end of the file, sorts them in that order and
// makes their offsets count from the start of the file.
func locate(tensors []Info, start, size int64) error {
	slices.SortFunc(tensors, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Size, b.Size)) // an empty one comes first
	})
	var end int64
	previous := "the header"
	for i, t := range tensors {
		switch {
		case t.Offset < end:
			return corrupt("tensor %q: it overlaps %s: it begins at byte %d of the data, before byte %d", t.Name, previous, t.Offset, end)
		case t.Offset > end:
			return corrupt("bytes %d to %d of the data, between %s and tensor %q, belong to no tensor", end, t.Offset, previous, t.Name)
		}
		if t.Size > math.MaxInt64-start-end {
			return corrupt("tensor %q: it ends beyond any file", t.Name)
		}
		tensors[i].Offset += start
		end += t.Size
		previous = fmt.Sprintf("tensor %q", t.Name)
	}
	switch {
	case start+end > size:
		return fmt.Errorf("truncated: the file has %d bytes, its header promises %d; download or copy it again", size, start+end)
	case start+end < size:
		return fmt.Errorf("%d bytes follow the last tensor: the file has %d bytes, its header promises %d; download or write it again", size-start-end, size, start+end)
	}
	return nil
}

// byteSize returns the bytes that a tensor of the shape takes.
func byteSize(d DType, shape []int) (int64, error) {
	width := d.Bits()
	if width == 0 {
		return 0, fmt.Errorf("unknown type %q; store it as F32", string(d))
	}
	// The bits must be countable, and the elements fit in memory once they are
	// float64. Zeros are left out of the product, so that no other order of
	// multiplication overflows.
	product, empty := uint64(1), false
	for _, n := range shape {
		if n == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(product, uint64(n))
		if hi != 0 || lo > math.MaxInt64/64 || lo > math.MaxInt/8 {
			return 0, corrupt("impossible shape %v: more elements than can be addressed", shape)
		}
		product = lo
	}
	if empty {
		return 0, nil
	}
	total := product * uint64(width)
	if total%8 != 0 {
		return 0, corrupt("shape %v of %d-bit elements does not fill whole bytes", shape, width)
	}
	return int64(total / 8), nil
}

// corrupt is the error of a header that no writer should have made.
func corrupt(format string, args ...any) error {
	return fmt.Errorf(format+"; the file is corrupt: download it again or write it anew", args...)
}

// readAt fills p from offset off.
func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("the file ended at byte %d while it was read; was it changed meanwhile?", off+int64(n))
	}
	return err
}

// parseHeader parses the header's JSON. Offsets count from the start of the data.
func parseHeader(text []byte) ([]Info, map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, nil, errors.New("not a safetensors file: its header is not UTF-8 text; check that this is the right file")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, errors.New("not a safetensors file: its header does not begin with {; check that this is the right file")
	}
	var (
		tensors  []Info
		metadata = map[string]string{}
	)
	p := newObjectParser(text)
	err := p.object("the header", func(name string) error {
		if name == metadataKey {
			return p.object(metadataKey, func(key string) error {
				value, err := p.string(fmt.Sprintf("%s[%q]", metadataKey, key))
				metadata[key] = value
				return err
			})
		}
		t, err := p.tensor(name)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		tensors = append(tensors, t)
		return nil
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, nil, err
	}
	return tensors, metadata, nil
}

// tensor parses one entry of the header.
func (p *objectParser) tensor(name string) (Info, error) {
	t := Info{Name: name}
	var offsets []int64
	var hasType, hasShape bool
	err := p.object("its entry", func(field string) (err error) {
		switch field {
		case "dtype":
			hasType = true
			var s string
			s, err = p.string("its dtype")
			t.DType = DType(s)
		case "shape":
			hasShape = true
			var dims []int64
			dims, err = p.naturals("its shape")
			t.Shape = make([]int, len(dims))
			for i, d := range dims {
				if d > math.MaxInt {
					return corrupt("impossible shape %v: more elements than can be addressed", dims)
				}
				t.Shape[i] = int(d)
			}
		case "data_offsets":
			offsets, err = p.naturals("its data_offsets")
		default: // the reference implementation ignores other fields too
			err = p.skip()
		}
		return err
	})
	if err != nil {
		return Info{}, err
	}
	if !hasType || !hasShape || len(offsets) != 2 {
		return Info{}, corrupt("it lacks a dtype, a shape or two data_offsets")
	}
	if offsets[1] < offsets[0] {
		return Info{}, corrupt("it ends at byte %d of the data, before it begins at byte %d", offsets[1], offsets[0])
	}
	t.Offset, t.Size = offsets[0], offsets[1]-offsets[0]
	want, err := byteSize(t.DType, t.Shape)
	if err != nil {
		return Info{}, err
	}
	if t.Size != want {
		return Info{}, corrupt("%d bytes of data where its shape %v of %s takes %d", t.Size, t.Shape, t.DType, want)
	}
	return t, nil
}
