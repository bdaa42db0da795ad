package npz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
)

const (
	magic = "\x93NUMPY"

	// maxHeaderBytes is what version 1.0 can express; real headers of readable
	// types take a hundred bytes.
	maxHeaderBytes = 1<<16 - 1
)

// header is what stands before an array's data.
type header struct {
	element element
	fortran bool // the first index runs fastest
	shape   []int
	bytes   int64 // of the data that follow
}

// readHeader reads the header and returns its own length in bytes beside it.
func readHeader(r io.Reader) (h header, length int64, err error) {
	start := make([]byte, len(magic)+2)
	if _, err := io.ReadFull(r, start); err != nil {
		return header{}, 0, cut(err)
	}
	if string(start[:len(magic)]) != magic {
		return header{}, 0, errors.New("it is not in NumPy's .npy format; save it with np.save or np.savez")
	}
	major, minor := start[len(magic)], start[len(magic)+1]
	width := 4
	switch {
	case major == 1 && minor == 0:
		width = 2
	case (major == 2 || major == 3) && minor == 0:
	default:
		return header{}, 0, fmt.Errorf("version %d.%d of the .npy format is not known; save it with a current NumPy", major, minor)
	}
	prefix := make([]byte, 4)
	if _, err := io.ReadFull(r, prefix[:width]); err != nil {
		return header{}, 0, cut(err)
	}
	n := binary.LittleEndian.Uint32(prefix)
	if n > maxHeaderBytes {
		return header{}, 0, fmt.Errorf("its header takes %d bytes, more than the %d that are read; save it as a plain array of numbers", n, maxHeaderBytes)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return header{}, 0, cut(err)
	}
	h, err = parseHeader(string(text))
	return h, int64(len(start)+width) + int64(n), err
}

// cut explains an input that ends inside an array.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("truncated: the data end too early; copy or save the file again")
	}
	return err
}

// parseHeader parses the header's text, a Python dict such as
//
//	{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
func parseHeader(text string) (header, error) {
	var (
		h     header
		descr string
		seen  = map[string]bool{}
		p     = literal{text: text}
	)
	err := p.dict(func(key string) (err error) {
		if seen[key] {
			return fmt.Errorf("%q comes twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			if next := p.peek(); next == '[' || next == '(' {
				return errStructured
			}
			descr, err = p.string()
		case "fortran_order":
			h.fortran, err = p.bool()
		case "shape":
			h.shape, err = p.tuple()
		default:
			err = fmt.Errorf("%q is no key of a header", key)
		}
		return err
	})
	if errors.Is(err, errStructured) {
		return header{}, err
	}
	if err == nil && len(seen) != 3 {
		err = errors.New("descr, fortran_order or shape is missing")
	}
	if err != nil {
		return header{}, fmt.Errorf("bad header %q: %w; save it again with np.save or np.savez", abbreviate(text), err)
	}
	if h.element, err = parseElement(descr); err != nil {
		return header{}, err
	}
	h.bytes, err = byteSize(h.shape, h.element.size)
	return h, err
}

var errStructured = errors.New("it is a structured array; save each of its fields as an array of its own: np.savez(path, x=a['x'])")

// byteSize returns the bytes that an array takes.
func byteSize(shape []int, size int) (int64, error) {
	// The array must fit in memory once it is float64. Zeros are left out of
	// the product, so that no other order of multiplication overflows.
	product, empty := uint64(size), false
	for _, n := range shape {
		if n == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(product, uint64(n))
		if hi != 0 || lo > math.MaxInt/8 {
			return 0, fmt.Errorf("its shape %v has more elements than can be addressed; save it again with np.save or np.savez", shape)
		}
		product = lo
	}
	if empty {
		return 0, nil
	}
	return int64(product), nil
}

// abbreviate shortens text for a message.
func abbreviate(text string) string {
	text = strings.TrimRight(text, " \n")
	if len(text) > 80 {
		return text[:80] + "..."
	}
	return text
}
