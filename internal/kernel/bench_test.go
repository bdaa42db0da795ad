package kernel

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// gauge measures what one core can do at the moment, in operations a second.
func gauge(ks *Kernels) float64 {
	const steps = 20000
	start := time.Now()
	n := ks.Peak(steps)
	return float64(n) / time.Since(start).Seconds()
}

// BenchmarkProduct gives GFLOPS and the share of the peak measured between the
// repetitions: the median of their ratios, which a busy machine leaves alone.
func BenchmarkProduct(b *testing.B) {
	shapes := [][3]int{{256, 768, 768}, {128, 384, 384}, {128, 384, 1536}, {128, 1536, 384}, {32, 1152, 384}, {16, 384, 384},
		{64, 128, 32}, {128, 32, 64}, {16, 16, 128}, {1, 768, 768}, {1, 384, 384}, {2, 384, 384}, {3, 384, 384}, {12, 384, 384}}
	for _, ks := range Available() {
		for _, s := range shapes {
			m, n, k := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("%s/%dx%dx%d", ks.Name, m, n, k), func(b *testing.B) {
				a, w, c := random(1, m*k), random(2, n*k), make([]float32, m*n)
				packed := make([]float32, ks.PackedLen(n, k))
				ks.Pack(packed, w, k, n, k)
				var shares []float64
				repeat := max(1, 20_000_000/(m*n*k)) // enough work for the clock
				for b.Loop() {
					b.StopTimer()
					peak := gauge(ks)
					b.StartTimer()
					start := time.Now()
					for range repeat {
						ks.Product(c, n, a, k, packed, m, n, k, false)
					}
					shares = append(shares, 2*float64(repeat*m*n*k)/time.Since(start).Seconds()/peak)
				}
				slices.Sort(shares)
				b.ReportMetric(2*float64(repeat*m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
				b.ReportMetric(shares[len(shares)/2], "of-peak")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func BenchmarkPack(b *testing.B) {
	for _, ks := range Available() {
		for _, s := range [][2]int{{64, 32}, {512, 32}, {384, 384}} {
			n, k := s[0], s[1]
			x, dst := random(1, n*k), make([]float32, max(ks.PackedLen(n, k), ks.PackedLen(k, n)))
			b.Run(fmt.Sprintf("%s/rows/%dx%d", ks.Name, n, k), func(b *testing.B) {
				for b.Loop() {
					ks.PackRows(dst, x, k, k, n)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*k), "ns/element")
			})
			b.Run(fmt.Sprintf("%s/columns/%dx%d", ks.Name, n, k), func(b *testing.B) {
				for b.Loop() {
					ks.Pack(dst, x, k, n, k)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*k), "ns/element")
			})
		}
	}
}

func BenchmarkRows(b *testing.B) {
	x, y, dst := random(1, 1536), random(2, 1536), make([]float32, 1536)
	for _, ks := range Available() {
		for _, f := range []struct {
			name string
			call func()
		}{
			{"Exp", func() { ks.Exp(dst, x) }},
			{"Log", func() { ks.Log(dst, x) }},
			{"ExpSum", func() { ks.ExpSum(dst, x, 1) }},
			{"ExpShift", func() { ks.ExpShift(dst, x, 1) }},
			{"Softmax", func() { ks.Softmax(dst, x) }},
			{"AddMax", func() { ks.AddMax(dst, x, y) }},
			{"Max", func() { ks.Max(x) }},
			{"Sum", func() { ks.Sum(x) }},
			{"Dot", func() { ks.Dot(x, y) }},
			{"AddScaled", func() { ks.AddScaled(dst, 0.1, x) }},
			{"Scale", func() { ks.Scale(dst, 0.1, x) }},
			{"LayerNorm", func() { ks.LayerNorm(dst, x, y, y, 1e-5) }},
			{"GELU", func() { ks.GELU(dst, x) }},
			{"GELUTanh", func() { ks.GELUTanh(dst, x) }},
			{"SiLU", func() { ks.SiLU(dst, x) }},
			{"Tanh", func() { ks.Tanh(dst, x) }},
			{"ReLU", func() { ks.ReLU(dst, x) }},
		} {
			b.Run(ks.Name+"/"+f.name, func(b *testing.B) {
				clear(dst)
				for b.Loop() {
					f.call()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/element")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
