package npz

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

// written returns an array after writing and reading it.
func written[T number](t *testing.T, name string, shape []int, data []T) *Array {
	t.Helper()
	var b bytes.Buffer
	if err := WriteNpy(&b, shape, data); err != nil {
		t.Fatal(err)
	}
	a, err := ReadNpy(&b, name, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestWholeNumbersConvertToInt64(t *testing.T) {
	x := written(t, "x", []int{4}, []float64{0, math.Copysign(0, -1), -3, 1 << 53})
	if got, err := x.Int64(); err != nil || !slices.Equal(got, []int64{0, 0, -3, 1 << 53}) {
		t.Errorf("%v (%v)", got, err)
	}
}

func TestOtherNumbersDoNotConvertToInt64(t *testing.T) {
	for _, bad := range []float64{0.5, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 63, 1e300} {
		x := written(t, "input_ids", []int{2, 2}, []float64{1, 2, bad, 4})
		_, err := x.Int64()
		if err == nil || !strings.HasPrefix(err.Error(), "input_ids: input_ids[1,0] is ") || !strings.Contains(err.Error(), "where a whole number is needed; save it as integers: np.asarray(x, np.int64)") {
			t.Errorf("%g: error %v", bad, err)
		}
	}
}

func TestOnlyANumberTooLargeForFloat32IsRefused(t *testing.T) {
	x := written(t, "q", []int{4}, []float64{math.Pi, math.Inf(1), math.MaxFloat32, 1e-60})
	if got, err := x.Float32(); err != nil || !slices.Equal(got, []float32{math.Pi, float32(math.Inf(1)), math.MaxFloat32, 0}) {
		t.Errorf("%v (%v)", got, err)
	}
	x = written(t, "q", nil, []float64{-1e39})
	if _, err := x.Float32(); err == nil || err.Error() != "q: q is -1e+39, too large for float32; scale it or compute in float64" {
		t.Errorf("error %v", err)
	}
}

func TestEveryFloat16ConvertsByItsDefinition(t *testing.T) {
	for code := 0; code <= math.MaxUint16; code++ {
		sign, exponent, fraction := 1-2*float64(code>>15), code>>10&31, float64(code&1023)/1024
		want := sign * math.Ldexp(1+fraction, exponent-15)
		switch {
		case exponent == 31 && fraction != 0:
			want = math.NaN()
		case exponent == 31:
			want = math.Inf(int(sign))
		case exponent == 0:
			want = sign * math.Ldexp(fraction, -14)
		}
		if got := float16(uint16(code)); !same(got, want) {
			t.Fatalf("%#04x is %g, want %g", code, got, want)
		}
	}
}

func TestAPlaceIsNamedAsInPython(t *testing.T) {
	x := written(t, "k", []int{2, 3, 4}, make([]float32, 24))
	for i, want := range map[int]string{0: "k[0,0,0]", 5: "k[0,1,1]", 23: "k[1,2,3]"} {
		if got := x.Place(i); got != want {
			t.Errorf("element %d is %s, want %s", i, got, want)
		}
	}
	if got := written(t, "sigma", nil, []float32{1}).Place(0); got != "sigma" {
		t.Errorf("a single number is at %s", got)
	}
}

func TestTheFirstNumberThatIsNotFiniteIsFound(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		x    []float64
		want int
	}{
		{nil, -1},
		{[]float64{0, -1, math.MaxFloat64, 5e-324}, -1},
		{[]float64{nan}, 0},
		{[]float64{1, inf, nan}, 1},
		{[]float64{1, 2, -inf}, 2},
	} {
		if got := FirstNonFinite(test.x); got != test.want {
			t.Errorf("%v: %d, want %d", test.x, got, test.want)
		}
	}
	if got := FirstNonFinite([]float32{math.MaxFloat32, float32(inf)}); got != 1 {
		t.Errorf("float32: %d, want 1", got)
	}
}
