package safetensors

import (
	"bytes"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"
)

// The files in testdata were written by the reference library:
// tools/ref/safetensors_files.py.

// floats are the values stored in every type that holds them.
var floats = []float64{0, math.Copysign(0, -1), 1, -2.5, 65504, 0x1p-14, 0x1p-24, -0x1p-15,
	math.Inf(1), math.Inf(-1), math.NaN(), 1.0 / 3}

// in returns floats rounded to a narrower type.
func in(d DType) []float64 {
	third := map[DType]float64{F64: 1.0 / 3, F32: float64(float32(1.0 / 3)), F16: 0x1.554p-2, BF16: 0x1.56p-2}
	list := slices.Clone(floats)
	list[len(list)-1] = third[d]
	if d == BF16 {
		list[4] = 65536
	}
	return list
}

func openReference(t *testing.T) *File {
	t.Helper()
	f, err := Open("testdata/every_type.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFloatsOfTheReferenceLibrary(t *testing.T) {
	f := openReference(t)
	for _, d := range []DType{F64, F32, F16, BF16} {
		wide, err := f.Float64(string(d))
		if err != nil {
			t.Fatal(err)
		}
		narrow, err := f.Float32(string(d))
		if err != nil {
			t.Fatal(err)
		}
		want := in(d)
		if len(wide) != len(want) || len(narrow) != len(want) {
			t.Fatalf("%s: %d and %d elements, want %d", d, len(wide), len(narrow), len(want))
		}
		for i, x := range want {
			if !same(wide[i], x) {
				t.Errorf("%s: float64 %d is %g, want %g", d, i, wide[i], x)
			}
			if !same(float64(narrow[i]), float64(float32(x))) {
				t.Errorf("%s: float32 %d is %g, want %g", d, i, narrow[i], x)
			}
		}
	}
}

func TestIntegersOfTheReferenceLibrary(t *testing.T) {
	f := openReference(t)
	for name, want := range map[string][]int64{
		"BOOL": {1, 0, 1},
		"I8":   {0, -1, math.MaxInt8, math.MinInt8},
		"I16":  {0, -1, math.MaxInt16, math.MinInt16},
		"I32":  {0, -1, math.MaxInt32, math.MinInt32},
		"I64":  {0, -1, math.MaxInt64, math.MinInt64},
		"U8":   {0, 1, math.MaxInt8},
		"U16":  {0, 1, math.MaxInt16},
		"U32":  {0, 1, math.MaxInt32},
		"U64":  {0, 1, math.MaxInt64},
	} {
		got, err := f.Int64(name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
}

func TestShapesAndMetadataOfTheReferenceLibrary(t *testing.T) {
	f := openReference(t)
	for name, want := range map[string]struct {
		dtype DType
		shape []int
		size  int64
	}{
		"matrix":  {F32, []int{2, 3}, 24},
		"scalar":  {F64, []int{}, 8},
		"empty":   {F32, []int{0, 4}, 0},
		"C64":     {C64, []int{1}, 8},
		"F8_E4M3": {F8E4M3, []int{2}, 2},
		"F8_E5M2": {F8E5M2, []int{2}, 2},
	} {
		got, ok := f.Info(name)
		if !ok || got.DType != want.dtype || !slices.Equal(got.Shape, want.shape) || got.Size != want.size {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		data, err := f.Bytes(name)
		if err != nil || int64(len(data)) != want.size {
			t.Errorf("%s: %d bytes (%v), want %d", name, len(data), err, want.size)
		}
	}
	matrix, err := f.Float32("matrix")
	if err != nil || !slices.Equal(matrix, []float32{0, 1, 2, 3, 4, 5}) {
		t.Errorf("matrix: %v (%v)", matrix, err)
	}
	scalar, err := f.Float64("scalar")
	if err != nil || !slices.Equal(scalar, []float64{3.5}) {
		t.Errorf("scalar: %v (%v)", scalar, err)
	}
	empty, err := f.Float32("empty")
	if err != nil || len(empty) != 0 {
		t.Errorf("empty: %v (%v)", empty, err)
	}
	if want := map[string]string{"format": "pt", "greeting": "héllo"}; !maps.Equal(f.Metadata(), want) {
		t.Errorf("metadata %v, want %v", f.Metadata(), want)
	}
	names := make([]string, 0)
	for _, info := range f.Tensors() {
		names = append(names, info.Name)
	}
	if len(names) != 19 || !slices.IsSorted(names) {
		t.Errorf("%d tensors in the order %v, want 19 by name", len(names), names)
	}
}

func TestWriteGivesTheBytesOfTheReferenceLibrary(t *testing.T) {
	tensors := []Tensor{
		New("wide", []int{2, 2}, []float64{1, -2, 3.5, 1e300}),
		New("b", []int{5}, []float32{0, 1. / 7, 2. / 7, 3. / 7, 4. / 7}),
		New("a", nil, []float32{2}),
		New(`half "quoted" <&> é`, []int{3, 1}, []float64{0.1, -65504, 1e-7}).As(F16),
		New("bytes", []int{3}, []uint8{1, 2, 255}),
	}
	var got bytes.Buffer
	if err := Write(&got, tensors, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/exact.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("wrote\n%q\nwant\n%q", got.Bytes(), want)
	}
}

func TestACheckpointInShardsReadsAsOneFile(t *testing.T) {
	c, err := OpenCheckpoint(os.DirFS("testdata/sharded"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := []Info{}
	for i, name := range []string{"layer.0.weight", "layer.1.weight", "layer.2.weight", "layer.3.weight", "layer.4.weight"} {
		got, err := c.Float32(name)
		if err != nil || !slices.Equal(got, slices.Repeat([]float32{float32(i)}, 16)) {
			t.Errorf("%s: %v (%v), want sixteen times %d", name, got, err, i)
		}
		info, ok := c.Info(name)
		if !ok || info.Name != name || info.DType != F32 || !slices.Equal(info.Shape, []int{4, 4}) {
			t.Errorf("%s: %+v", name, info)
		}
		want = append(want, info)
	}
	if got := c.Tensors(); !reflect.DeepEqual(got, want) {
		t.Errorf("tensors %v, want %v", got, want)
	}
	if got := c.Metadata(); !maps.Equal(got, map[string]string{"format": "pt"}) {
		t.Errorf("metadata %v", got)
	}
}
