package npz

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fill writes one array of every type and kind of shape.
func fill(w *Writer, long []float64) error {
	return errors.Join(
		w.Float64("long", []int{len(long)}, long),
		w.Float64("y", []int{2, 3}, []float64{1, 2, 3, 4, math.Inf(1), math.NaN()}),
		w.Float32("scalar", nil, []float32{-0.5}),
		w.Int64("ids", []int{1, 2}, []int64{math.MinInt64, math.MaxInt64}),
		w.Float32("none", []int{0, 3}, nil),
	)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	long := make([]float64, 100_000) // more than one chunk
	for i := range long {
		long[i] = float64(i) / 3
	}
	for _, compress := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "out.npz")
		err := WriteFile(path, func(w *Writer) error {
			w.Compress = compress
			return fill(w, long)
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := Open(path, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if want := []string{"ids", "long", "none", "scalar", "y"}; !slices.Equal(a.Names(), want) {
			t.Errorf("names %q, want %q", a.Names(), want)
		}
		if x := array(t, a, "long"); !slices.Equal(x.Float64(), long) || x.DType() != "float64" {
			t.Errorf("long differs, or is %s", x.DType())
		}
		y := array(t, a, "y").Float64()
		for i, want := range []float64{1, 2, 3, 4, math.Inf(1), math.NaN()} {
			if !same(y[i], want) {
				t.Errorf("y %d is %g, want %g", i, y[i], want)
			}
		}
		if x := array(t, a, "scalar"); len(x.Shape) != 0 || !slices.Equal(x.Float64(), []float64{-0.5}) || x.DType() != "float32" {
			t.Errorf("scalar is %v of shape %v, %s", x.Float64(), x.Shape, x.DType())
		}
		ids, err := array(t, a, "ids").Int64()
		if err != nil || !slices.Equal(ids, []int64{math.MinInt64, math.MaxInt64}) {
			t.Errorf("ids are %v (%v)", ids, err)
		}
		if x := array(t, a, "none"); x.Len() != 0 || !slices.Equal(x.Shape, []int{0, 3}) {
			t.Errorf("none has shape %v and %d elements", x.Shape, x.Len())
		}
	}
}

func TestTheSameArraysGiveTheSameBytes(t *testing.T) {
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		w := NewWriter(b)
		if err := errors.Join(fill(w, nil), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives differ")
	}
}

// The header is byte for byte what NumPy 2 writes, except that NumPy leaves
// room for the first dimension to grow.
func TestTheHeaderIsAsNumPyExpects(t *testing.T) {
	for want, write := range map[string]func(*bytes.Buffer) error{
		"{'descr': '<f8', 'fortran_order': False, 'shape': (), }":     func(b *bytes.Buffer) error { return WriteNpy(b, nil, []float64{1}) },
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }":   func(b *bytes.Buffer) error { return WriteNpy(b, []int{2}, []float32{1, 2}) },
		"{'descr': '<i8', 'fortran_order': False, 'shape': (2, 1), }": func(b *bytes.Buffer) error { return WriteNpy(b, []int{2, 1}, []int64{1, 2}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		header, _, found := strings.Cut(b.String(), "\n")
		if !found || (len(header)+1)%64 != 0 || strings.TrimRight(header[len(magic)+4:], " ") != want {
			t.Errorf("header %q, want %q padded to a multiple of 64 bytes", header, want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	w := NewWriter(&bytes.Buffer{})
	if err := w.Float32("q", nil, []float32{1}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"q":    `two arrays are called "q"; rename one`,
		"":     `an array cannot be called ""; use a name without slashes`,
		"../q": `an array cannot be called "../q"`,
		`a\b`:  `an array cannot be called`,
	} {
		if err := w.Float64(name, nil, []float64{1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
	if err := w.Float64("deep", slices.Repeat([]int{1}, 30_000), []float64{1}); err == nil || !strings.Contains(err.Error(), `array "deep": the shape has too many dimensions`) {
		t.Errorf("30,000 dimensions: error %v", err)
	}
}

func TestAShapeThatTheDataDoNotFillPanics(t *testing.T) {
	for _, test := range []struct {
		shape []int
		data  []float64
	}{
		{[]int{2, 2}, []float64{1, 2, 3}},
		{[]int{-1, -1}, []float64{1}},
		{nil, nil},
	} {
		func() {
			defer func() {
				want := fmt.Sprintf("npz: an array of shape %v has %d elements", test.shape, len(test.data))
				if got := recover(); got != want {
					t.Errorf("panic %v, want %q", got, want)
				}
			}()
			_ = NewWriter(&bytes.Buffer{}).Float64("q", test.shape, test.data)
		}()
	}
}

func TestAFailedWriteFileLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.npz")
	if err := WriteFile(path, func(w *Writer) error { return w.Float64("y", nil, []float64{1}) }); err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	err := WriteFile(path, func(w *Writer) error {
		return errors.Join(w.Float64("y", nil, []float64{2}), interrupted)
	})
	if !errors.Is(err, interrupted) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
	a, err := Open(path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if y := array(t, a, "y").Float64(); !slices.Equal(y, []float64{1}) {
		t.Errorf("y is %v, want what it was before", y)
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
	var whole bytes.Buffer
	w := NewWriter(&whole)
	if err := errors.Join(fill(w, nil), w.Close()); err != nil {
		t.Fatal(err)
	}
	for room := 0; room < whole.Len(); room += 7 {
		w := NewWriter(&failingWriter{room})
		if err := errors.Join(fill(w, nil), w.Close()); !errors.Is(err, errNoRoom) {
			t.Errorf("room for %d of %d bytes: error %v, want %v", room, whole.Len(), err, errNoRoom)
		}
	}
}
