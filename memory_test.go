package tripartite_test

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// A memory merged with itself is that of a circuit which was written everything
// twice.
func TestAMemoryMergesWithItself(t *testing.T) {
	const n, d, dv = 7, 4, 3
	for _, m := range tuning.Maps() {
		for _, forget := range []float64{0, 0.3} {
			change := func(c *tripartite.Config[float64]) { c.Forget = forget }
			q, k, v := sequence[float64](5, n, d, dv)
			once := written(t, m, k, v, d, dv, change)
			if err := once.Memory().Merge(once.Memory()); err != nil {
				t.Fatal(err)
			}
			twice := written(t, m, append(k, k...), append(v, v...), d, dv, change)
			gotY, gotC := read(once, q, d, dv)
			wantY, wantC := read(twice, q, d, dv)
			compare(t, string(m)+": outputs", gotY, wantY, 1e-10)
			compare(t, string(m)+": log calcium", gotC, wantC, 1e-10)
			if got := once.Memory().Tokens(); got != 2*n {
				t.Errorf("%s: %d tokens, want %d", m, got, 2*n)
			}
		}
	}
}

// In float32, 2^24 + 1 is 2^24: a gain that large no longer grows by writing,
// but it does by merging parts.
func TestMergingPartsOutlivesTheRoundingOfFloat32(t *testing.T) {
	k, v, y := []float32{0.5, -0.5}, []float32{3}, make([]float32, 1)
	one := func() *tripartite.Circuit[float32] {
		c := circuit[float32](t, tuning.Exp, 5, 2, 1, nil)
		c.Write(k, v)
		return c
	}
	kernel := one().Read(y, k)
	c := one()
	for range 24 {
		if err := c.Memory().Merge(c.Memory()); err != nil {
			t.Fatal(err)
		}
	}
	tokens := func() float64 { return math.Exp(c.Read(y, k).Log - kernel.Log) } // kernels are all alike
	full, part := tokens(), c.Memory().Clone()
	for range 1000 {
		c.Write(k, v)
	}
	if got := tokens(); got != full {
		t.Errorf("1,000 writes after 2^24 raise calcium from %.0f to %.0f kernels: what is documented no longer holds", full, got)
	}
	if err := c.Restore(part); err != nil {
		t.Fatal(err)
	}
	if err := c.Memory().Merge(part); err != nil {
		t.Fatal(err)
	}
	if got := tokens(); !(math.Abs(got/(1<<25)-1) <= 1e-5) || !(math.Abs(float64(y[0])-3) <= 1e-5) {
		t.Errorf("calcium of %.0f kernels and output %v, want 2^25 and 3", got, y[0])
	}
}

func TestMemoriesThatAreNotFiniteAreNotSaved(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for want, token := range map[string]struct{ k, v []float32 }{
		"hebb[0] is NaN":  {[]float32{nan, 0}, []float32{1, 1}},
		"hebb[4] is NaN":  {[]float32{0, 0}, []float32{1, nan}},
		"hebb[4] is +Inf": {[]float32{0, 0}, []float32{1, inf}},
	} {
		c := circuit[float32](t, tuning.Exp, 4, 2, 2, nil)
		c.Write(token.k, token.v)
		path := filepath.Join(t.TempDir(), "memory.safetensors")
		if err := c.Memory().Save(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("save: error %v, want one with %q and the path", err, want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file is left", want)
		}
		if n, err := c.Memory().WriteTo(io.Discard); n != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("write: %d bytes, error %v, want one with %q", n, err, want)
		}
	}
}

// Restore puts a copy in the place of the circuit's memory: one obtained before
// stays as it was.
func TestRestoreDetachesTheEarlierMemory(t *testing.T) {
	_, k, v := sequence[float64](1, 2, 4, 3)
	c := written[float64](t, tuning.Exp, k, v, 4, 3, nil)
	earlier := c.Memory()
	if err := c.Restore(earlier.Clone()); err != nil {
		t.Fatal(err)
	}
	c.Write(k[:4], v[:3])
	if earlier.Tokens() != 2 || c.Memory().Tokens() != 3 {
		t.Errorf("%d and %d tokens, want 2 and 3", earlier.Tokens(), c.Memory().Tokens())
	}
}
