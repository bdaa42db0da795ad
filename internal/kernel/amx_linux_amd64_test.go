//go:build !purego

package kernel

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// needVectors skips a test where the CPU cannot take numbers apart in vectors.
func needVectors(t *testing.T) {
	t.Helper()
	a, _, _, _ := cpuid(7, 1)
	if base := native(); len(base) == 0 || base[0].Name != "avx512" || a>>5&1 == 0 {
		t.Skip("skipped: this CPU has no AVX-512 with bfloat16")
	}
}

// edges are numbers at which rounding to bfloat16 changes its ways, and others.
func edges() (x []float32) {
	for _, u := range []uint32{0, 1, 0x7fff, 0x8000, 0x7fffff, 0x800000, 0x807fff, 0x808000, 0x818000, 0x1000000, 0x3f800000, 0x3f807fff, 0x3f808000,
		0x3f808001, 0x3f818000, 0x3f80ff80, 0x3f80ff7f, 0x7f7f0000, 0x7f7f7fff, 0x7f7f8000, 0x7f7fff7f, 0x7f7fff80, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00001} {
		x = append(x, math.Float32frombits(u), math.Float32frombits(u|1<<31))
	}
	for u := uint64(1); u < 1<<32; u += 1 << 32 / 5000 {
		x = append(x, math.Float32frombits(uint32(u)))
	}
	return append(x, random(5, 1000)...)
}

// same reports whether two packed operands are, but for what a NaN carries.
func same(a, b []uint32) bool {
	nan := func(h uint32) bool { return h&0x7fff > 0x7f80 }
	return slices.EqualFunc(a, b, func(x, y uint32) bool {
		for range 2 {
			if x&0xffff != y&0xffff && !(nan(x&0xffff) && nan(y&0xffff)) {
				return false
			}
			x, y = x>>16, y>>16
		}
		return true
	})
}

func TestVectorsTakeNumbersApartAsTheirTwin(t *testing.T) {
	needVectors(t)
	x := edges()
	for _, n := range []int{1, 2, 3, 15, 16, 17, 30, 31, 32, 33, 63, 64, 65, len(x)} {
		for from := 0; from+n <= len(x); from += max(1, n/2) {
			got, want := make([]uint32, fastPanel*padded(n)), make([]uint32, fastPanel*padded(n))
			vectorColumn(got, x[from:from+n])
			column(want, x[from:from+n])
			if !same(got, want) {
				t.Fatalf("a column of %d from %d differs", n, from)
			}
			if n > side {
				continue
			}
			y := x[len(x)-n-from:]
			gh, gl, wh, wl := make([]uint32, n), make([]uint32, n), make([]uint32, n), make([]uint32, n)
			vectorAcross(gh, gl, x[from:from+n], y)
			across(wh, wl, x[from:from+n], y)
			if !same(gh, wh) || !same(gl, wl) {
				t.Fatalf("rows of %d from %d differ", n, from)
			}
		}
	}
}

func TestVectorsPackAsTheirTwin(t *testing.T) {
	needVectors(t)
	for _, n := range []int{1, 16, 17, 35} {
		for _, k := range []int{1, 2, 31, 32, 45, blockDepth + 1} {
			b := random(1, n*(k+1))
			size := portableHalves.fast("", Portable()).PackedLen(n, k)
			got, want := random(2, size), random(3, size)
			packedInto := func(h *halves, dst []float32) { h.pack(dst, b, k+1, n, k) }
			packedInto(&amxHalves, got)
			packedInto(&portableHalves, want)
			if !same(words(got), words(want)) {
				t.Fatalf("%d columns of %d pack differently", n, k)
			}
			portableHalves.packRows(want, b, n, n, k)
			amxHalves.packRows(got, b, n, n, k)
			if !same(words(got), words(want)) {
				t.Fatalf("%d rows of %d pack differently", k, n)
			}
		}
	}
}

// AMX adds in the order that Intel documents, which the twin keeps; what is
// guaranteed is the bound, which holds for any order. Sums below 2^-126 alone may
// differ if the order is that.
func TestAMXEqualsItsTwin(t *testing.T) {
	ks, twin := needAMX(t), portableHalves.fast("portable-fast", Portable())
	different, all := 0, 0
	for _, m := range []int{1, 15, 16, 17, 32, 33} {
		for _, n := range []int{1, 16, 31, 32, 65} {
			for _, k := range []int{1, 31, 32, 45, blockDepth + 33} {
				a, b := random(1, m*k), random(2, n*k)
				packed := make([]float32, ks.PackedLen(n, k))
				ks.Pack(packed, b, k, n, k)
				got, want := random(3, m*n), random(3, m*n)
				ks.Product(got, n, a, k, packed, m, n, k, true)
				twin.Product(want, n, a, k, packed, m, n, k, true)
				for i, x := range got {
					var size float64
					for p := range k {
						size += math.Abs(float64(a[i/n*k+p]) * float64(b[i%n*k+p]))
					}
					if e := math.Abs(float64(x - want[i])); !(e <= 2*float64(60+k/blockDepth)*0x1p-24*(size+5)) {
						t.Fatalf("%d×%d×%d: value %d is %v, its twin %v", m, n, k, i, x, want[i])
					}
					all++
					if x != want[i] {
						different++
					}
				}
			}
		}
	}
	t.Logf("%d of %d values differ from the twin in their last bits", different, all)
}

// The tiles of one goroutine survive the collector, preemption and the others.
func TestAMXUnderCollectionAndPreemption(t *testing.T) {
	ks := needAMX(t)
	const m, n, k, rounds = 45, 100, 200, 300
	a, b := random(1, m*k), random(2, n*k)
	packed := make([]float32, ks.PackedLen(n, k))
	ks.Pack(packed, b, k, n, k)
	want := make([]float32, m*n)
	ks.Product(want, n, a, k, packed, m, n, k, false)
	stop := make(chan struct{})
	var collector, workers sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	for range 4 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			got := make([]float32, m*n)
			for round := range rounds {
				clear(got)
				ks.Product(got, n, a, k, packed, m, n, k, false)
				if !slices.Equal(got, want) {
					t.Errorf("round %d gives other bytes", round)
					return
				}
				_ = make([]byte, 1<<12) // work for the collector
			}
		})
	}
	workers.Wait()
	close(stop)
	collector.Wait()
}
