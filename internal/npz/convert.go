package npz

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Float64 returns the elements in C order. Booleans become 0 and 1, integers
// beyond 2^53 are rounded.
func (a *Array) Float64() []float64 {
	dst := make([]float64, a.Len())
	for i := range dst {
		dst[i] = a.float(i)
	}
	return dst
}

// Float32 returns the elements in C order, rounded to float32. A finite
// element too large for that is an error.
func (a *Array) Float32() ([]float32, error) {
	dst := make([]float32, a.Len())
	for i := range dst {
		x := a.float(i)
		dst[i] = float32(x)
		if math.IsInf(float64(dst[i]), 0) && !math.IsInf(x, 0) {
			return nil, a.wrap(fmt.Errorf("%s is %g, too large for float32; scale it or compute in float64", a.Place(i), x))
		}
	}
	return dst, nil
}

// Int64 returns the elements in C order, exactly: booleans become 0 and 1, a
// floating-point number must be whole, and an element that int64 cannot hold
// is an error.
func (a *Array) Int64() ([]int64, error) {
	dst := make([]int64, a.Len())
	for i := range dst {
		switch a.element.kind {
		case 'f':
			x := a.float(i)
			if x != math.Trunc(x) || math.Abs(x) >= 1<<63 { // NaN differs from itself
				return nil, a.wrap(fmt.Errorf("%s is %g where a whole number is needed; save it as integers: np.asarray(x, np.int64)", a.Place(i), x))
			}
			dst[i] = int64(x)
		case 'u', 'b':
			x := a.unsigned(i)
			if x > math.MaxInt64 {
				return nil, a.wrap(fmt.Errorf("%s is %d, too large for int64; save it as np.int64", a.Place(i), x))
			}
			dst[i] = int64(x)
		default:
			dst[i] = a.signed(i)
		}
	}
	return dst, nil
}

// FirstNonFinite returns the index of the first NaN or infinity in x, or -1.
func FirstNonFinite[T float32 | float64](x []T) int {
	for i, v := range x {
		if v-v != 0 { // true of NaN and of both infinities alone
			return i
		}
	}
	return -1
}

// float returns element i as the nearest float64.
func (a *Array) float(i int) float64 {
	switch a.element.kind {
	case 'f':
		bits := a.unsigned(i)
		switch a.element.size {
		case 2:
			return float16(uint16(bits))
		case 4:
			return float64(math.Float32frombits(uint32(bits)))
		}
		return math.Float64frombits(bits)
	case 'u', 'b':
		return float64(a.unsigned(i))
	}
	return float64(a.signed(i))
}

// unsigned returns the bits of element i.
func (a *Array) unsigned(i int) uint64 {
	switch a.element.size {
	case 1:
		return uint64(a.data[i])
	case 2:
		return uint64(binary.LittleEndian.Uint16(a.data[2*i:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(a.data[4*i:]))
	}
	return binary.LittleEndian.Uint64(a.data[8*i:])
}

// signed returns element i of a signed type.
func (a *Array) signed(i int) int64 {
	unused := 64 - 8*a.element.size
	return int64(a.unsigned(i)<<unused) >> unused // repeats the sign bit
}

// float16 converts IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
func float16(h uint16) float64 {
	// With the exponent read as float32's, normal and subnormal numbers alike
	// are too small by the difference of the two biases, 2^(127-15).
	magnitude := math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112
	bits := math.Float32bits(magnitude)
	if magnitude >= 0x1p16 { // the largest exponent: infinity or not a number
		bits |= 0xff << 23
	}
	return float64(math.Float32frombits(bits | uint32(h&0x8000)<<16))
}
