package npz

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// npy returns the bytes of an .npy file with the given header and data.
func npy(header string, data ...byte) []byte {
	b := append([]byte(magic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return append(append(b, header...), data...)
}

// dict returns a header.
func dict(descr, order, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }  \n", descr, order, shape)
}

// cheaply fails when f allocates much more than the bytes it is given.
func cheaply(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

func TestAMalformedArrayIsRefused(t *testing.T) {
	const again = "; save it again with np.save or np.savez"
	data := make([]byte, 8)
	for _, test := range []struct {
		what string
		data []byte
		want string
	}{
		{"nothing", nil, "truncated: the data end too early; copy or save the file again"},
		{"half the magic", []byte("\x93NU"), "truncated"},
		{"a picture", []byte("\x89PNG\r\n\x1a\n-----"), "it is not in NumPy's .npy format; save it with np.save or np.savez"},
		{"a later version", []byte("\x93NUMPY\x04\x00\x00\x00\x00\x00"), "version 4.0 of the .npy format is not known"},
		{"a header cut short", npy(dict("'<f8'", "False", "(1,)"))[:30], "truncated"},
		{"a length cut short", []byte("\x93NUMPY\x01\x00\x10"), "truncated"},
		{"a header of 4 GB", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{"), "its header takes 4294967295 bytes, more than the 65535 that are read"},
		{"data cut short", npy(dict("'<f8'", "False", "(1,)"), data[:7]...), "truncated"},
		{"data too long", npy(dict("'<f8'", "False", "(1,)"), make([]byte, 9)...), "more data follow than its shape [1] of float64 takes" + again},
		{"more data than memory", npy(dict("'<f8'", "False", "(1000000000000,)"), data...), "it takes 8000000000000 bytes, more than the 4294967296 that are read; split it or store a narrower type"},
		{"just less than the limit", npy(dict("'|u1'", "False", "(4294967296,)"), data...), "truncated"},
		{"a product beyond 64 bits", npy(dict("'<f8'", "False", "(4294967296, 4294967296)"), data...), "its shape [4294967296 4294967296] has more elements than can be addressed"},
		{"a product beyond 63 bits", npy(dict("'<f8'", "False", "(1152921504606846976,)"), data...), "its shape [1152921504606846976] has more elements than can be addressed"},
		{"a product hidden by a zero", npy(dict("'<f8'", "False", "(0, 4294967296, 4294967296)")), "more elements than can be addressed"},
		{"a dimension beyond 64 bits", npy(dict("'<f8'", "False", "(99999999999999999999,)")), "no whole number from 0 up that can be addressed at byte"},
		{"a negative dimension", npy(dict("'<f8'", "False", "(-1,)")), "no whole number from 0 up that can be addressed at byte 51" + again},
		{"a dimension that is text", npy(dict("'<f8'", "False", "('1',)")), "no whole number"},
		{"a nested shape", npy(dict("'<f8'", "False", "((1,),)")), "no whole number"},
		{"a shape that is a number", npy(dict("'<f8'", "False", "1")), `"(" is missing at byte`},
		{"a shape without end", npy("{'shape': (1, 2"), `"," is missing`},
		{"two dimensions without comma", npy(dict("'<f8'", "False", "(1 2)")), `"," is missing`},
		{"an order that is a number", npy(dict("'<f8'", "0", "(1,)")), "no True or False at byte"},
		{"a type that is a number", npy(dict("8", "False", "(1,)")), "a string is missing"},
		{"a type that is a tuple", npy(dict("('<f8', (2,))", "False", "(1,)"), data...), "it is a structured array"},
		{"a type without end", npy("{'descr': '<f8"), "has no end"},
		{"an escape", npy(dict(`'<f\x38'`, "False", "(1,)")), "or an escape"},
		{"no type", npy("{'fortran_order': False, 'shape': (1,)}", data...), "descr, fortran_order or shape is missing" + again},
		{"no shape", npy("{'fortran_order': False, 'descr': '<f8'}", data...), "shape is missing"},
		{"a key twice", npy("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", data...), `"descr" comes twice`},
		{"an unknown key", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", data...), `"x" is no key of a header`},
		{"no dict", npy("['<f8', False, (1,)]", data...), `"{" is missing at byte 0`},
		{"no colon", npy("{'descr' '<f8'}", data...), `":" is missing`},
		{"no comma", npy("{'descr': '<f8' 'shape': (1,)}", data...), `"," is missing`},
		{"a dict without end", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", data...), `"," is missing`},
		{"text after the dict", npy(dict("'<f8'", "False", "(1,)")+"x", data...), "text follows at byte"},
		{"a zero after the dict", npy(dict("'<f8'", "False", "(1,)")+"\x00", data...), "text follows at byte"},
		{"a call", npy("{'descr': __import__('os'), }", data...), "a string is missing"},
		{"an unknown kind", npy(dict("'<z8'", "False", "(1,)"), data...), `its type "<z8" means an unknown type; save it as float64`},
		{"no kind", npy(dict("''", "False", "(1,)"), data...), "an unknown type"},
		{"only an order", npy(dict("'<'", "False", "(1,)"), data...), "an unknown type"},
		{"two orders", npy(dict("'<>f8'", "False", "(1,)"), data...), `"<>f8" means`},
		{"an unknown width", npy(dict("'<i3'", "False", "(1,)"), data...), `"<i3" means an unknown type`},
		{"no width", npy(dict("'<f'", "False", "(1,)"), data...), "floating-point numbers of an uncommon width"},
		{"a negative width", npy(dict("'<f-8'", "False", "(1,)"), data...), "uncommon width"},
		{"a long header in the message", npy("{" + strings.Repeat("'", 1000)), "''''..."},
	} {
		t.Run(test.what, func(t *testing.T) {
			cheaply(t, func() {
				_, err := ReadNpy(bytes.NewReader(test.data), "q", Limits{})
				if err == nil {
					t.Fatal("it was accepted")
				}
				if !strings.HasPrefix(err.Error(), "q: ") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q\nwant \"q: ...%s...\"", err, test.want)
				}
			})
		})
	}
}

func TestUnusualHeadersAreRead(t *testing.T) {
	one := []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}
	for _, header := range []string{
		"{'shape': (1,), 'fortran_order': True, 'descr': '<f8'}",
		"{\"descr\": \"<f8\", \"fortran_order\": False, \"shape\": (1,)}",
		"{'descr':'<f8','fortran_order':False,'shape':(1,),}",
		" \t{ 'descr' : '<f8' , 'fortran_order' : False , 'shape' : ( 1 , ) , }\n\n",
		dict("'<f8'", "False", "(1L,)"), // Python 2
		dict("'<f8'", "False", "()"),
		dict("'<f8'", "False", "(1, 1, 1)"),
		dict("'=f8'", "False", "(1,)"),
		dict("'f8'", "False", "(1,)"),
	} {
		a, err := ReadNpy(bytes.NewReader(npy(header, one...)), "q", Limits{})
		if err != nil {
			t.Errorf("%q: %v", header, err)
			continue
		}
		if got := a.Float64(); len(got) != 1 || got[0] != 1 {
			t.Errorf("%q: %v, want [1]", header, got)
		}
	}
}

// member is one file in a zip archive, with what the archive says of it.
type member struct {
	name                 string
	method               uint16
	flags                uint16
	raw                  []byte // as stored
	compressed, expanded uint64 // as claimed
	crc                  uint32
}

// stored returns an honest member.
func stored(name string, data []byte) member {
	return member{name, zip.Store, 0, data, uint64(len(data)), uint64(len(data)), crc32.ChecksumIEEE(data)}
}

// deflated returns an honest compressed member.
func deflated(t testing.TB, name string, data []byte) member {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return member{name, zip.Deflate, 0, b.Bytes(), uint64(b.Len()), uint64(len(data)), crc32.ChecksumIEEE(data)}
}

// but returns the member with a lie in it.
func (m member) but(lie func(m *member)) member {
	lie(&m)
	return m
}

// archive returns the bytes of a zip archive.
func archive(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		out, err := w.CreateRaw(&zip.FileHeader{Name: m.name, Method: m.method, Flags: m.flags, CRC32: m.crc,
			CompressedSize64: m.compressed, UncompressedSize64: m.expanded})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(m.raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(data []byte, limits Limits) (*Archive, error) {
	return NewArchive(bytes.NewReader(data), int64(len(data)), "in.npz", limits)
}

func TestALyingArchiveIsRefused(t *testing.T) {
	small := npy(dict("'<f8'", "False", "(4,)"), make([]byte, 32)...)
	// The beginnings of arrays of a gigabyte and a terabyte.
	gib := npy(dict("'|u1'", "False", "(1073741824,)"), make([]byte, 100_000)...)
	tib := npy(dict("'|u1'", "False", "(1099511627776,)"), make([]byte, 100_000)...)
	bomb := npy(dict("'|u1'", "False", "(68157440,)"), make([]byte, 65<<20)...)
	bombDeflated := deflated(t, "q.npy", bomb)

	const again = "; copy or save the file again"
	for _, test := range []struct {
		what   string
		member member
		want   string
	}{
		{"a zip bomb", bombDeflated, "expand to 68157517, as in a zip bomb; if the data are meant, save them uncompressed with np.savez"},
		{"a terabyte", deflated(t, "q.npy", tib).but(func(m *member) { m.expanded += 1<<40 - 100_000 }), "it takes 1099511627776 bytes, more than the 4294967296 that are read"},
		{"a gigabyte that is not there", deflated(t, "q.npy", gib).but(func(m *member) { m.expanded += 1<<30 - 100_000 }), "as in a zip bomb"},
		{"a shape beyond the size", deflated(t, "q.npy", gib), "its shape [1073741824] of uint8 takes 1073741824 bytes, but the archive holds 100000" + again},
		{"a size beyond the shape", stored("q.npy", append(small, 0)), "its shape [4] of float64 takes 32 bytes, but the archive holds 33"},
		{"less data than told", deflated(t, "q.npy", small[:len(small)-8]).but(func(m *member) { m.expanded = uint64(len(small)) }), "truncated: the data end too early" + again},
		{"more data than told", deflated(t, "q.npy", append(small, make([]byte, 8)...)).but(func(m *member) { m.expanded = uint64(len(small)) }), "the archive is corrupt"},
		{"another checksum", stored("q.npy", small).but(func(m *member) { m.crc++ }), "the data do not match their checksum" + again},
		{"broken compression", deflated(t, "q.npy", small).but(func(m *member) { m.raw = bytes.Repeat([]byte{0xff}, len(m.raw)) }), "the archive is corrupt"},
		{"more compressed data than there are bytes", stored("q.npy", small).but(func(m *member) { m.compressed = 1 << 40 }), "the archive claims that 1099511627776 bytes expand to"},
		{"all the bytes there are", stored("q.npy", small).but(func(m *member) { m.expanded = 1<<64 - 1 }), "expand to 18446744073709551615"},
		{"an encrypted member", stored("q.npy", small).but(func(m *member) { m.flags = 1 }), "it is encrypted; save it with np.savez"},
		{"a method of its own", stored("q.npy", small).but(func(m *member) { m.method = 93 }), "it is compressed by zip's method 93, which is not read; save it with np.savez or np.savez_compressed"},
		{"a text", stored("q", []byte("not an array at all")), "it is not in NumPy's .npy format"},
		{"an empty member", stored("q.npy", nil), "truncated"},
	} {
		t.Run(test.what, func(t *testing.T) {
			data := archive(t, test.member, stored("other.npy", small))
			cheaply(t, func() {
				a, err := open(data, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				_, err = a.Array("q")
				if err == nil {
					t.Fatal("it was accepted")
				}
				if !strings.HasPrefix(err.Error(), `in.npz: array "q": `) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q\nwant \"in.npz: array \"q\": ...%s...\"", err, test.want)
				}
				if other, err := a.Array("other"); err != nil || other.Len() != 4 {
					t.Errorf("the honest array beside it: %v", err)
				}
			})
		})
	}
}

func TestLimitsCanBeSet(t *testing.T) {
	data := npy(dict("'<f8'", "False", "(4,)"), make([]byte, 32)...)
	file := archive(t, stored("a.npy", data), stored("b.npy", data))

	a, err := open(file, Limits{Array: 31})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Array("a"); err == nil || !strings.Contains(err.Error(), "it takes 32 bytes, more than the 31 that are read") {
		t.Errorf("error %v", err)
	}
	a, err = open(file, Limits{Total: 63})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Array("a"); err != nil {
		t.Error(err)
	}
	if _, err := a.Array("b"); err == nil || !strings.Contains(err.Error(), `in.npz: array "b": the arrays read take more than 63 bytes together`) {
		t.Errorf("error %v", err)
	}
	bomb := npy(dict("'|u1'", "False", "(67108864,)"), make([]byte, 64<<20)...)
	a, err = open(archive(t, deflated(t, "q.npy", bomb)), Limits{Ratio: 2000})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := a.Array("q"); err != nil || q.Len() != 64<<20 {
		t.Errorf("an array compressed within the ratio: %v", err)
	}
}

func TestWhatIsNoArchiveIsRefused(t *testing.T) {
	small := npy(dict("'<f8'", "False", "(1,)"), make([]byte, 8)...)
	whole := archive(t, stored("q.npy", small))
	for _, test := range []struct {
		what string
		data []byte
		want string
	}{
		{"nothing", nil, "in.npz: it is no .npz file"},
		{"a text", []byte("a,b,c\n1,2,3\n"), "it is no .npz file (zip: not a valid zip file); save it with np.savez"},
		{"an .npy file", small, "it is an .npy file, with one array that has no name; save it by name: np.savez(path, name=x)"},
		{"a truncated archive", whole[:len(whole)-30], "truncated: the end of the .npz archive is missing; copy or save the file again"},
		{"an array twice", archive(t, stored("q.npy", small), stored("q.npy", small)), `array "q" comes twice; save it again with np.savez`},
		{"an array with and without suffix", archive(t, stored("q.npy", small), stored("q", small)), `array "q" comes twice`},
	} {
		if _, err := open(test.data, Limits{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.what, err, test.want)
		}
	}
}

func TestAMissingArrayIsNamedBesideThoseThereAre(t *testing.T) {
	small := npy(dict("'<f8'", "False", "(1,)"), make([]byte, 8)...)
	a, err := open(archive(t, stored("v.npy", small), stored("k", small)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Has("q") || !a.Has("v") || !a.Has("k") {
		t.Errorf("names %q", a.Names())
	}
	_, err = a.Array("q")
	if err == nil || err.Error() != `in.npz: there is no array "q"; it has [k, v]; save it with np.savez(path, q=...)` {
		t.Errorf("error %v", err)
	}
	if k, err := a.Array("k"); err != nil || k.Len() != 1 {
		t.Errorf("an array without suffix: %v", err)
	}
}

func TestAStreamIsRead(t *testing.T) {
	small := npy(dict("'<f8'", "False", "(1,)"), make([]byte, 8)...)
	file := archive(t, stored("q.npy", small))
	a, err := Read(io.MultiReader(bytes.NewReader(file)), "-", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if q, err := a.Array("q"); err != nil || q.Len() != 1 {
		t.Errorf("%v", err)
	}
	if _, err := Read(bytes.NewReader(file), "-", Limits{Total: int64(len(file)) - 1}); err == nil || !strings.Contains(err.Error(), "which is too many for memory; save it to a file and name that") {
		t.Errorf("error %v", err)
	}
	broken := errors.New("broken pipe")
	if _, err := Read(io.MultiReader(bytes.NewReader(file[:9]), errorReader{broken}), "-", Limits{}); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "-: ") {
		t.Errorf("error %v, want %v", err, broken)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestAFileThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no.npz")
	if _, err := Open(missing, Limits{}); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), missing+": ") || !strings.HasSuffix(err.Error(), "; check the path") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(dir, Limits{}); err == nil || err.Error() != dir+": it is a folder; give the name of an .npz file" {
		t.Errorf("error %v", err)
	}
	text := filepath.Join(dir, "text.npz")
	if err := os.WriteFile(text, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text, Limits{}); err == nil || !strings.HasPrefix(err.Error(), text+": it is no .npz file") {
		t.Errorf("error %v", err)
	}
}
