package network

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tuning"
)

// fittedTuning returns curves for every head of a model, of different numbers of
// neurons.
func fittedTuning(t testing.TB, m *model.Model) *Tuning {
	t.Helper()
	d := m.HeadWidth()
	curves := make([][]*tuning.Curves[float32], m.Layers())
	for l := range curves {
		for h := range m.Heads() {
			n := 4 + l + 2*h
			var forms [2]tuning.Form[float32]
			for p := range forms {
				rng := tuning.NewRand(3, l, h, p)
				values := func(n int, std float64) []float32 {
					x := make([]float32, n)
					for i := range x {
						x[i] = float32(std * rng.NormFloat64())
					}
					return x
				}
				forms[p] = tuning.Form[float32]{
					W: values(n*d, 0.5), B: values(n, 2), LogScale: 0.5,
					Metric: values(d*d, 0.3), Center: values(d, 0.5), Excite: values(d, 0.1),
				}
			}
			c, err := tuning.NewFitted(forms[tuning.Writing], forms[tuning.Reading])
			if err != nil {
				t.Fatal(err)
			}
			curves[l] = append(curves[l], c)
		}
	}
	out, err := NewTuning(m, TuningInfo{Program: "test", Checkpoint: "abc123456", Seed: 7, Sequences: 10, Tokens: 99, Figures: map[string]float64{"hidden_cosine": 0.9}}, curves)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// written returns the bytes of the file.
func written(t testing.TB, x *Tuning, dtype safetensors.DType) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := x.Write(&buf, dtype); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func readBack(data []byte) (*Tuning, error) {
	f, err := safetensors.NewReader(bytes.NewReader(data), int64(len(data)), "curves")
	if err != nil {
		return nil, err
	}
	return ReadTuning(f)
}

func TestTuningCurvesComeBackFromTheirFile(t *testing.T) {
	m := open(t, "bert")
	want := fittedTuning(t, m)
	b := model.NewBatch(sequences(2, 14, 3, 9)...)
	exact := last(t, m, built(t, m, Options{Selection: parse(t, "algebraic"), Fitted: want}), b)
	for dtype, tolerance := range map[safetensors.DType]float64{
		// Amplitude and excitability move into drives and weights, in float32.
		safetensors.F32: 1e-5,
		// Half floats err by 2^-12 of each term of a logarithm, and these are a few.
		safetensors.F16: 3e-3,
	} {
		got, err := readBack(written(t, want, dtype))
		if err != nil {
			t.Fatal(err)
		}
		if got.Info.Neurons != want.Info.Neurons || got.Info.Seed != 7 || got.Info.Figures["hidden_cosine"] != 0.9 || got.Info.Model != "bert" {
			t.Errorf("%s: %+v", dtype, got.Info)
		}
		if err := got.Serves(m, "abc123456"); err != nil {
			t.Errorf("%s: %v", dtype, err)
		}
		y := last(t, m, built(t, m, Options{Selection: parse(t, "algebraic"), Fitted: got}), b)
		if r := distance(t, y, exact); r > tolerance {
			t.Errorf("%s: the network is off by %v", dtype, r)
		}
	}
	path := filepath.Join(t.TempDir(), "curves")
	if err := want.Save(path, safetensors.F32); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(data, written(t, want, safetensors.F32)) {
		t.Errorf("Save and Write differ: %v", err)
	}
	if _, err := OpenTuning(path); err != nil {
		t.Error(err)
	}
	if _, err := OpenTuning(path + ".not"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestFittedCurvesServeTheirModelAlone(t *testing.T) {
	m, other := open(t, "bert"), open(t, "bloom-one-head")
	x := fittedTuning(t, m)
	for want, err := range map[string]error{
		"fitted to bert; bloom-one-head has":  x.Serves(other, "abc123456"),
		"other weights, bert (abc12345), not": x.Serves(m, "def"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	x.Info.Causal = true
	if err := x.Serves(m, "abc123456"); err == nil || !strings.Contains(err.Error(), "causal") {
		t.Errorf("%v, want one that says causal", err)
	}
	if _, err := Build(other, Options{Selection: parse(t, "algebraic"), Fitted: x}); err == nil {
		t.Error("curves of another model were built")
	}
	if _, err := NewTuning(other, TuningInfo{}, x.curves); err == nil {
		t.Error("curves were taken for another model's")
	}
	c, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: m.HeadWidth(), W: make([]float64, m.HeadWidth())})
	if err != nil {
		t.Fatal(err)
	}
	curves := slices.Clone(x.curves)
	curves[0] = slices.Clone(curves[0])
	curves[0][1] = c
	if _, err := NewTuning(m, TuningInfo{}, curves); err == nil || !strings.Contains(err.Error(), "layer 0, head 1") {
		t.Errorf("curves that were drawn: %v", err)
	}
}

func TestDamagedTuningFilesAreRefused(t *testing.T) {
	m := open(t, "bert")
	x := fittedTuning(t, m)
	good := written(t, x, safetensors.F32)
	// rewrite writes the file with other tensors or metadata.
	rewrite := func(change func(tensors map[string]safetensors.Tensor, meta map[string]string)) []byte {
		f, err := safetensors.NewReader(bytes.NewReader(good), int64(len(good)), "curves")
		if err != nil {
			t.Fatal(err)
		}
		all, meta := map[string]safetensors.Tensor{}, f.Metadata()
		for _, i := range f.Tensors() {
			values, err := f.Float32(i.Name)
			if err != nil {
				t.Fatal(err)
			}
			all[i.Name] = safetensors.New(i.Name, i.Shape, values)
		}
		change(all, meta)
		var list []safetensors.Tensor
		for _, i := range all {
			list = append(list, i)
		}
		var buf bytes.Buffer
		if err := safetensors.Write(&buf, list, meta); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	d := m.HeadWidth()
	replace := func(name string, shape []int, values []float32) []byte {
		return rewrite(func(all map[string]safetensors.Tensor, _ map[string]string) {
			all[name] = safetensors.New(name, shape, values)
		})
	}
	nan := make([]float32, d)
	nan[d-1] = float32(math.NaN())
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"truncated":      {good[:len(good)-5], "curves"},
		"another schema": {rewrite(func(_ map[string]safetensors.Tensor, meta map[string]string) { meta["schema"] = "x" }), `schema is "x"`},
		"no metadata":    {rewrite(func(_ map[string]safetensors.Tensor, meta map[string]string) { delete(meta, "tuning") }), "metadata"},
		"no heads":       {rewrite(func(_ map[string]safetensors.Tensor, meta map[string]string) { meta["tuning"] = `{"layers":1}` }), "impossible"},
		"too many heads": {rewrite(func(_ map[string]safetensors.Tensor, meta map[string]string) {
			meta["tuning"] = `{"layers":4611686018427387904,"heads":8,"head_width":8}`
		}), "impossible"},
		"missing tensor": {rewrite(func(all map[string]safetensors.Tensor, _ map[string]string) { delete(all, "1.2.reading.drive") }), "1.2.reading.drive"},
		"a tensor more":  {replace("9.0.reading.drive", []int{1}, []float32{1}), "tensors"},
		"misshapen":      {replace("0.0.writing.metric", []int{d}, make([]float32, d)), "0.0.writing.metric has shape"},
		"fewer neurons":  {replace("0.1.reading.drive", []int{1}, []float32{1}), "0.1.reading.weights has shape"},
		"not a number":   {replace("0.0.reading.center", []int{d}, nan), "element"},
		"phases disagree": {rewrite(func(all map[string]safetensors.Tensor, _ map[string]string) {
			all["0.0.reading.drive"] = safetensors.New("0.0.reading.drive", []int{1}, []float32{1})
			all["0.0.reading.weights"] = safetensors.New("0.0.reading.weights", []int{1, d}, make([]float32, d))
		}), "layer 0, head 0"},
		"no neurons": {rewrite(func(all map[string]safetensors.Tensor, _ map[string]string) {
			all["0.0.writing.drive"] = safetensors.New("0.0.writing.drive", []int{0}, []float32{})
			all["0.0.writing.weights"] = safetensors.New("0.0.writing.weights", []int{0, d}, []float32{})
		}), "no neurons"},
		"another count": {rewrite(func(_ map[string]safetensors.Tensor, meta map[string]string) {
			meta["tuning"] = strings.Replace(meta["tuning"], `"neurons":`, `"neurons":1`, 1)
		}), "says that they are"},
	} {
		if _, err := readBack(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	x.Info.Figures = map[string]float64{"hidden_cosine": math.NaN()}
	if err := x.Write(new(bytes.Buffer), safetensors.F32); err == nil {
		t.Error("a figure that is no number was written")
	}
}

// A file is refused, or its curves build a network.
func FuzzTuning(f *testing.F) {
	m, err := model.Load(os.DirFS(testdata+"bloom-one-head"), "bloom-one-head")
	if err != nil {
		f.Fatal(err)
	}
	x := fittedTuning(f, m)
	for _, dtype := range []safetensors.DType{safetensors.F32, safetensors.F16} {
		good := written(f, x, dtype)
		f.Add(good)
		f.Add(good[:len(good)-3])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := readBack(data)
		if err != nil {
			return
		}
		neurons := 0
		for l := range x.Info.Layers {
			for h := range x.Info.Heads {
				neurons += x.At(l, h).Neurons()
			}
		}
		if neurons != x.Info.Neurons {
			t.Fatalf("%d neurons and %d", neurons, x.Info.Neurons)
		}
	})
}
