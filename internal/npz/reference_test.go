package npz

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// The files in testdata were written by NumPy: tools/ref/npz_files.py.

func openReference(t *testing.T, name string) *Archive {
	t.Helper()
	a, err := Open("testdata/"+name, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func array(t *testing.T, a *Archive, name string) *Array {
	t.Helper()
	x, err := a.Array(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// same holds for equal bits, and for any two NaN.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

func TestFloatsOfNumPy(t *testing.T) {
	a := openReference(t, "types.npz")
	for name, third := range map[string]float64{"f2": 0x1.554p-2, "f4": float64(float32(1.0 / 3)), "f8": 1.0 / 3} {
		want := []float64{0, math.Copysign(0, -1), 1, -2.5, 65504, 0x1p-14, 0x1p-24, -0x1p-15,
			math.Inf(1), math.Inf(-1), math.NaN(), third}
		for _, name := range []string{name, name + " big"} {
			x := array(t, a, name)
			narrow, err := x.Float32()
			if err != nil {
				t.Fatal(err)
			}
			wide := x.Float64()
			if len(wide) != len(want) || len(narrow) != len(want) {
				t.Fatalf("%s: %d and %d elements, want %d", name, len(wide), len(narrow), len(want))
			}
			for i := range want {
				if !same(wide[i], want[i]) {
					t.Errorf("%s: float64 %d is %g, want %g", name, i, wide[i], want[i])
				}
				if !same(float64(narrow[i]), float64(float32(want[i]))) {
					t.Errorf("%s: float32 %d is %g, want %g", name, i, narrow[i], want[i])
				}
			}
		}
	}
}

func TestIntegersOfNumPy(t *testing.T) {
	a := openReference(t, "types.npz")
	want := map[string][]int64{"b1": {1, 0, 1}}
	for _, size := range []int{1, 2, 4, 8} {
		most := int64(math.MaxInt64) >> (64 - 8*size)
		want[fmt.Sprintf("i%d", size)] = []int64{0, -1, most, -most - 1}
		if size < 8 {
			want[fmt.Sprintf("u%d", size)] = []int64{0, 1, most, most + 1, 2*most + 1}
		}
	}
	for name, ints := range want {
		for _, name := range []string{name, name + " big"} {
			if !a.Has(name) && strings.HasSuffix(name, "1 big") {
				continue // one byte has no order
			}
			x := array(t, a, name)
			got, err := x.Int64()
			if err != nil || !slices.Equal(got, ints) {
				t.Errorf("%s: %v (%v), want %v", name, got, err, ints)
			}
			for i, f := range x.Float64() {
				if f != float64(ints[i]) {
					t.Errorf("%s: float64 %d is %g, want %g", name, i, f, float64(ints[i]))
				}
			}
		}
	}
	for _, name := range []string{"u8", "u8 big"} {
		x := array(t, a, name)
		if f := x.Float64(); !slices.Equal(f, []float64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}) {
			t.Errorf("%s: %v", name, f)
		}
		if _, err := x.Int64(); err == nil || !strings.Contains(err.Error(), name+"[3] is 9223372036854775808, too large for int64") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTypesAreNamedAsNumPyDoes(t *testing.T) {
	a := openReference(t, "types.npz")
	for name, want := range map[string]string{
		"b1": "bool", "i1": "int8", "i2 big": "int16", "i4": "int32", "i8 big": "int64",
		"u1": "uint8", "u2": "uint16", "u4 big": "uint32", "u8": "uint64",
		"f2 big": "float16", "f4": "float32", "f8": "float64",
	} {
		if got := array(t, a, name).DType(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestShapesAndOrdersOfNumPy(t *testing.T) {
	shapes := map[string][]int{
		"scalar": {}, "1": {1}, "4": {4}, "2x3": {2, 3}, "3x1": {3, 1}, "2x3x4": {2, 3, 4},
		"2x1x3x2": {2, 1, 3, 2}, "0": {0}, "2x0x3": {2, 0, 3},
	}
	for _, file := range []string{"shapes.npz", "deflated.npz"} {
		a := openReference(t, file)
		if len(a.Names()) != 2*len(shapes) || !slices.IsSorted(a.Names()) {
			t.Errorf("%s: names %q", file, a.Names())
		}
		for name, shape := range shapes {
			for _, order := range []string{"c ", "f "} {
				x := array(t, a, order+name)
				if !slices.Equal(x.Shape, shape) {
					t.Errorf("%s: %s%s has shape %v", file, order, name, x.Shape)
				}
				n := 1
				for _, d := range shape {
					n *= d
				}
				got := x.Float64()
				if len(got) != n || x.Len() != n {
					t.Fatalf("%s: %s%s has %d elements, want %d", file, order, name, len(got), n)
				}
				for i, v := range got {
					if v != float64(i) {
						t.Errorf("%s: %s is %g, want %d", file, x.Place(i), v, i)
					}
				}
			}
		}
	}
}

func TestLaterVersionsOfTheFormat(t *testing.T) {
	for _, name := range []string{"v2.npy", "v3.npy"} {
		f, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x, err := ReadNpy(f, name, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x.Shape, []int{2, 3}) || !slices.Equal(x.Float64(), []float64{0, 1, 2, 3, 4, 5}) {
			t.Errorf("%s: %v of shape %v", name, x.Float64(), x.Shape)
		}
	}
}

func TestWhatIsNoNumberIsRefusedByName(t *testing.T) {
	const asFloat = "save it as float64: np.asarray(x, float)"
	a := openReference(t, "refused.npz")
	for name, want := range map[string][2]string{
		"objects":    {"Python objects, which are not read since they can run code", asFloat},
		"structured": {"it is a structured array", "save each of its fields as an array of its own"},
		"complex":    {`"<c16" means complex numbers`, "save the parts as two arrays: x.real, x.imag"},
		"text":       {`"<U2" means text`, asFloat},
		"bytes":      {`"|S2" means text`, asFloat},
		"raw":        {"raw bytes (bfloat16 is stored so)", "save it as float32: x.astype(np.float32)"},
		"dates":      {"dates or time spans", "x.astype(float)"},
		"spans":      {"dates or time spans", "x.astype(float)"},
		"longdouble": {"floating-point numbers of an uncommon width", asFloat},
	} {
		_, err := a.Array(name)
		if err == nil {
			t.Errorf("%s was read", name)
			continue
		}
		for _, part := range append(want[:], fmt.Sprintf("testdata/refused.npz: array %q: ", name)) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q, want %q", name, err, part)
			}
		}
	}
}
