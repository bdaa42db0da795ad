//go:build !purego

package kernel

import (
	"errors"
	"fmt"
	"syscall"
)

// amxHalves are fast products by AMX, AMX-BF16 and AVX512-BF16.
var amxHalves = halves{column: vectorColumn, across: vectorAcross, block: amxBlock}

func vectorColumn(dst []uint32, x []float32) { amxColumn(&dst[0], &x[0], len(x)) }

func vectorAcross(high, low []uint32, x, y []float32) {
	amxAcross(&high[0], &low[0], &x[0], &y[0], len(high))
}

// amxBlock is halves.block.
func amxBlock(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int, add bool) {
	var s fastSums
	for j := 0; j < n; {
		j += amxPanels(&s, &c[j], ldc, &a[0], lda, &b[j/fastPanel*ldb], ldb, m, n-j, k, add)
		if j < n {
			cols := min(fastPanel, n-j)
			s.finish(c[j:], ldc, a, lda, b[j/fastPanel*ldb:], m, cols, k, add)
			j += cols
		}
	}
}

// planAMX says whether this processor and its operating system have AMX.
func planAMX() fastPlan {
	base := native()
	if len(base) == 0 || base[0].Name != "avx512" {
		return fastPlan{err: errors.New("this CPU has no AMX, not even AVX-512")}
	}
	const (
		bf16Vectors       = 1 << 5           // leaf 7.1, EAX: AVX512_BF16
		amxBF16, amxTile  = 1 << 22, 1 << 24 // leaf 7.0, EDX
		tileConfig, tiles = 1 << 17, 1 << 18 // XCR0
	)
	_, _, _, d := cpuid(7, 0)
	a, _, _, _ := cpuid(7, 1)
	if d&amxBF16 == 0 || d&amxTile == 0 || a&bf16Vectors == 0 {
		return fastPlan{err: errors.New("this CPU has no AMX for bfloat16")}
	}
	if xgetbv()&(tileConfig|tiles) != tileConfig|tiles {
		return fastPlan{err: errors.New("this CPU has AMX, but the operating system has not enabled it; Linux does from 5.16 on")}
	}
	return fastPlan{kernels: amxHalves.fast(amxName, base[0]), permit: permitAMX}
}

// permitAMX asks Linux for the tiles, for all threads of this process (Linux,
// Documentation/arch/x86/xstate.rst).
func permitAMX() error {
	const (
		archReqXcompPerm = 0x1023
		tileData         = 18 // the bit of XCR0
	)
	if _, _, e := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXcompPerm, tileData, 0); e != 0 {
		return fmt.Errorf("the kernel refuses permission to use AMX: %w", e)
	}
	return nil
}
