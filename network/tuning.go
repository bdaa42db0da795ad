package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tuning"
)

// TuningSchema is the version of the file of tuning curves. It changes when an
// old reader would misread a new file.
const TuningSchema = "tripartite.tuning/1"

// Tuning holds the fitted tuning curves of every head of one network.
type Tuning struct {
	Info   TuningInfo
	curves [][]*tuning.Curves[float32] // [L][heads]
}

// TuningInfo says what curves were fitted to, how, and what came of it. It is
// stored with them.
type TuningInfo struct {
	Program    string `json:"program"`    // version of the program that fitted them
	Model      string `json:"model"`      // name
	Checkpoint string `json:"checkpoint"` // hash of configuration and weights
	Layers     int    `json:"layers"`
	Heads      int    `json:"heads"` // per layer
	HeadWidth  int    `json:"head_width"`
	Causal     bool   `json:"causal"`
	Neurons    int    `json:"neurons"` // of all heads together
	Seed       uint64 `json:"seed"`
	// Shared says that one curve serves both phases, as in the paper.
	Shared bool `json:"shared,omitempty"`
	// Sequences and Tokens count what they were fitted to.
	Sequences int `json:"sequences"`
	Tokens    int `json:"tokens"`
	// Figures are measured on sequences that nothing was fitted to, by name.
	Figures map[string]float64 `json:"figures,omitempty"`
}

// NewTuning puts together the curves of a model's heads, [L][heads]. It fills in
// what the model and the curves say of themselves.
func NewTuning(m *model.Model, info TuningInfo, curves [][]*tuning.Curves[float32]) (*Tuning, error) {
	info.Model, info.Layers, info.Heads, info.HeadWidth = m.Name(), m.Layers(), m.Heads(), m.HeadWidth()
	info.Causal, info.Neurons = m.Config().Causal, 0
	t := &Tuning{Info: info, curves: curves}
	if len(curves) != info.Layers {
		return nil, fmt.Errorf("tuning curves of %d layers for a model of %d", len(curves), info.Layers)
	}
	for l, layer := range curves {
		if len(layer) != info.Heads {
			return nil, fmt.Errorf("tuning curves of %d heads in layer %d, want %d", len(layer), l, info.Heads)
		}
		for h, c := range layer {
			if c.Map() != tuning.Fitted || c.Inputs() != info.HeadWidth {
				return nil, fmt.Errorf("layer %d, head %d: %s curves of width %d, want fitted ones of width %d", l, h, c.Map(), c.Inputs(), info.HeadWidth)
			}
			t.Info.Neurons += c.Neurons()
		}
	}
	return t, nil
}

// At returns the curves of a head.
func (t *Tuning) At(layer, head int) *tuning.Curves[float32] { return t.curves[layer][head] }

// Serves reports why the curves cannot serve a model: they belong to the weights
// that they were fitted to, of which checkpoint is the hash, and to its heads.
func (t *Tuning) Serves(m *model.Model, checkpoint string) error {
	i, causal := &t.Info, m.Config().Causal
	switch {
	case i.Layers != m.Layers() || i.Heads != m.Heads() || i.HeadWidth != m.HeadWidth():
		return fmt.Errorf("tuning curves for %d layers of %d heads of width %d, fitted to %s; %s has %d of %d of width %d: fit it, or give the model they belong to",
			i.Layers, i.Heads, i.HeadWidth, i.Model, m.Name(), m.Layers(), m.Heads(), m.HeadWidth())
	case i.Causal != causal:
		return fmt.Errorf("tuning curves fitted to %s, of which causal is %v, and of %s it is %v: fit it, or give the model they belong to", i.Model, i.Causal, m.Name(), causal)
	case i.Checkpoint != checkpoint:
		return fmt.Errorf("tuning curves fitted to other weights, %s (%.8s), not %s (%.8s): fit these, or give the model they belong to", i.Model, i.Checkpoint, m.Name(), checkpoint)
	}
	return nil
}

// phases are the names of the phases in a file, by tuning.Phase.
var phases = [2]string{tuning.Writing: "writing", tuning.Reading: "reading"}

func tuningName(layer, head int, p tuning.Phase, part string) string {
	return strconv.Itoa(layer) + "." + strconv.Itoa(head) + "." + phases[p] + "." + part
}

// Write writes the file. Input weights and metrics are stored as dtype, F32 or F16,
// which halves the file and moves the logarithms of rates by 2^-12 of their terms;
// constant drives and centres always as F32, since they are few and their errors are
// those of all rates. The amplitude and the excitability of a form go into the
// drive and the weights.
func (t *Tuning) Write(w io.Writer, dtype safetensors.DType) error {
	tensors, meta, err := t.tensors(dtype)
	if err != nil {
		return err
	}
	return safetensors.Write(w, tensors, meta)
}

// Save replaces the file at path by what Write writes, whole or not at all.
func (t *Tuning) Save(path string, dtype safetensors.DType) error {
	tensors, meta, err := t.tensors(dtype)
	if err == nil {
		err = safetensors.WriteFile(path, tensors, meta)
	}
	if err != nil {
		return fmt.Errorf("save tuning curves: %w", err)
	}
	return nil
}

