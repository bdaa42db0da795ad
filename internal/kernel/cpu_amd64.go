//go:build !purego

package kernel

// cpuid asks the processor what it is (Intel, Software Developer's Manual,
// volume 2, CPUID).
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// xgetbv returns the lower half of XCR0: the registers that the operating
// system saves when it switches threads. Only where CPUID reports OSXSAVE.
func xgetbv() uint32

// Pause lets a little time pass, n times as long as the processor wants between
// two looks at memory that another core is to change.
func Pause(n uint32)

// native returns the kernels that this processor and its operating system can
// run, the fastest first.
func native() (list []*Kernels) {
	has := func(register uint32, bits ...int) bool {
		for _, b := range bits {
			if register>>b&1 == 0 {
				return false
			}
		}
		return true
	}
	const (
		fma, osxsave, avx = 12, 27, 28          // leaf 1, ECX
		avx2, f, dq       = 5, 16, 17           // leaf 7, EBX
		bw, vl            = 30, 31              //
		ymm, zmm          = 1<<1 | 1<<2, 7 << 5 // XCR0
	)
	highest, _, _, _ := cpuid(0, 0)
	if highest < 7 {
		return nil
	}
	_, _, c, _ := cpuid(1, 0)
	_, b, _, _ := cpuid(7, 0)
	if !has(c, fma, osxsave, avx) || !has(b, avx2) {
		return nil
	}
	saved := xgetbv()
	if saved&ymm != ymm {
		return nil
	}
	if has(b, f, dq, bw, vl) && saved&zmm == zmm {
		list = append(list, avx512Vectors.kernels("avx512", avx512Tiles))
	}
	return append(list, avx2Vectors.kernels("avx2", avx2Tiles))
}
