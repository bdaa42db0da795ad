package model

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// The files are made by tools/ref/models.py.

type manifest struct {
	Tolerance float64
	Cases     []struct{ Folder, About string }
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Cases) < 20 || m.Tolerance != 2e-4 {
		t.Fatalf("%d cases, tolerance %g", len(m.Cases), m.Tolerance)
	}
	return m
}

// reference holds inputs and outputs of transformers for one case.
type reference struct{ *safetensors.File }

func openReference(t *testing.T, folder string) reference {
	t.Helper()
	f, err := safetensors.Open(filepath.Join("testdata", folder, "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return reference{f}
}

func (r reference) ints(t *testing.T, name string) []int64 {
	t.Helper()
	x, err := r.Int64(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (r reference) floats(t *testing.T, name string) ([]float32, []int) {
	t.Helper()
	x, err := r.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := r.Info(name)
	return x, info.Shape
}

func (r reference) has(name string) bool {
	_, ok := r.Info(name)
	return ok
}

func (r reference) padded(t *testing.T) Padded {
	t.Helper()
	info, ok := r.Info("input_ids")
	if !ok {
		t.Fatal("the reference has no input_ids")
	}
	p := Padded{Rows: info.Shape[0], Cols: info.Shape[1], IDs: r.ints(t, "input_ids"), Mask: r.ints(t, "attention_mask")}
	if r.has("token_type_ids") {
		p.Segments = r.ints(t, "token_type_ids")
	}
	return p
}

// batch returns the inputs of a case, whatever they are. Images and sounds come
// as if they were rows of tokens without padding.
func (r reference) batch(t *testing.T, m *Model) (Batch, Padded) {
	t.Helper()
	c := m.Config()
	if c.Input == Tokens {
		p := r.padded(t)
		b, err := p.Ragged()
		if err != nil {
			t.Fatal(err)
		}
		return b, p
	}
	data, shape := r.floats(t, c.Input.String())
	b, err := m.BatchOf(Values{shape, data})
	if err != nil {
		t.Fatal(err)
	}
	p := Padded{Rows: shape[0], Cols: c.Positions, IDs: make([]int64, b.Tokens()), Mask: slices.Repeat([]int64{1}, b.Tokens())}
	return b, p
}

// near compares [Rows, Cols, width] where the mask is 1, and returns the largest
// difference in units of max(1, max|want|).
func near(t *testing.T, what string, got, want []float32, p Padded, tolerance float64) float64 {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	width := len(want) / len(p.IDs)
	scale, worst, compared := 1.0, 0.0, 0
	for _, keep := range []bool{false, true} {
		for at, mask := range p.Mask {
			if mask == 0 {
				continue
			}
			for j := at * width; j < (at+1)*width; j++ {
				if !keep {
					scale = max(scale, math.Abs(float64(want[j])))
					continue
				}
				d := math.Abs(float64(got[j]) - float64(want[j]))
				if !(d <= tolerance*scale) {
					t.Fatalf("%s: value %d of token %d is %v, want %v", what, j%width, at, got[j], want[j])
				}
				worst = max(worst, d/scale)
				compared++
			}
		}
	}
	if compared == 0 {
		t.Fatalf("%s: nothing was compared", what)
	}
	return worst
}

func workspace(t *testing.T, threads int) *nn.Workspace {
	pool := tensor.NewPool(threads)
	t.Cleanup(pool.Close)
	return nn.NewWorkspace(pool)
}

func open(t *testing.T, folder string) *Model {
	t.Helper()
	m, err := Load(os.DirFS(filepath.Join("testdata", folder)), folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryHiddenStateIsThatOfTransformers(t *testing.T) {
	files := readManifest(t)
	work := workspace(t, 2)
	for _, c := range files.Cases {
		t.Run(c.Folder, func(t *testing.T) {
			ref := openReference(t, c.Folder)
			if !ref.has("hidden_states") {
				t.Skip("a sentence model: package task compares its embeddings")
			}
			m := open(t, c.Folder)
			b, p := ref.batch(t, m)
			want, shape := ref.floats(t, "hidden_states")
			if shape[0] != m.Layers()+1 || shape[3] != m.Width() {
				t.Fatalf("%d layers of width %d for hidden states %v", m.Layers(), m.Width(), shape)
			}
			one := len(want) / shape[0]
			worst, seen := 0.0, 0
			spread := make([]float32, one)
			last, err := m.Forward(t.Context(), b, Run{Work: work, Hidden: func(i int, states tensor.Matrix) {
				p.Spread(spread, states, b)
				worst = max(worst, near(t, fmt.Sprint("hidden state ", i), spread, want[i*one:(i+1)*one], p, files.Tolerance))
				seen++
			}})
			if err != nil {
				t.Fatal(err)
			}
			if seen != shape[0] {
				t.Fatalf("%d hidden states, want %d", seen, shape[0])
			}
			p.Spread(spread, last, b)
			if ref.has("last_hidden_state") {
				want, _ = ref.floats(t, "last_hidden_state")
			}
			near(t, "last hidden state", spread, want[len(want)-one:], p, files.Tolerance)
			heads := compareHeads(t, m, ref, p, b, last, work.Pool(), files.Tolerance)
			t.Logf("%s: hidden states within %.1e, what follows within %.1e", c.About, worst, heads)
		})
	}
}

// compareHeads compares what follows the last hidden state and returns the
// largest difference, as near does.
func compareHeads(t *testing.T, m *Model, ref reference, p Padded, b Batch, last tensor.Matrix, pool *tensor.Pool, tolerance float64) (worst float64) {
	if has := m.HasLogits() || m.HasClassifier(); has != ref.has("logits") {
		t.Errorf("logits: model %v, reference %v", has, ref.has("logits"))
	}
	rows := Padded{Rows: p.Rows, Cols: 1, IDs: make([]int64, p.Rows), Mask: slices.Repeat([]int64{1}, p.Rows)}
	if m.HasClassifier() {
		want, shape := ref.floats(t, "logits")
		got := m.Classify(last, b.Sequences, pool)
		if names := m.Config().Labels; len(names) != shape[1] || got.Cols != shape[1] {
			t.Errorf("logits %v for %d labels named %q", shape, got.Cols, names)
		}
		worst = max(worst, near(t, "logits of labels", got.Data, want, rows, tolerance))
	}
	if m.HasLogits() {
		want, _ := ref.floats(t, "logits")
		got := make([]float32, len(want))
		p.Spread(got, m.Logits(last, pool), b)
		worst = max(worst, near(t, "logits", got, want, p, tolerance))
		one := m.Logits(last.SliceRows(1, 2), pool)
		if !slices.Equal(one.Data, m.Logits(last, pool).Row(1)) {
			t.Error("the logits of a token alone differ from its logits among others")
		}
	}
	if !ref.has("pooler_output") {
		return worst
	}
	want, _ := ref.floats(t, "pooler_output")
	got := m.Pool(last, b.Sequences, pool)
	if got.Cols != m.PoolerWidth() {
		t.Errorf("pooler output of width %d, said to be %d", got.Cols, m.PoolerWidth())
	}
	return max(worst, near(t, "pooler output", got.Data, want, rows, tolerance))
}

func TestPaddingComesBackAsZeros(t *testing.T) {
	m := open(t, "bert-left-padding")
	p := openReference(t, "bert-left-padding").padded(t)
	b, err := p.Ragged()
	if err != nil {
		t.Fatal(err)
	}
	last, err := m.Forward(t.Context(), b, Run{Work: workspace(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	spread := slices.Repeat([]float32{7}, len(p.IDs)*m.Width())
	p.Spread(spread, last, b)
	padding := 0
	for at, mask := range p.Mask {
		zero := !slices.ContainsFunc(spread[at*m.Width():(at+1)*m.Width()], func(x float32) bool { return x != 0 })
		if zero == (mask == 1) {
			t.Errorf("place %d with mask %d: all zero is %v", at, mask, zero)
		}
		padding += int(1 - mask)
	}
	if padding == 0 {
		t.Error("the case has no padding")
	}
}

func TestResultsDoNotDependOnThreadsOrCompany(t *testing.T) {
	m := open(t, "albert-groups")
	b, err := openReference(t, "albert-groups").padded(t).Ragged()
	if err != nil {
		t.Fatal(err)
	}
	one, err := m.Forward(t.Context(), b, Run{Work: workspace(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	three, err := m.Forward(t.Context(), b, Run{Work: workspace(t, 3)})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Data, three.Data) {
		t.Error("three threads give another result than one")
	}
	lo, hi := b.Sequences.Bounds(1)
	alone := Batch{Sequences: tensor.NewSequences(hi - lo), IDs: b.IDs[lo:hi], Segments: b.Segments[lo:hi]}
	x, err := m.Forward(t.Context(), alone, Run{Work: workspace(t, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x.Data, one.SliceRows(lo, hi).Clone().Data) {
		t.Error("a sequence alone gives another result than among others")
	}
}
