package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/internal/atomicfile"
)

// Element is a type whose slices can be stored.
type Element interface {
	float32 | float64 | int32 | int64 | uint8
}

// Tensor is a named array to be written. It is made by [New].
type Tensor struct {
	name  string
	dtype DType
	shape []int
	data  source
}

// source is a slice of some element type.
type source interface {
	// encode appends elements from to to as little-endian dtype.
	encode(dst []byte, dtype DType, from, to int) ([]byte, error)
	// stores says whether the elements can be written as dtype.
	stores(dtype DType) bool
}

// New returns the tensor of the given row-major data, stored in their own
// type. The data are not copied. New panics when the shape has a negative
// dimension or does not hold len(data) elements.
func New[T Element](name string, shape []int, data []T) Tensor {
	n := 1
	for _, d := range shape {
		if d < 0 {
			panic(fmt.Sprintf("safetensors: tensor %q has the negative dimension %d", name, d))
		}
		n *= d
	}
	if n != len(data) {
		panic(fmt.Sprintf("safetensors: tensor %q of shape %v has %d elements", name, shape, len(data)))
	}
	values := elements[T](data)
	return Tensor{name, values.own(), slices.Clone(shape), values}
}

// As returns the tensor stored as another floating-point type: F16, BF16, F32
// or F64, each element rounded to the nearest, ties to even. As panics where
// the data or the type are not floating-point.
func (t Tensor) As(dtype DType) Tensor {
	if !t.data.stores(dtype) {
		panic(fmt.Sprintf("safetensors: tensor %q of %s cannot be stored as %s", t.name, t.dtype, dtype))
	}
	t.dtype = dtype
	return t
}

// Write writes the tensors and the metadata, either of which may be empty. The
// same content gives the same bytes, whatever the order of the tensors: they
// are laid out as the reference implementation does, wide elements first and
// then by name, so that all data are aligned.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	tensors = slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.dtype.Bits(), a.dtype.Bits()), strings.Compare(a.name, b.name))
	})
	header, err := encodeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := t.write(w); err != nil {
			return fmt.Errorf("tensor %q: %w", t.name, err)
		}
	}
	return nil
}

// WriteFile replaces the file path by what [Write] writes, whole or not at all.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		return Write(w, tensors, metadata)
	})
}

// encodeHeader returns the length prefix and the header, padded with spaces so
// that the data begin at a multiple of 8 bytes.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	header := bytes.NewBuffer(make([]byte, prefixBytes))
	header.WriteByte('{')
	if len(metadata) > 0 {
		writeString(header, metadataKey)
		header.WriteString(":{")
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("metadata %q is not UTF-8 text; encode it, for example as base64", key)
			}
			if i > 0 {
				header.WriteByte(',')
			}
			writeString(header, key)
			header.WriteByte(':')
			writeString(header, metadata[key])
		}
		header.WriteByte('}')
	}
	seen := map[string]bool{}
	var end int64
	for _, t := range tensors {
		switch {
		case t.data == nil:
			return nil, errors.New("a tensor was not made by New")
		case t.name == metadataKey:
			return nil, fmt.Errorf("no tensor can be called %s, which the format reserves; rename it", metadataKey)
		case !utf8.ValidString(t.name):
			return nil, fmt.Errorf("the tensor name %q is not UTF-8 text; rename it", t.name)
		case seen[t.name]:
			return nil, fmt.Errorf("two tensors are called %q; rename one", t.name)
		}
		seen[t.name] = true
		size, err := byteSize(t.dtype, t.shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.name, err)
		}
		if header.Len() > prefixBytes+1 {
			header.WriteByte(',')
		}
		writeString(header, t.name)
		shape := strings.Join(strings.Fields(fmt.Sprint(t.shape)), ",")
		fmt.Fprintf(header, `:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, t.dtype, shape, end, end+size)
		end += size
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	n := header.Len() - prefixBytes
	if n > maxHeaderBytes {
		return nil, fmt.Errorf("the header takes %d bytes, more than the %d that the format allows; split the file", n, maxHeaderBytes)
	}
	binary.LittleEndian.PutUint64(header.Bytes(), uint64(n))
	return header.Bytes(), nil
}

// writeString writes s as a JSON string.
func writeString(w *bytes.Buffer, s string) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("safetensors: " + err.Error()) // a string always encodes
	}
	w.Truncate(w.Len() - 1) // the newline that Encode adds
}

// write writes the data chunk by chunk.
func (t Tensor) write(w io.Writer) error {
	n := Info{Shape: t.shape}.Len()
	perChunk := chunkBytes / (t.dtype.Bits() / 8)
	var buffer []byte
	for from := 0; from < n; from += perChunk {
		var err error
		if buffer, err = t.data.encode(buffer[:0], t.dtype, from, min(from+perChunk, n)); err != nil {
			return err
		}
		if _, err := w.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

// elements is the source of every element type.
type elements[T Element] []T

// own returns the type in which elements are stored unless told otherwise.
func (e elements[T]) own() DType {
	switch any(e).(type) {
	case elements[float32]:
		return F32
	case elements[float64]:
		return F64
	case elements[int32]:
		return I32
	case elements[int64]:
		return I64
	}
	return U8
}

func (e elements[T]) stores(d DType) bool {
	if own := e.own(); own != F32 && own != F64 {
		return d == own
	}
	return d == F16 || d == BF16 || d == F32 || d == F64
}

func (e elements[T]) encode(dst []byte, d DType, from, to int) ([]byte, error) {
	small := smallFormat(d)
	for i, x := range e[from:to] {
		switch d {
		case U8:
			dst = append(dst, byte(x))
		case I32:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(x))
		case I64:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
		case F64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(x)))
		case F32:
			y := float32(x)
			if math.IsInf(float64(y), 0) && !math.IsInf(float64(x), 0) {
				return nil, tooLarge(from+i, float64(x), d)
			}
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(y))
		case F16, BF16:
			bits, ok := small.round(float64(x))
			if !ok {
				return nil, tooLarge(from+i, float64(x), d)
			}
			dst = binary.LittleEndian.AppendUint16(dst, bits)
		}
	}
	return dst, nil
}

func tooLarge(i int, x float64, d DType) error {
	return fmt.Errorf("element %d is %g, too large for %s; store a wider type", i, x, d)
}
