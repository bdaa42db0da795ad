package npz

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Archive is an open .npz file. Its arrays are read when they are asked for,
// by one goroutine at a time.
type Archive struct {
	name    string
	size    int64
	closer  io.Closer // nil where there is nothing to close
	members map[string]*zip.File
	limits  Limits
	read    int64 // bytes of the arrays read so far
}

// Open opens the .npz file at path.
func Open(path string, limits Limits) (*Archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check the path", path, reason(err))
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder; give the name of an .npz file")
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if !info.Mode().IsRegular() { // a pipe
		defer file.Close()
		return Read(file, path, limits)
	}
	a, err := NewArchive(file, info.Size(), path, limits)
	if err != nil {
		file.Close()
		return nil, err
	}
	a.closer = file
	return a, nil
}

// reason drops operation and path from an error of the file system, since the
// caller names the file.
func reason(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

// Read reads an .npz file from a stream, such as standard input, into memory.
// The name stands for it in errors.
func Read(r io.Reader, name string, limits Limits) (*Archive, error) {
	most := limits.withDefaults().Total
	data, err := io.ReadAll(io.LimitReader(r, most))
	if err == nil && int64(len(data)) == most {
		err = fmt.Errorf("it takes %d bytes or more, which is too many for memory; save it to a file and name that", most)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return NewArchive(bytes.NewReader(data), int64(len(data)), name, limits)
}

// NewArchive opens the .npz file of size bytes in r. The name stands for it in
// errors. The caller keeps r open while the Archive is in use.
func NewArchive(r io.ReaderAt, size int64, name string, limits Limits) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, notZip(r, err))
	}
	a := &Archive{name: name, size: size, members: map[string]*zip.File{}, limits: limits.withDefaults()}
	for _, member := range z.File {
		key := strings.TrimSuffix(member.Name, ".npy")
		if a.members[key] != nil {
			return nil, fmt.Errorf("%s: array %q comes twice; save it again with np.savez", name, key)
		}
		a.members[key] = member
	}
	return a, nil
}

// notZip says what a file that is no zip archive seems to be.
func notZip(r io.ReaderAt, err error) error {
	start := make([]byte, len(magic))
	n, _ := r.ReadAt(start, 0)
	switch start = start[:n]; {
	case string(start) == magic:
		return errors.New("it is an .npy file, with one array that has no name; save it by name: np.savez(path, name=x)")
	case bytes.HasPrefix(start, []byte("PK")):
		return errors.New("truncated: the end of the .npz archive is missing; copy or save the file again")
	}
	return fmt.Errorf("it is no .npz file (%w); save it with np.savez", err)
}

// Close closes the file.
func (a *Archive) Close() error {
	if a.closer == nil {
		return nil
	}
	return a.closer.Close()
}

// Names lists the arrays in order.
func (a *Archive) Names() []string {
	return slices.Sorted(maps.Keys(a.members))
}

// Has says whether there is an array of the given name.
func (a *Archive) Has(name string) bool {
	return a.members[name] != nil
}

// Array reads the array of the given name.
func (a *Archive) Array(name string) (*Array, error) {
	member := a.members[name]
	if member == nil {
		return nil, fmt.Errorf("%s: there is no array %q; it has [%s]; save it with np.savez(path, %s=...)", a.name, name, strings.Join(a.Names(), ", "), name)
	}
	array := &Array{Name: name, file: a.name}
	if err := a.readMember(array, member); err != nil {
		return nil, array.wrap(err)
	}
	return array, nil
}

// readMember reads one member of the archive, whose sizes may be lies.
func (a *Archive) readMember(array *Array, member *zip.File) error {
	const encrypted = 1 // bit 0 of the flags, APPNOTE.TXT 4.4.4
	if member.Flags&encrypted != 0 {
		return errors.New("it is encrypted; save it with np.savez")
	}
	if member.Method != zip.Store && member.Method != zip.Deflate {
		return fmt.Errorf("it is compressed by zip's method %d, which is not read; save it with np.savez or np.savez_compressed", member.Method)
	}
	compressed, expanded := member.CompressedSize64, member.UncompressedSize64
	if compressed > uint64(a.size) || expanded > 1<<62 {
		return fmt.Errorf("the archive claims that %d bytes expand to %d, but is itself %d bytes long; copy or save the file again", compressed, expanded, a.size)
	}
	r, err := member.Open()
	if err != nil {
		return unzip(err)
	}
	defer r.Close()
	h, length, err := readHeader(r)
	if err != nil {
		return unzip(err)
	}
	if h.bytes > int64(expanded) || length+h.bytes != int64(expanded) {
		return fmt.Errorf("its shape %v of %s takes %d bytes, but the archive holds %d; copy or save the file again", h.shape, h.element.name(), h.bytes, int64(expanded)-length)
	}
	if err := a.limits.checkArray(h.bytes); err != nil {
		return err
	}
	if err := a.limits.checkRatio(int64(compressed), int64(expanded)); err != nil {
		return err
	}
	if a.read+h.bytes > a.limits.Total {
		return fmt.Errorf("the arrays read take more than %d bytes together; split the file", a.limits.Total)
	}
	a.read += h.bytes
	return unzip(array.read(r, h, a.size))
}

// unzip says what to do about an error of package zip.
func unzip(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, zip.ErrChecksum):
		return errors.New("the data do not match their checksum; copy or save the file again")
	case errors.Is(err, zip.ErrFormat), errors.As(err, &corrupt):
		return fmt.Errorf("the archive is corrupt (%w); copy or save the file again", err)
	}
	return err
}
