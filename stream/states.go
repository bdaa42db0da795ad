package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"unsafe"

	"github.com/tripartite-go/tripartite"
)

// States is an .npy file [rows, width] that grows. Its header counts the rows
// that lie on the disk, so that the file can be read at any time.
type States[F tripartite.Float] struct {
	f     *os.File
	width int
	rows  int    // that the header counts
	buf   []byte // further ones
}

// headerSize is that of the header: room for any number of rows, and a multiple
// of 64 as the format asks for.
const headerSize = 128

// flushBytes is when rows go to the disk.
const flushBytes = 1 << 16

// OpenStates makes the file at path one of rows of that width. Those that are to
// be kept, if any, must be there; the others are cut off.
func OpenStates[F tripartite.Float](path string, width, keep int) (*States[F], error) {
	s := &States[F]{width: width, rows: keep}
	if err := s.open(path); err != nil {
		if s.f != nil {
			s.f.Close()
		}
		return nil, fmt.Errorf("states %s: %w", path, err)
	}
	return s, nil
}

func (s *States[F]) open(path string) (err error) {
	if s.rows == 0 {
		if s.f, err = os.Create(path); err == nil {
			err = s.count(0)
		}
		return opening(err)
	}
	if s.f, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return fmt.Errorf("%w; the memory that is resumed belongs to its first %d rows: give the same file, or leave it out", cause(err), s.rows)
	}
	header := make([]byte, headerSize)
	if _, err := s.f.ReadAt(header, 0); err != nil {
		return fmt.Errorf("it is too short for a header; give the file that the stream wrote")
	}
	there := s.there(header)
	if there < 0 {
		return fmt.Errorf("it holds no %s states of width %d; give the file that the stream wrote", s.kind(), s.width)
	}
	info, err := s.f.Stat()
	if err != nil {
		return opening(err)
	}
	if have := min(int64(there), (info.Size()-headerSize)/int64(s.size()*s.width)); have < int64(s.rows) {
		return fmt.Errorf("it has %d rows, and the memory that is resumed belongs to %d; give the file that the stream wrote with it", have, s.rows)
	}
	if err = s.count(s.rows); err == nil {
		err = s.f.Truncate(s.end())
	}
	return opening(err)
}

// opening says what to do where a file cannot be opened.
func opening(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; check where it leads and whether there is room", cause(err))
}

func (s *States[F]) size() int {
	var x F
	return int(unsafe.Sizeof(x))
}

func (s *States[F]) kind() string { return fmt.Sprint("float", 8*s.size()) }

// literal is the format of the header's text.
func (s *States[F]) literal() string {
	return fmt.Sprintf("{'descr': '<f%d', 'fortran_order': False, 'shape': (%%d, %%d), }", s.size())
}

// there returns how many rows a header counts, -1 if it is not ours.
func (s *States[F]) there(header []byte) int {
	var rows, width int
	if _, err := fmt.Sscanf(string(header[10:]), s.literal(), &rows, &width); err != nil {
		return -1
	}
	if rows < 0 || width != s.width || !bytes.Equal(header, s.header(rows)) {
		return -1
	}
	return rows
}

func (s *States[F]) header(rows int) []byte {
	h := append(make([]byte, 0, headerSize), "\x93NUMPY\x01\x00"...)
	h = binary.LittleEndian.AppendUint16(h, headerSize-10)
	h = fmt.Appendf(h, s.literal(), rows, s.width)
	for len(h) < headerSize-1 {
		h = append(h, ' ')
	}
	return append(h, '\n')
}

func (s *States[F]) end() int64 { return headerSize + int64(s.rows)*int64(s.size()*s.width) }

// count writes the header, at one go.
func (s *States[F]) count(rows int) error {
	if _, err := s.f.WriteAt(s.header(rows), 0); err != nil {
		return cause(err)
	}
	s.rows = rows
	return nil
}

// Append adds a row.
func (s *States[F]) Append(row []F) error {
	if len(row) != s.width {
		panic(fmt.Sprintf("stream: a row of %d into states of width %d", len(row), s.width))
	}
	for _, x := range row {
		if s.size() == 4 {
			s.buf = binary.LittleEndian.AppendUint32(s.buf, math.Float32bits(float32(x)))
		} else {
			s.buf = binary.LittleEndian.AppendUint64(s.buf, math.Float64bits(float64(x)))
		}
	}
	if len(s.buf) < flushBytes {
		return nil
	}
	return s.flush()
}

func (s *States[F]) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.f.WriteAt(s.buf, s.end())
	if err == nil {
		err = s.count(s.rows + len(s.buf)/(s.size()*s.width))
	}
	if err != nil {
		return fmt.Errorf("states %s: %w; the rows before are whole: check whether there is room", s.f.Name(), cause(err))
	}
	s.buf = s.buf[:0]
	return nil
}

// Sync brings all rows to the disk.
func (s *States[F]) Sync() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("states %s: %w; check where it leads and whether there is room", s.f.Name(), cause(err))
	}
	return nil
}

// Close brings all rows to the disk and closes the file.
func (s *States[F]) Close() error {
	err := s.flush()
	if closing := s.f.Close(); err == nil && closing != nil {
		err = fmt.Errorf("states %s: %w; check where it leads and whether there is room", s.f.Name(), cause(closing))
	}
	return err
}

// cause is what the operating system said, without the name of the file.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
