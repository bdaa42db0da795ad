package kernel

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns two slices of n elements on pages of their own: after the one,
// before the other lies a page that no instruction may touch.
func fenced(t *testing.T, n int) (first, last []float32) {
	t.Helper()
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, fence := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		return nil, nil
	}
	open := unsafe.Slice((*float32)(unsafe.Pointer(&mem[page])), size/4)
	return open[:n:n], open[len(open)-n:]
}

func TestProductTouchesNothingOutsideItsOperands(t *testing.T) {
	each(t, testTouches)
	eachFast(t, testTouches)
}

func testTouches(t *testing.T, ks *Kernels) {
	for _, m := range []int{1, 2, 3, 5, 7, 12, 13} {
		for _, n := range []int{1, 5, ks.Panel - 1, ks.Panel, ks.Panel + 1, 2*ks.Panel + 9, 4*ks.Panel + 1} {
			for _, k := range []int{1, 3, 4, 7} {
				t.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(t *testing.T) {
					a, az := fenced(t, m*k)
					b, bz := fenced(t, ks.PackedLen(n, k))
					x, xz := fenced(t, n*k)
					c, cz := fenced(t, m*n)
					bias, biasz := fenced(t, n)
					for _, add := range []bool{false, true} {
						ks.Product(c, n, a, k, b, m, n, k, add)
						ks.Product(cz, n, az, k, bz, m, n, k, add)
					}
					ks.ProductBias(c, n, a, k, b, bias, m, n, k)
					ks.ProductBias(cz, n, az, k, bz, biasz, m, n, k)
					ks.Pack(b, x, k, n, k)
					ks.Pack(bz, xz, k, n, k)
					ks.PackRows(b, x, n, n, k)
					ks.PackRows(bz, xz, n, n, k)
				})
			}
		}
	}
}

func TestFunctionsTouchNothingOutsideTheirRows(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for n := range 70 {
			x, xz := fenced(t, n)
			y, yz := fenced(t, n)
			for _, r := range [][2][]float32{{x, y}, {xz, yz}} {
				x, y := r[0], r[1]
				for _, f := range []func(dst, x []float32){ks.Exp, ks.Log, ks.GELU, ks.GELUTanh, ks.ReLU, ks.SiLU, ks.Tanh} {
					f(y, x)
				}
				ks.ExpSum(y, x, 1)
				ks.ExpShift(y, x, 1)
				ks.AddMax(y, x, y)
				ks.Max(x)
				ks.Sum(x)
				ks.Dot(x, y)
				ks.AddScaled(y, 2, x)
				ks.Scale(y, 2, x)
				ks.Add(y, x, y)
				ks.Softmax(y, x)
				ks.LayerNorm(y, x, x, y, 1)
				ks.LayerNorm(y, x, nil, nil, 1)
				ks.Squares(x, 1)
				ks.Mul(y, x, x)
				ks.AddMul(y, x, x)
				ks.MulSub(y, x, x, y)
				for _, f := range []func(dst, dy, x []float32){ks.GELUSlope, ks.GELUTanhSlope, ks.SiLUSlope, ks.TanhSlope, ks.ReLUSlope} {
					f(y, y, x)
				}
				ks.LayerNormBackward(y, x, x, y, x, x, y, 1)
				ks.AdamW(x, y, x, y, AdamStep{Epsilon: 1})
				for rows := 1; rows <= n; rows++ {
					ks.SoftmaxTile(y, n/rows, rows, n/rows, n/rows-1, x[:rows], x[:rows], x[:rows])
					ks.Transpose(y, rows, x, n/rows, rows, n/rows)
				}
			}
		}
	})
}
