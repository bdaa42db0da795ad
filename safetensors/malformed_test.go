package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// file returns the bytes of a file with the given header and data.
func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

const remedy = "; the file is corrupt: download it again or write it anew"

func TestAMalformedFileIsRefused(t *testing.T) {
	const good = `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	data := make([]byte, 8)
	if _, err := openBytes(file(good, data...)); err != nil {
		t.Fatalf("the file that the others are made from: %v", err)
	}
	tensor := func(fields string) []byte { return file(`{"w":{`+fields+`}}`, data...) }

	for _, test := range []struct {
		what string
		data []byte
		want string
	}{
		{"an empty file", nil, "truncated: the file has 0 bytes, too few for a header; download or copy it again"},
		{"half a length", []byte{1, 2, 3}, "truncated: the file has 3 bytes"},
		{"a pointer of Git LFS", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"), `git lfs pull`},
		{"a header of 2^64-1 bytes", append(bytes.Repeat([]byte{0xff}, 8), good...), "announce a header of 18446744073709551615 bytes (at most 100000000 are allowed)"},
		{"a header beyond the limit", binary.LittleEndian.AppendUint64(nil, 100_000_001), "announce a header of 100000001 bytes"},
		{"a header beyond the end", binary.LittleEndian.AppendUint64(nil, 100_000_000), "truncated: the file has 8 bytes, its header alone takes 100000008; download or copy it again"},
		{"a truncated header", file(good)[:20], "truncated: the file has 20 bytes, its header alone takes 62"},
		{"truncated data", file(good, data[:5]...), "truncated: the file has 67 bytes, its header promises 70; download or copy it again"},
		{"trailing bytes", file(good, make([]byte, 11)...), "3 bytes follow the last tensor: the file has 73 bytes, its header promises 70"},
		{"trailing bytes without tensors", file(`{}`, 1), "1 bytes follow the last tensor"},
		{"an empty header", file(""), "its header does not begin with {"},
		{"a header that is no object", file("[]"), "its header does not begin with {"},
		{"a header that begins with a space", file(" {}"), "its header does not begin with {"},
		{"a header that is no text", file("{\"\xff\":1}"), "its header is not UTF-8 text"},
		{"broken JSON", file(`{"w":`), "bad JSON near byte 5: it ends too early" + remedy},
		{"JSON with a comma too many", file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}`), "bad JSON near byte"},
		{"text after the object", file(`{} x`), "text follows the JSON object"},
		{"two objects", file(`{}{}`), "text follows the JSON object"},
		{"a tensor twice", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, data...), `the header names "w" twice` + remedy},
		{"a tensor twice, once escaped", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0077":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, data...), `the header names "w" twice`},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`), `the header names "__metadata__" twice`},
		{"a key of the metadata twice", file(`{"__metadata__":{"a":"1","a":"2"}}`), `__metadata__ names "a" twice`},
		{"metadata that are numbers", file(`{"__metadata__":{"a":1}}`), `__metadata__["a"] is no string`},
		{"metadata that are a list", file(`{"__metadata__":[]}`), `__metadata__ is no JSON object`},
		{"an entry that is a number", file(`{"w":3}`), `tensor "w": its entry is no JSON object`},
		{"a field twice", tensor(`"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]`), `tensor "w": its entry names "dtype" twice`},
		{"no dtype", tensor(`"shape":[2],"data_offsets":[0,8]`), `tensor "w": it lacks a dtype`},
		{"no shape", tensor(`"dtype":"F32","data_offsets":[0,8]`), `tensor "w": it lacks a dtype, a shape`},
		{"no offsets", tensor(`"dtype":"F32","shape":[2]`), `tensor "w": it lacks`},
		{"one offset", tensor(`"dtype":"F32","shape":[2],"data_offsets":[8]`), `two data_offsets`},
		{"three offsets", tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,4,8]`), `two data_offsets`},
		{"a dtype that is a number", tensor(`"dtype":32,"shape":[2],"data_offsets":[0,8]`), `tensor "w": its dtype is no string`},
		{"an unknown dtype", tensor(`"dtype":"F31","shape":[2],"data_offsets":[0,8]`), `tensor "w": unknown type "F31"; store it as F32`},
		{"a shape that is a number", tensor(`"dtype":"F32","shape":2,"data_offsets":[0,8]`), `tensor "w": its shape is no list`},
		{"a shape of texts", tensor(`"dtype":"F32","shape":["2"],"data_offsets":[0,8]`), `tensor "w": its shape is no list`},
		{"a negative dimension", tensor(`"dtype":"F32","shape":[-2],"data_offsets":[0,8]`), `tensor "w": its shape is no list of whole numbers from 0 up: -2`},
		{"a broken dimension", tensor(`"dtype":"F32","shape":[2.5],"data_offsets":[0,8]`), `from 0 up: 2.5`},
		{"a dimension with an exponent", tensor(`"dtype":"F32","shape":[2e0],"data_offsets":[0,8]`), `from 0 up: 2e0`},
		{"a dimension beyond 64 bits", tensor(`"dtype":"F32","shape":[18446744073709551618],"data_offsets":[0,8]`), `from 0 up: 18446744073709551618`},
		{"a product of dimensions beyond 64 bits", tensor(`"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]`), `tensor "w": impossible shape [4294967296 4294967296 2]`},
		{"a number of bits beyond 64 bits", tensor(`"dtype":"F64","shape":[288230376151711745],"data_offsets":[0,8]`), `tensor "w": impossible shape [288230376151711745]`},
		{"a product hidden by a zero", tensor(`"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]`), `tensor "w": impossible shape`},
		{"a negative offset", tensor(`"dtype":"F32","shape":[2],"data_offsets":[-8,0]`), `tensor "w": its data_offsets is no list of whole numbers from 0 up: -8`},
		{"offsets in reverse", tensor(`"dtype":"F32","shape":[2],"data_offsets":[8,0]`), `tensor "w": it ends at byte 0 of the data, before it begins at byte 8`},
		{"fewer data than the shape takes", tensor(`"dtype":"F32","shape":[3],"data_offsets":[0,8]`), `tensor "w": 8 bytes of data where its shape [3] of F32 takes 12` + remedy},
		{"more data than the shape takes", tensor(`"dtype":"F16","shape":[2],"data_offsets":[0,8]`), `tensor "w": 8 bytes of data where its shape [2] of F16 takes 4`},
		{"half a byte", tensor(`"dtype":"F4","shape":[3],"data_offsets":[0,2]`), `tensor "w": shape [3] of 4-bit elements does not fill whole bytes`},
		{"offsets at the end of all numbers", tensor(`"dtype":"U8","shape":[9223372036854775],"data_offsets":[9214148664817921032,9223372036854775807]`), `belong to no tensor`},
		{"a size at the end of all numbers", tensor(`"dtype":"U8","shape":[144115188075855871],"data_offsets":[0,144115188075855871]`), `truncated: the file has`},
		{"a hole before the first tensor", tensor(`"dtype":"F32","shape":[1],"data_offsets":[4,8]`), `bytes 0 to 4 of the data, between the header and tensor "w", belong to no tensor` + remedy},
		{"a hole between tensors", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, data...), `bytes 2 to 4 of the data, between tensor "a" and tensor "b", belong to no tensor`},
		{"an overlap", file(`{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, data...), `tensor "b": it overlaps tensor "a": it begins at byte 4 of the data, before byte 6`},
		{"the same data twice", file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}`, data...), `overlaps tensor`},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := openBytes(test.data)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.HasPrefix(err.Error(), "mem: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q\nwant \"mem: ...%s...\"", err, test.want)
			}
		})
	}
}

