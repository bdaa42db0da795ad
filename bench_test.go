package tripartite_test

import (
	"fmt"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// BenchmarkCircuit writes and reads one token at MiniLM's head size, and reports
// the size of the memory.
func BenchmarkCircuit(b *testing.B) {
	const d, dv, m = 32, 32, 128
	run := func(b *testing.B, write, read bool) {
		c := circuit[float32](b, tuning.Exp, m, d, dv, nil)
		k, v, y := gaussian[float32](1, d, 0, 0.5), gaussian[float32](2, dv, 0, 1), make([]float32, dv)
		c.Write(k, v)
		b.ReportAllocs()
		for b.Loop() {
			if write {
				c.Write(k, v)
			}
			if read {
				c.Read(y, k)
			}
		}
		b.ReportMetric(float64(c.Memory().Bytes()), "bytes/memory")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/token")
	}
	for _, c := range []struct {
		name        string
		write, read bool
	}{{"write", true, false}, {"read", false, true}, {"write and read", true, true}} {
		b.Run(fmt.Sprintf("%s/d=%d/m=%d", c.name, d, m), func(b *testing.B) { run(b, c.write, c.read) })
	}
}