func (t *Tuning) tensors(dtype safetensors.DType) ([]safetensors.Tensor, map[string]string, error) {
	var all []safetensors.Tensor
	for l, layer := range t.curves {
		for h, c := range layer {
			for p := range phases {
				f := c.Form(tuning.Phase(p))
				w, b := plain(f, c.Inputs())
				add := func(part string, values []float32, dtype safetensors.DType, shape ...int) {
					all = append(all, safetensors.New(tuningName(l, h, tuning.Phase(p), part), shape, values).As(dtype))
				}
				m, d := c.Neurons(), c.Inputs()
				add("weights", w, dtype, m, d)
				add("drive", b, safetensors.F32, m)
				if f.Metric != nil {
					add("metric", f.Metric, dtype, d, d)
				}
				if f.Center != nil {
					add("center", f.Center, safetensors.F32, d)
				}
			}
		}
	}
	info, err := json.Marshal(t.Info)
	if err != nil {
		return nil, nil, fmt.Errorf("a figure is not finite: %w", err)
	}
	return all, map[string]string{"schema": TuningSchema, "tuning": string(info)}, nil
}

// plain returns weights and drives with the excitability and the amplitude in
// them.
func plain(f tuning.Form[float32], d int) (w, b []float32) {
	w, b = append([]float32(nil), f.W...), append([]float32(nil), f.B...)
	for i := range b {
		b[i] += float32(f.LogScale)
		for j, e := range f.Excite {
			w[i*d+j] += e
		}
	}
	return w, b
}

// OpenTuning reads the file of tuning curves at path.
func OpenTuning(path string) (*Tuning, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tuning curves: %w", err)
	}
	defer f.Close()
	t, err := ReadTuning(f)
	if err != nil {
		return nil, fmt.Errorf("tuning curves %s: %w", path, err)
	}
	return t, nil
}

// maxTuningHeads bounds the layers and heads that a file may claim.
const maxTuningHeads = 1 << 16

// ReadTuning reads tuning curves from an open file. It refuses files of another
// kind, and curves that are missing, misshapen, or not finite.
func ReadTuning(f *safetensors.File) (*Tuning, error) {
	meta := f.Metadata()
	if s := meta["schema"]; s != TuningSchema {
		return nil, fmt.Errorf("schema is %q, want %q: this is no file of tuning curves, or one of another version", s, TuningSchema)
	}
	t := new(Tuning)
	i := &t.Info
	if err := json.Unmarshal([]byte(meta["tuning"]), i); err != nil {
		return nil, fmt.Errorf("metadata: %w: the file is damaged", err)
	}
	if i.Layers < 1 || i.Heads < 1 || i.Layers > maxTuningHeads || i.Heads > maxTuningHeads/i.Layers || i.HeadWidth < 1 {
		return nil, fmt.Errorf("metadata: %d layers of %d heads of width %d are impossible: the file is damaged", i.Layers, i.Heads, i.HeadWidth)
	}
	neurons, tensors := 0, 0
	for l := range i.Layers {
		t.curves = append(t.curves, nil)
		for h := range i.Heads {
			var forms [2]tuning.Form[float32]
			for p := range forms {
				n, err := readForm(f, &forms[p], l, h, tuning.Phase(p), i.HeadWidth)
				if err != nil {
					return nil, err
				}
				tensors += n
			}
			c, err := tuning.NewFitted(forms[tuning.Writing], forms[tuning.Reading])
			if err != nil {
				return nil, fmt.Errorf("layer %d, head %d: %w: the file is damaged", l, h, err)
			}
			t.curves[l] = append(t.curves[l], c)
			neurons += c.Neurons()
		}
	}
	switch {
	case neurons != i.Neurons:
		return nil, fmt.Errorf("it holds %d neurons and says that they are %d: the file is damaged", neurons, i.Neurons)
	case tensors != len(f.Tensors()):
		return nil, fmt.Errorf("it holds %d tensors, of which %d belong to the heads: the file is damaged", len(f.Tensors()), tensors)
	}
	return t, nil
}

// readForm reads the curves of one phase of one head and returns how many tensors
// they are.
func readForm(f *safetensors.File, form *tuning.Form[float32], layer, head int, p tuning.Phase, d int) (tensors int, err error) {
	m := 0
	for _, part := range []struct {
		name     string
		to       *[]float32
		optional bool
		shape    func() []int
	}{
		{"drive", &form.B, false, func() []int { return []int{m} }},
		{"weights", &form.W, false, func() []int { return []int{m, d} }},
		{"metric", &form.Metric, true, func() []int { return []int{d, d} }},
		{"center", &form.Center, true, func() []int { return []int{d} }},
	} {
		name := tuningName(layer, head, p, part.name)
		info, ok := f.Info(name)
		if !ok && part.optional {
			continue
		}
		if !ok {
			return 0, fmt.Errorf("there is no tensor %s: the file is damaged, or made for another model", name)
		}
		if part.name == "drive" && len(info.Shape) == 1 {
			m = info.Shape[0]
		}
		if want := part.shape(); fmt.Sprint(info.Shape) != fmt.Sprint(want) || m > maxNeurons {
			return 0, fmt.Errorf("tensor %s has shape %v, want %v with at most %d neurons: the file is damaged", name, info.Shape, want, maxNeurons)
		}
		if *part.to, err = f.Float32(name); err != nil {
			return 0, err
		}
		for i, v := range *part.to {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return 0, fmt.Errorf("tensor %s, element %d, is %v: the file is damaged, or the fit went astray; fit anew", name, i, v)
			}
		}
		tensors++
	}
	if m == 0 {
		return 0, errors.New("layer " + strconv.Itoa(layer) + ", head " + strconv.Itoa(head) + " has no neurons: the file is damaged")
	}
	return tensors, nil
}