func TestUnusualFilesAreRead(t *testing.T) {
	for _, test := range []struct {
		what string
		data []byte
	}{
		{"no tensors", file(`{}`)},
		{"a header padded with spaces", file(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}     `, 7)},
		{"a header with white space inside", file("{\n\"w\" : {\"dtype\":\"U8\",\t\"shape\": [ 1 ], \"data_offsets\":[0,1]}}", 7)},
		{"fields in another order", file(`{"w":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}`, 7)},
		{"an unknown field", file(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"note":{"a":[1,2]}}}`, 7)},
		{"data that are not aligned", file(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 7, 0, 0, 128, 63)},
		{"empty tensors at one place", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]},"c":{"dtype":"F32","shape":[0],"data_offsets":[1,1]}}`, 7)},
		{"4-bit numbers in whole bytes", file(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"F4","shape":[2,3],"data_offsets":[1,4]}}`, 7, 1, 2, 3)},
	} {
		t.Run(test.what, func(t *testing.T) {
			f, err := openBytes(test.data)
			if err != nil {
				t.Fatal(err)
			}
			for _, info := range f.Tensors() {
				data, err := f.Bytes(info.Name)
				if err != nil {
					t.Fatal(err)
				}
				if info.Name == "w" && !bytes.Equal(data, []byte{7}) {
					t.Errorf("w is %v, want [7]", data)
				}
			}
			if _, ok := f.Info("x"); ok && test.what == "data that are not aligned" {
				if x := read32(t, f, "x"); x[0] != 1 {
					t.Errorf("x is %v, want 1", x)
				}
			}
		})
	}
}

