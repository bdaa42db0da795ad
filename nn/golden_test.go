package nn

import (
	"fmt"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
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

func goldenParams(t *testing.T, f *safetensors.File, prefix string) BlockParams {
	projection := func(name string) Projection {
		return Projection{golden(t, f, prefix+name+".weight"), golden(t, f, prefix+name+".bias").Data}
	}
	norm := func(name string) LayerNorm {
		return LayerNorm{golden(t, f, prefix+name+".weight").Data, golden(t, f, prefix+name+".bias").Data, 1e-5}
	}
	return BlockParams{
		Query: projection("query"), Key: projection("key"), Value: projection("value"), Output: projection("output"),
		Up: projection("up"), Down: projection("down"), AttentionNorm: norm("attention_norm"), OutputNorm: norm("output_norm"),
	}
}

// testdata/backward.safetensors was written by tools/ref/backward.py.
func TestBlockGoesBackAsPyTorch(t *testing.T) {
	f, err := safetensors.Open("testdata/backward.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const heads = 3
	for _, preNorm := range []bool{false, true} {
		for _, a := range []Activation{GELU, GELUTanh, ReLU, SiLU} {
			prefix := map[bool]string{false: "post.", true: "pre."}[preNorm] + a.String() + "."
			p := goldenParams(t, f, prefix)
			b := newBlock(t, BlockConfig{Heads: heads, PreNorm: preNorm, Activation: a}, p)
			x, dy := golden(t, f, prefix+"x"), golden(t, f, prefix+"dy")
			pass := Pass{Sequences: tensor.NewSequences(x.Rows), Heads: repeat(attention.Softmax{Causal: preNorm}, heads), Tape: new(Tape), Work: NewWorkspace(nil)}
			y, dx, grad := x.Clone(), x.Clone(), &BlockGradient{Params: p.Zeros()}
			b.Forward(y, x, pass)
			b.Backward(dx, grad, dy, pass)
			whole := func(m tensor.Matrix) [][]float64 { return rows(m, 0, m.Rows) }
			nearScale(t, prefix+"y", y, whole(golden(t, f, prefix+"y")), 1e-5)
			// 1e-3 is what is promised; two chains of float32 arithmetic come this near.
			const tolerance = 1e-5
			nearScale(t, prefix+"x", dx, whole(golden(t, f, prefix+"grad.x")), tolerance)
			want := goldenParams(t, f, prefix+"grad.")
			wants := named(&want)
			for name, m := range named(grad.Params) {
				if name == "key.bias" { // in truth 0, in both rounding
					for _, v := range m.Data {
						near(t, prefix+name, []float32{v}, []float64{0}, 1e-5)
					}
					continue
				}
				nearScale(t, fmt.Sprint(prefix, name), m, whole(wants[name]), tolerance)
			}
		}
	}
}
