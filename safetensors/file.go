package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// File is an open safetensors file. Its errors name the file and the tensor.
type File struct {
	name     string
	r        io.ReaderAt
	closer   io.Closer // nil where there is nothing to close
	tensors  []Info    // in name order
	index    map[string]int
	metadata map[string]string
}

// Open opens and checks the file at path.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	return open(file, err, path)
}

// OpenFS opens and checks the file with the given name in fsys. Where fsys
// gives no random access to its files (a zip archive), the file is read whole.
func OpenFS(fsys fs.FS, name string) (*File, error) {
	file, err := fsys.Open(name)
	return open(file, err, name)
}

// NewReader checks the size bytes of r as a safetensors file. The name stands
// for the file in errors. The caller keeps r open while the File is in use.
func NewReader(r io.ReaderAt, size int64, name string) (*File, error) {
	tensors, metadata, err := readHeader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	slices.SortFunc(tensors, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	f := &File{name: name, r: r, tensors: tensors, metadata: metadata, index: make(map[string]int, len(tensors))}
	for i, t := range tensors {
		f.index[t.Name] = i
	}
	return f, nil
}

// open takes what opening the file called name returned.
func open(file fs.File, err error, name string) (*File, error) {
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check the path", name, reason(err))
	}
	r, size, err := randomAccess(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	f, err := NewReader(r, size, name)
	if err != nil {
		file.Close()
		return nil, err
	}
	f.closer = file
	return f, nil
}

// randomAccess returns the file's bytes and their number.
func randomAccess(file fs.File) (io.ReaderAt, int64, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, errors.New("it is a folder; give the name of a .safetensors file in it")
	}
	if r, ok := file.(io.ReaderAt); ok && info.Mode().IsRegular() {
		return r, info.Size(), nil
	}
	data, err := io.ReadAll(file)
	return bytes.NewReader(data), int64(len(data)), err
}

// reason drops operation and path from an error of the file system, since the
// caller names the file.
func reason(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

// Close closes the file.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Tensors lists the tensors in name order.
func (f *File) Tensors() []Info {
	return slices.Clone(f.tensors)
}

// Info describes the named tensor; ok is false when the file does not have it.
func (f *File) Info(name string) (info Info, ok bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// Metadata returns the free-form texts of the header, by key.
func (f *File) Metadata() map[string]string {
	return maps.Clone(f.metadata)
}

// Bytes returns the named tensor's data as they are stored: little-endian, in
// row-major order.
func (f *File) Bytes(name string) ([]byte, error) {
	t, err := f.find(name)
	if err != nil {
		return nil, err
	}
	data := make([]byte, t.Size) // at most the size of the file
	if err := readAt(f.r, data, t.Offset); err != nil {
		return nil, f.wrap(t, err)
	}
	return data, nil
}

// Float32 returns the named tensor, of type F16, BF16, F32 or F64, in row-major
// order. F64 is rounded; a number too large for float32 is an error.
func (f *File) Float32(name string) ([]float32, error) {
	t, err := f.find(name)
	if err != nil {
		return nil, err
	}
	if err := f.checkFloat(t); err != nil {
		return nil, err // before memory of that size is made
	}
	dst := make([]float32, t.Len())
	if err := f.readFloat32(dst, t, 0); err != nil {
		return nil, err
	}
	return dst, nil
}

// ReadFloat32 fills dst with len(dst) elements of the named tensor, which
// begin at element from: [File.Float32] into memory of the caller, whole or a
// part at a time. It panics if the tensor does not have these elements.
func (f *File) ReadFloat32(dst []float32, name string, from int) error {
	t, err := f.find(name)
	if err != nil {
		return err
	}
	if err := f.checkFloat(t); err != nil {
		return err
	}
	if from < 0 || len(dst) > t.Len()-from {
		panic(fmt.Sprintf("safetensors: elements %d to %d of tensor %q, which has %d", from, from+len(dst), name, t.Len()))
	}
	return f.readFloat32(dst, t, from)
}

func (f *File) readFloat32(dst []float32, t Info, from int) error {
	if t.DType == F32 && littleEndian() {
		if err := readAt(f.r, float32Bytes(dst), t.Offset+4*int64(from)); err != nil {
			return f.wrap(t, err)
		}
		return nil
	}
	return read(f, dst, t, from, float32Decoder(t.DType))
}

// checkFloat refuses a tensor that does not hold floating-point numbers.
func (f *File) checkFloat(t Info) error {
	if float32Decoder(t.DType) == nil {
		return f.refuse(t, "floating-point numbers", "F16, BF16, F32 or F64")
	}
	return nil
}

// Float64 returns the named tensor, of type F16, BF16, F32 or F64, in row-major
// order.
func (f *File) Float64(name string) ([]float64, error) {
	t, err := f.find(name)
	if err != nil {
		return nil, err
	}
	if err := f.checkFloat(t); err != nil {
		return nil, err
	}
	dst := make([]float64, t.Len())
	if err := read(f, dst, t, 0, float64Decoder(t.DType)); err != nil {
		return nil, err
	}
	return dst, nil
}

// Int64 returns the named tensor, of type BOOL (as 0 and 1) or of any integer
// type, in row-major order. A U64 too large for int64 is an error.
func (f *File) Int64(name string) ([]int64, error) {
	t, err := f.find(name)
	if err != nil {
		return nil, err
	}
	decode := int64Decoder(t.DType)
	if decode == nil {
		return nil, f.refuse(t, "whole numbers", "BOOL, I8 to I64 or U8 to U64")
	}
	dst := make([]int64, t.Len())
	if err := read(f, dst, t, 0, decode); err != nil {
		return nil, err
	}
	return dst, nil
}

func (f *File) find(name string) (Info, error) {
	t, ok := f.Info(name)
	if !ok {
		return Info{}, fmt.Errorf("%s: there is no tensor %q", f.name, name)
	}
	return t, nil
}

func (f *File) wrap(t Info, err error) error {
	return fmt.Errorf("%s: tensor %q: %w", f.name, t.Name, err)
}

func (f *File) refuse(t Info, wanted, types string) error {
	return f.wrap(t, fmt.Errorf("its type %s does not hold %s that can be read here; store it as %s", t.DType, wanted, types))
}

// chunkBytes is how much of a tensor is read at a time for conversion; a
// multiple of every element's width.
const chunkBytes = 1 << 18

// read converts len(dst) elements of a tensor chunk by chunk, so that their
// stored form is never held whole beside the converted one.
func read[T any](f *File, dst []T, t Info, from int, decode func(dst []T, src []byte) error) error {
	width := t.DType.Bits() / 8
	buffer := make([]byte, min(len(dst)*width, chunkBytes))
	for done := 0; done < len(dst); {
		src := buffer[:min(len(buffer), (len(dst)-done)*width)]
		if err := readAt(f.r, src, t.Offset+int64(from+done)*int64(width)); err != nil {
			return f.wrap(t, err)
		}
		n := len(src) / width
		if err := decode(dst[done:done+n], src); err != nil {
			return f.wrap(t, err)
		}
		done += n
	}
	return nil
}
