package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// littleEndian tells whether numbers lie in memory as they do in a file.
func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// float32Bytes returns the memory of x. On a little-endian machine F32 is read
// straight into it, which saves a copy of everything that large models hold.
func float32Bytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// float32Decoder returns the conversion of a stored type to float32, or nil.
// A decoder fills dst from as many little-endian elements of src. (The loops
// name both ends of a slice, which the compiler checks once instead of twice.)
func float32Decoder(d DType) func(dst []float32, src []byte) error {
	switch d {
	case F16:
		return func(dst []float32, src []byte) error {
			for i := range dst {
				dst[i] = float16(binary.LittleEndian.Uint16(src[2*i : 2*i+2]))
			}
			return nil
		}
	case BF16:
		return func(dst []float32, src []byte) error {
			for i := range dst {
				dst[i] = bfloat16(binary.LittleEndian.Uint16(src[2*i : 2*i+2]))
			}
			return nil
		}
	case F32:
		return func(dst []float32, src []byte) error {
			for i := range dst {
				dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i : 4*i+4]))
			}
			return nil
		}
	case F64:
		return func(dst []float32, src []byte) error {
			for i := range dst {
				x := math.Float64frombits(binary.LittleEndian.Uint64(src[8*i : 8*i+8]))
				dst[i] = float32(x)
				if math.IsInf(float64(dst[i]), 0) && !math.IsInf(x, 0) {
					return fmt.Errorf("%g is too large for float32; read it as float64 or scale it", x)
				}
			}
			return nil
		}
	}
	return nil
}

// float64Decoder returns the conversion of a stored type to float64, or nil.
func float64Decoder(d DType) func(dst []float64, src []byte) error {
	switch d {
	case F16:
		return func(dst []float64, src []byte) error {
			for i := range dst {
				dst[i] = float64(float16(binary.LittleEndian.Uint16(src[2*i : 2*i+2])))
			}
			return nil
		}
	case BF16:
		return func(dst []float64, src []byte) error {
			for i := range dst {
				dst[i] = float64(bfloat16(binary.LittleEndian.Uint16(src[2*i : 2*i+2])))
			}
			return nil
		}
	case F32:
		return func(dst []float64, src []byte) error {
			for i := range dst {
				dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i : 4*i+4])))
			}
			return nil
		}
	case F64:
		return func(dst []float64, src []byte) error {
			for i := range dst {
				dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i : 8*i+8]))
			}
			return nil
		}
	}
	return nil
}

// int64Decoder returns the conversion of a stored type to int64, or nil.
func int64Decoder(d DType) func(dst []int64, src []byte) error {
	var element func(src []byte) int64
	width := d.Bits() / 8
	switch d {
	case Bool, U8:
		element = func(src []byte) int64 { return int64(src[0]) }
	case I8:
		element = func(src []byte) int64 { return int64(int8(src[0])) }
	case U16:
		element = func(src []byte) int64 { return int64(binary.LittleEndian.Uint16(src)) }
	case I16:
		element = func(src []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(src))) }
	case U32:
		element = func(src []byte) int64 { return int64(binary.LittleEndian.Uint32(src)) }
	case I32:
		element = func(src []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(src))) }
	case U64, I64:
		element = func(src []byte) int64 { return int64(binary.LittleEndian.Uint64(src)) }
	default:
		return nil
	}
	return func(dst []int64, src []byte) error {
		for i := range dst {
			x := element(src[width*i:])
			switch {
			case d == U64 && x < 0:
				return fmt.Errorf("%d is too large for int64; store it as I64", uint64(x))
			case d == Bool && x > 1:
				return fmt.Errorf("a BOOL is %d; it must be 0 or 1", x)
			}
			dst[i] = x
		}
		return nil
	}
}

// float16 converts IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
func float16(h uint16) float32 {
	// With the exponent read as float32's, normal and subnormal numbers alike
	// are too small by the difference of the two biases, 2^(127-15).
	magnitude := math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112
	bits := math.Float32bits(magnitude)
	if magnitude >= 0x1p16 { // the largest exponent: infinity or not a number
		bits |= 0xff << 23
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// bfloat16 converts the upper half of a float32.
func bfloat16(b uint16) float32 {
	return math.Float32frombits(uint32(b) << 16)
}

// A smallFloat is a binary floating-point format of 16 bits.
type smallFloat struct {
	fraction int // stored bits of the fraction
	minExp   int // exponent of the smallest normal number
	infinity uint16
}

// smallFormat describes F16 or BF16.
func smallFormat(d DType) smallFloat {
	if d == F16 {
		return smallFloat{fraction: 10, minExp: -14, infinity: 0x7c00}
	}
	return smallFloat{fraction: 7, minExp: -126, infinity: 0x7f80}
}

// round returns the number of the format nearest to x, ties to even; ok is
// false when x is finite and that number is not.
func (s smallFloat) round(x float64) (bits uint16, ok bool) {
	sign := uint16(math.Float64bits(x) >> 48 & 0x8000)
	switch x = math.Abs(x); {
	case x == 0:
		return sign, true
	case math.IsNaN(x):
		return sign | s.infinity | 1<<(s.fraction-1), true
	case math.IsInf(x, 0):
		return sign | s.infinity, true
	}
	_, exp := math.Frexp(x) // x in [2^(exp-1), 2^exp)
	exp = max(exp-1, s.minExp)
	units := math.RoundToEven(math.Ldexp(x, s.fraction-exp)) // the scaling is exact
	// units counts the leading bit too, which carries into the exponent of a
	// normal number; rounding up to the next power of two carries the same way.
	code := uint64(exp-s.minExp)<<s.fraction + uint64(units)
	if code >= uint64(s.infinity) {
		return sign | s.infinity, false
	}
	return sign | uint16(code), true
}
