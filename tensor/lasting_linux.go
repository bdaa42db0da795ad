package tensor

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of huge pages on amd64 and, with pages of 4 kB, on arm64.
const hugePage = 2 << 20

// adviseHuge asks for huge pages behind x, before the first write to it. They
// are rounded outwards: neighbours of a matrix are matrices too. It is advice,
// without effect on contents, so that a refusal is none of our concern.
func adviseHuge(x []float32) {
	lo := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	hi := lo + uintptr(4*len(x))
	lo, hi = lo&^(hugePage-1), (hi+hugePage-1)&^(hugePage-1)
	syscall.Syscall(syscall.SYS_MADVISE, lo, hi-lo, syscall.MADV_HUGEPAGE)
}
