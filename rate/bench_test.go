package rate

import (
	"context"
	"math/rand/v2"
	"testing"
)

// BenchmarkHead presents 16 tokens of width 16 to 64 hidden neurons, for a second
// each to be written and to be read: 32 s of the circuit's time.
func BenchmarkHead(b *testing.B) {
	in := positiveInput(rand.New(rand.NewPCG(1, 1)), 16, 64, 16)
	for _, c := range []struct {
		name    string
		domains int
		record  float64
	}{{"one domain", 1, 0}, {"8 coupled domains", 8, 0}, {"one domain, traces every ms", 1, 1e-3}} {
		b.Run(c.name, func(b *testing.B) {
			cfg := Default(64, 16)
			if c.domains > 1 {
				cfg.Domains = Domains{Interleaved(64, c.domains), Couple(Ring, c.domains, 10)}
			}
			for b.Loop() {
				if _, err := Run(context.Background(), cfg, in, Options{Record: c.record}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