func TestATypeThatDoesNotConvertIsRefusedByName(t *testing.T) {
	f := openReference(t)
	huge, err := openBytes(written(t, []Tensor{New("w", []int{3}, []float64{1, math.Inf(1), -1e39})}, nil))
	if err != nil {
		t.Fatal(err)
	}
	u64, err := openBytes(file(`{"w":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}`, bytes.Repeat([]byte{0xff}, 8)...))
	if err != nil {
		t.Fatal(err)
	}
	boolean, err := openBytes(file(`{"w":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}`, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	float32s := func(f *File, name string) error { _, err := f.Float32(name); return err }
	float64s := func(f *File, name string) error { _, err := f.Float64(name); return err }
	int64s := func(f *File, name string) error { _, err := f.Int64(name); return err }
	raw := func(f *File, name string) error { _, err := f.Bytes(name); return err }
	for _, test := range []struct {
		f    *File
		name string
		read func(*File, string) error
		want string
	}{
		{f, "I64", float32s, `every_type.safetensors: tensor "I64": its type I64 does not hold floating-point numbers that can be read here; store it as F16, BF16, F32 or F64`},
		{f, "F8_E4M3", float32s, "its type F8_E4M3 does not hold"},
		{f, "C64", float64s, "its type C64 does not hold"},
		{f, "F32", int64s, "its type F32 does not hold whole numbers that can be read here; store it as BOOL, I8 to I64 or U8 to U64"},
		{f, "no", float32s, `every_type.safetensors: there is no tensor "no"`},
		{f, "no", float64s, `there is no tensor "no"`},
		{f, "no", int64s, `there is no tensor "no"`},
		{f, "no", raw, `there is no tensor "no"`},
		{huge, "w", float32s, `mem: tensor "w": -1e+39 is too large for float32; read it as float64 or scale it`},
		{u64, "w", int64s, `mem: tensor "w": 18446744073709551615 is too large for int64`},
		{boolean, "w", int64s, `mem: tensor "w": a BOOL is 2; it must be 0 or 1`},
	} {
		if err := test.read(test.f, test.name); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}

func TestAFileThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no.safetensors")
	_, err := Open(missing)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), missing+": ") || !strings.Contains(err.Error(), "check the path") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir+": it is a folder; give the name of a .safetensors file in it") {
		t.Errorf("error %v", err)
	}
}

func TestAFileThatShrinksWhileItIsOpenIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := WriteFile(path, []Tensor{New("w", []int{4}, []float32{1, 2, 3, 4})}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Info("w")
	if err := os.Truncate(path, info.Offset+6); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Float32("w"); err == nil || !strings.Contains(err.Error(), `tensor "w": the file ended at byte`) {
		t.Errorf("error %v", err)
	}
	if err := f.ReadFloat32(make([]float32, 2), "w", 1); err == nil || !strings.Contains(err.Error(), `tensor "w": the file ended at byte`) {
		t.Errorf("error %v", err)
	}
	if _, err := f.Bytes("w"); err == nil || !strings.Contains(err.Error(), "was it changed meanwhile?") {
		t.Errorf("error %v", err)
	}
}

// sequential hides all but the methods of fs.File, as a zip archive does.
type sequential struct{ fs.FS }

func (s sequential) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	return struct{ fs.File }{f}, err
}

func TestAFileSystemWithoutRandomAccessServes(t *testing.T) {
	fsys := fstest.MapFS{"m/w.safetensors": {Data: written(t, []Tensor{New("w", []int{2}, []float32{1, 2})}, nil)}}
	for what, fsys := range map[string]fs.FS{"random": fsys, "sequential": sequential{fsys}} {
		f, err := OpenFS(fsys, "m/w.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := read32(t, f, "w"); got[0] != 1 || got[1] != 2 {
			t.Errorf("%s: %v, want [1 2]", what, got)
		}
	}
}
