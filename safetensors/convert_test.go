package safetensors

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// decode16 converts by the definition of the format, in float64.
func decode16(bits uint16, exponentBits, fractionBits int) float64 {
	sign := 1.0
	if bits>>15 == 1 {
		sign = -1
	}
	exponent := int(bits>>fractionBits) & (1<<exponentBits - 1)
	fraction := float64(bits&(1<<fractionBits-1)) / float64(int(1)<<fractionBits)
	bias := 1<<(exponentBits-1) - 1
	switch {
	case exponent == 1<<exponentBits-1 && fraction != 0:
		return math.NaN()
	case exponent == 1<<exponentBits-1:
		return math.Inf(int(sign))
	case exponent == 0:
		return sign * math.Ldexp(fraction, 1-bias)
	}
	return sign * math.Ldexp(1+fraction, exponent-bias)
}

// same holds for equal bits, and for any two NaN.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

var formats16 = []struct {
	dtype                      DType
	exponentBits, fractionBits int
	decode                     func(uint16) float32
}{
	{F16, 5, 10, float16},
	{BF16, 8, 7, bfloat16},
}

func TestEvery16BitNumberConvertsByItsDefinition(t *testing.T) {
	for _, f := range formats16 {
		for code := 0; code <= math.MaxUint16; code++ {
			want := decode16(uint16(code), f.exponentBits, f.fractionBits)
			if got := float64(f.decode(uint16(code))); !same(got, want) {
				t.Fatalf("%s %#04x is %g, want %g", f.dtype, code, got, want)
			}
		}
	}
}

func TestEvery16BitNumberRoundsToItself(t *testing.T) {
	for _, f := range formats16 {
		for code := 0; code <= math.MaxUint16; code++ {
			x := float64(f.decode(uint16(code)))
			got, ok := smallFormat(f.dtype).round(x)
			if !ok {
				t.Fatalf("%s: %g does not fit", f.dtype, x)
			}
			if math.IsNaN(x) {
				if !math.IsNaN(float64(f.decode(got))) {
					t.Fatalf("%s: NaN becomes %#04x", f.dtype, got)
				}
			} else if got != uint16(code) {
				t.Fatalf("%s: %g becomes %#04x, want %#04x", f.dtype, x, got, code)
			}
		}
	}
}

func TestRoundingGoesToTheNearestAndTiesToEven(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, f := range formats16 {
		largest := smallFormat(f.dtype).infinity - 1
		for range 100_000 {
			code := uint16(rng.IntN(int(largest)))
			below, above := float64(f.decode(code)), float64(f.decode(code+1))
			tie := below + (above-below)/2 // exact: it has one bit more
			even := code + code&1
			for _, test := range []struct {
				x    float64
				want uint16
			}{
				{tie, even},
				{math.Nextafter(tie, 0), code},
				{math.Nextafter(tie, math.Inf(1)), code + 1},
				{-tie, even | 0x8000},
			} {
				if got, ok := smallFormat(f.dtype).round(test.x); !ok || got != test.want {
					t.Fatalf("%s: %g rounds to %#04x (%v), want %#04x", f.dtype, test.x, got, ok, test.want)
				}
			}
		}
	}
}

func TestWhatRoundsBeyondTheLargestNumberDoesNotFit(t *testing.T) {
	for _, test := range []struct {
		dtype DType
		x     float64
		fits  bool
	}{
		{F16, 65504, true},
		{F16, 65519.999, true},
		{F16, 65520, false}, // halfway to 65536, ties to even
		{F16, -1e300, false},
		{BF16, math.MaxFloat32, false},
		{BF16, 3.3895e38, true},
	} {
		if _, ok := smallFormat(test.dtype).round(test.x); ok != test.fits {
			t.Errorf("%g fits %s: %v, want %v", test.x, test.dtype, ok, test.fits)
		}
	}
}

func TestReadingIntoMemoryIsDecoding(t *testing.T) {
	want := make([]float32, 1000)
	for i := range want {
		want[i] = math.Float32frombits(uint32(i) * 0x418937) // all exponents, infinity and NaN too
	}
	data := written(t, []Tensor{New("first", []int{3}, []float32{1, 2, 3}), New("w", []int{10, 100}, want)}, nil)
	f, err := NewReader(bytes.NewReader(data), int64(len(data)), "test")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := f.Bytes("w")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][2]int{{0, 1000}, {0, 0}, {1000, 1000}, {999, 1000}, {17, 500}} {
		decoded, got := make([]float32, at[1]-at[0]), make([]float32, at[1]-at[0])
		if err := float32Decoder(F32)(decoded, raw[4*at[0]:4*at[1]]); err != nil {
			t.Fatal(err)
		}
		if err := f.ReadFloat32(got, "w", at[0]); err != nil {
			t.Fatal(err)
		}
		for i, x := range want[at[0]:at[1]] {
			if b := math.Float32bits(x); math.Float32bits(decoded[i]) != b || math.Float32bits(got[i]) != b {
				t.Fatalf("element %d is %x, decoded %x, read %x", at[0]+i, b, math.Float32bits(decoded[i]), math.Float32bits(got[i]))
			}
		}
	}
}

func TestAPartOfATensorIsConverted(t *testing.T) {
	data := written(t, []Tensor{New("half", []int{4}, []float32{1, 2, 3, 4}).As(F16), New("whole", []int{1}, []int64{1})}, nil)
	f, err := NewReader(bytes.NewReader(data), int64(len(data)), "test")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 2)
	if err := f.ReadFloat32(got, "half", 1); err != nil || got[0] != 2 || got[1] != 3 {
		t.Errorf("%v, %v; want [2 3]", got, err)
	}
	if err := f.ReadFloat32(got, "whole", 0); err == nil || !strings.Contains(err.Error(), `tensor "whole": its type I64`) {
		t.Errorf("error %v", err)
	}
	if err := f.ReadFloat32(got, "none", 0); err == nil || !strings.Contains(err.Error(), `there is no tensor "none"`) {
		t.Errorf("error %v", err)
	}
	for _, from := range []int{-1, 3, math.MaxInt} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "safetensors: elements ") {
					t.Errorf("from %d: %v", from, v)
				}
			}()
			f.ReadFloat32(got, "half", from)
		}()
	}
}
