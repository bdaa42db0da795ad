package attention

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// golden reads a tensor of at most two dimensions, a vector as one row.
func golden(t *testing.T, f *safetensors.File, name string) tensor.Matrix {
	t.Helper()
	info, ok := f.Info(name)
	values, err := f.Float32(name)
	if !ok || err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	cols := info.Shape[len(info.Shape)-1]
	return tensor.FromData(values, len(values)/int(cols), int(cols))
}

// testdata/backward.safetensors was written by tools/ref/backward.py. Its tuning
// curves differ between the phases, as fitted ones do.
func TestCircuitGoesBackAsPyTorch(t *testing.T) {
	f, err := safetensors.Open("testdata/backward.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, prefix := range []string{"plain.", "sink.", "causal.", "causal-sink."} {
		get := func(name string) tensor.Matrix { return golden(t, f, prefix+name) }
		in := input{get("q"), get("k"), get("v"), tensor.NewSequences(get("q").Rows)}
		d, m := in.q.Cols, get("read.W").Rows
		forget := float64(get("forget").Data[0])
		c := &Circuit{cfg: CircuitConfig{Causal: strings.HasPrefix(prefix, "causal"), HalfSaturation: float64(get("sigma").Data[0]), Forget: forget}, decay: math.Log1p(-forget)}
		c.cfg.Tuning, _ = curves(t, tuning.Exp, m, d, nil) // for its size
		zero := make([]float32, d*d)
		c.read = newFeatures(tuning.Form[float32]{W: get("read.W").Data, B: get("read.B").Data, Metric: zero}, d, tensor.Float32)
		c.write = newFeatures(tuning.Form[float32]{W: get("write.W").Data, B: get("write.B").Data,
			Metric: get("write.Metric").Data, Center: get("write.Center").Data, Excite: get("write.Excite").Data}, d, tensor.Float32)

		grad := &CurvesGradient{
			{W: make([]float32, m*d), B: make([]float32, m), Metric: make([]float32, d*d), Center: make([]float32, d), Excite: make([]float32, d)},
			{W: make([]float32, m*d), B: make([]float32, m)},
		}
		out := run(c, in)
		nearScale(t, prefix+"y", out.y, doubled(get("y")), 1e-5)
		g := back(c, in, get("dy"), grad, nil)
		write, read := grad[tuning.Writing], grad[tuning.Reading]
		for name, got := range map[string]tensor.Matrix{
			"q": g.Query, "k": g.Key, "v": g.Value,
			"read.W": tensor.FromData(read.W, m, d), "read.B": tensor.FromData(read.B, 1, m),
			"write.W": tensor.FromData(write.W, m, d), "write.B": tensor.FromData(write.B, 1, m),
			"write.Metric": tensor.FromData(write.Metric, d, d),
			"write.Center": tensor.FromData(write.Center, 1, d), "write.Excite": tensor.FromData(write.Excite, 1, d),
		} {
			// 1e-3 is what is promised; two chains of float32 arithmetic come this near.
			nearScale(t, prefix+name, got, doubled(get("grad."+name)), 2e-5)
		}
	}
}
