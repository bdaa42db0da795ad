package safetensors

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written returns what Write writes.
func written(t *testing.T, tensors []Tensor, metadata map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, tensors, metadata); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read32(t *testing.T, f *File, name string) []float32 {
	t.Helper()
	x, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// openBytes opens a file in memory under the name "mem".
func openBytes(data []byte) (*File, error) {
	return NewReader(bytes.NewReader(data), int64(len(data)), "mem")
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	long := make([]float32, 3*chunkBytes/4+1) // more than one chunk
	for i := range long {
		long[i] = float32(i) / 3
	}
	metadata := map[string]string{"schema": "1", "unité": "s\"<\n", "": "empty key"}
	path := filepath.Join(t.TempDir(), "out.safetensors")
	err := WriteFile(path, []Tensor{
		New("long", []int{len(long)}, long),
		New("f64", []int{2, 1}, []float64{math.Pi, math.Inf(-1)}),
		New("i64", nil, []int64{math.MinInt64}),
		New("i32", []int{2}, []int32{-1, math.MaxInt32}),
		New("u8", []int{0, 7}, []uint8{}),
		New("half", []int{2}, []float32{1.0 / 3, -2}).As(F16),
		New("bf16", []int{2}, []float64{1.0 / 3, -2}).As(BF16),
		New("narrow", []int{1}, []float64{math.Pi}).As(F32),
		New("wide", []int{1}, []float32{math.Pi}).As(F64),
	}, metadata)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !maps.Equal(f.Metadata(), metadata) {
		t.Errorf("metadata %q, want %q", f.Metadata(), metadata)
	}
	if got := read32(t, f, "long"); !slices.Equal(got, long) {
		t.Error("long differs")
	}
	for name, want := range map[string][]float64{
		"f64":    {math.Pi, math.Inf(-1)},
		"half":   {0x1.554p-2, -2},
		"bf16":   {0x1.56p-2, -2},
		"narrow": {float64(float32(math.Pi))},
		"wide":   {float64(float32(math.Pi))},
	} {
		if got, err := f.Float64(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
	for name, want := range map[string][]int64{"i64": {math.MinInt64}, "i32": {-1, math.MaxInt32}, "u8": {}} {
		if got, err := f.Int64(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
	if info, _ := f.Info("u8"); !slices.Equal(info.Shape, []int{0, 7}) {
		t.Errorf("shape %v, want [0 7]", info.Shape)
	}
}

func TestTheSameContentGivesTheSameBytes(t *testing.T) {
	a := New("a", []int{3}, []float32{1, 2, 3})
	b := New("b", nil, []float64{1})
	c := New("c", []int{1}, []uint8{9})
	first := written(t, []Tensor{a, b, c}, map[string]string{"x": "1", "y": "2", "z": "3"})
	for range 20 { // maps are iterated in a different order each time
		got := written(t, []Tensor{c, b, a}, map[string]string{"z": "3", "y": "2", "x": "1"})
		if !bytes.Equal(got, first) {
			t.Fatalf("wrote\n%q\nafter\n%q", got, first)
		}
	}
}

func TestDataAreAligned(t *testing.T) {
	f, err := openBytes(written(t, []Tensor{
		New("a byte", []int{1}, []uint8{1}),
		New("half", []int{1}, []float32{1}).As(F16),
		New("single", []int{1}, []float32{1}),
		New("double", []int{1}, []float64{1}),
	}, map[string]string{"odd": "length"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range f.Tensors() {
		if info.Offset%int64(info.DType.Bits()/8) != 0 {
			t.Errorf("%s of %s lies at byte %d", info.Name, info.DType, info.Offset)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	one := []float32{1}
	for _, test := range []struct {
		what     string
		tensors  []Tensor
		metadata map[string]string
		want     string
	}{
		{"the same name twice", []Tensor{New("w", []int{1}, one), New("w", []int{1}, []float64{1})}, nil, `two tensors are called "w"; rename one`},
		{"the reserved name", []Tensor{New("__metadata__", []int{1}, one)}, nil, "which the format reserves"},
		{"a name that is no text", []Tensor{New("\xff", []int{1}, one)}, nil, `tensor name "\xff" is not UTF-8`},
		{"metadata that are no text", nil, map[string]string{"k": "\xff"}, `metadata "k" is not UTF-8`},
		{"a number too large for float16", []Tensor{New("w", []int{2}, []float32{1, 7e4}).As(F16)}, nil, `tensor "w": element 1 is 70000, too large for F16; store a wider type`},
		{"a number too large for float32", []Tensor{New("w", []int{1}, []float64{-1e39}).As(F32)}, nil, `tensor "w": element 0 is -1e+39, too large for F32`},
		{"the zero Tensor", []Tensor{{}}, nil, "not made by New"},
	} {
		t.Run(test.what, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, test.tensors, test.metadata); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestInfinityIsNoOverflow(t *testing.T) {
	for _, d := range []DType{F16, BF16, F32} {
		f, err := openBytes(written(t, []Tensor{New("w", []int{1}, []float64{math.Inf(1)}).As(d)}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := read32(t, f, "w"); !math.IsInf(float64(got[0]), 1) {
			t.Errorf("%s: %v, want infinity", d, got)
		}
	}
}

func TestAFailedWriteFileLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.safetensors")
	if err := WriteFile(path, []Tensor{New("w", []int{1}, []float32{1})}, nil); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(path, []Tensor{New("w", []int{1}, []float32{7e4}).As(F16)}, nil)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := read32(t, f, "w"); !slices.Equal(got, []float32{1}) {
		t.Errorf("the file holds %v, want what it held before", got)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v in the folder (%v), want one file", entries, err)
	}
}

type failingWriter struct{ room int }

var errNoRoom = errors.New("no room")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errNoRoom
	}
	return len(p), nil
}

func TestAnErrorOfTheWriterIsReturned(t *testing.T) {
	tensors := []Tensor{New("w", []int{4}, []float64{1, 2, 3, 4})}
	whole := len(written(t, tensors, nil))
	for room := range whole {
		if err := Write(&failingWriter{room}, tensors, nil); !errors.Is(err, errNoRoom) {
			t.Errorf("room for %d of %d bytes: error %v, want %v", room, whole, err, errNoRoom)
		}
	}
}

func TestMistakesOfTheCallerPanic(t *testing.T) {
	for what, f := range map[string]func(){
		"a shape of another length": func() { New("w", []int{2, 2}, []float32{1}) },
		"a negative dimension":      func() { New("w", []int{-1, -1}, []float32{1}) },
		"integers as floats":        func() { New("w", []int{1}, []int64{1}).As(F32) },
		"floats as integers":        func() { New("w", []int{1}, []float32{1}).As(I64) },
		"floats as 8 bits":          func() { New("w", []int{1}, []float32{1}).As(F8E4M3) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				message, _ := recover().(string)
				if !strings.HasPrefix(message, "safetensors: tensor \"w\"") {
					t.Errorf("panic %q, want one that names package and tensor", message)
				}
			}()
			f()
		})
	}
}
