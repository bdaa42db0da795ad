package stream

import (
	"bufio"
	"fmt"
	"io"
	"math"
)

// IDs reads token ids as decimal numbers between white space, commas and square
// brackets, so that JSON arrays serve as well as words.
type IDs struct {
	r      *bufio.Reader
	name   string
	offset int64
	ids    [1]int
}

// NewIDs returns the ids of r, which is called name in errors and begins at an
// offset of the input.
func NewIDs(r io.Reader, name string, offset int64) *IDs {
	return &IDs{r: bufio.NewReaderSize(r, 1<<16), name: name, offset: offset}
}

// Next implements Source: a piece is one id.
func (s *IDs) Next() (ids []int, bytes int, err error) {
	id, digits := 0, 0
	for {
		c, err := s.r.ReadByte()
		if err == io.EOF && digits > 0 {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		bytes++
		if '0' <= c && c <= '9' && id <= (math.MaxInt32-9)/10 {
			id = 10*id + int(c-'0')
			digits++
			continue
		}
		switch c {
		case ' ', '\t', '\r', '\n', ',', '[', ']':
		default:
			return nil, 0, fmt.Errorf("%s: byte %d, %q, belongs to no token id; write ids as numbers with spaces or commas between", s.name, s.offset+int64(bytes)-1, c)
		}
		if digits > 0 {
			break
		}
	}
	s.offset += int64(bytes)
	s.ids[0] = id
	return s.ids[:], bytes, nil
}
