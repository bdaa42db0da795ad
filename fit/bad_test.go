package fit

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/safetensors"
)

// altered returns a small model some of whose weights are others.
func altered(t testing.TB, folder string, change func(weights map[string][]float32)) *model.Model {
	t.Helper()
	dir := os.DirFS("../model/testdata/" + folder)
	files := fstest.MapFS{}
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	raw := files["model.safetensors"].Data
	f, err := safetensors.NewReader(bytes.NewReader(raw), int64(len(raw)), "weights")
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string][]float32{}
	for _, i := range f.Tensors() {
		if weights[i.Name], err = f.Float32(i.Name); err != nil {
			t.Fatal(err)
		}
	}
	change(weights)
	var list []safetensors.Tensor
	for _, i := range f.Tensors() {
		list = append(list, safetensors.New(i.Name, i.Shape, weights[i.Name]))
	}
	var buf bytes.Buffer
	if err := safetensors.Write(&buf, list, f.Metadata()); err != nil {
		t.Fatal(err)
	}
	files["model.safetensors"] = &fstest.MapFile{Data: buf.Bytes()}
	m, err := model.Load(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Heads that were pruned, or never learned anything, have queries or keys that are
// the same for all tokens, or vary along some axes only. They attend evenly, and do
// not stop the fit of the others.
func TestHeadsWhoseKeysOrQueriesNeverChange(t *testing.T) {
	const d, width = 8, 24
	m := altered(t, "bert", func(w map[string][]float32) {
		row := func(name string, i int) []float32 {
			return w["encoder.layer."+name+".weight"][i*width : (i+1)*width]
		}
		for i := range d {
			clear(row("0.attention.self.key", i))                                  // head 0.0: constant keys
			clear(row("0.attention.self.query", d+i))                              // 0.1: constant queries
			clear(row("1.attention.self.key", i))                                  // 1.0: both
			clear(row("1.attention.self.query", i))                                //
			copy(row("1.attention.self.key", d+i), row("1.attention.self.key", d)) // 1.1: keys on one line
		}
		clear(w["encoder.layer.1.attention.self.key.bias"][:d]) // and zero
	})
	for _, shared := range []bool{false, true} {
		cfg := small(t, m, 2)
		cfg.Shared = shared
		r := mustRun(t, cfg)
		n := &r.Networks
		if !(n.Joint.Loss < n.PerHead.Loss && n.PerHead.Loss < n.Uniform.Loss) {
			t.Errorf("shared %v: losses: uniform %v, head by head %v, jointly %v", shared, n.Uniform.Loss, n.PerHead.Loss, n.Joint.Loss)
		}
		for _, h := range r.Heads {
			most := 0.1 // of other heads of this model, too
			if h.Head == 0 {
				most = 1e-6 // any one neuron attends evenly
			}
			if !(math.Abs(h.Divergence) < most) || !(h.LogCalciumError < 0.5) {
				t.Errorf("shared %v: head %d.%d: divergence %v, calcium off by %v", shared, h.Layer, h.Head, h.Divergence, h.LogCalciumError)
			}
		}
	}
}

// Weights that are no numbers are refused when a model is loaded. Those that are,
// and come to none, are found before anything is fitted.
func TestWeightsOutOfProportionAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		value float32
		want  string
	}{
		"embeddings.LayerNorm.weight":             {3e38, "at its embeddings"},
		"encoder.layer.0.output.LayerNorm.weight": {1e30, "at its layer 0"},
		"encoder.layer.1.output.LayerNorm.bias":   {math.MaxFloat32, "at its layer 1"},
		"encoder.layer.1.attention.self.key.bias": {3e38, "layer 1, head 0: queries and keys are so large"},
	} {
		m := altered(t, "bert", func(w map[string][]float32) { w[name][3] = c.value })
		cfg := small(t, m, 2)
		cfg.Checkpoint = filepath.Join(t.TempDir(), "state")
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "download") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if _, err := os.Stat(cfg.Checkpoint); err == nil {
			t.Errorf("%s: a state was left", name)
		}
	}
}

// Whoever interrupts a fit whose state cannot be saved, is told.
func TestStatesThatCannotBeSaved(t *testing.T) {
	for _, interrupted := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := small(t, open(t, "bert"), 2)
		cfg.Checkpoint = filepath.Join(t.TempDir(), "no folder", "state")
		if interrupted {
			cfg.Progress = func(p Progress) {
				if p.Stage == StageJoint {
					cancel()
				}
			}
		}
		_, err := Run(ctx, cfg)
		cancel()
		var unsaved *SaveError
		if !errors.As(err, &unsaved) || errors.Is(err, context.Canceled) != interrupted || !strings.Contains(err.Error(), cfg.Checkpoint) {
			t.Errorf("interrupted %v: %v", interrupted, err)
		}
	}
}

// Every text is there by itself; packed ones are as long as asked for, begun and
// ended as one text is, and nothing but texts.
func TestPacking(t *testing.T) {
	net, err := network.Load(os.DirFS("../model/testdata/sentence-mean"), "sentence-mean")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"neurons and astrocytes", "a synapse", strings.Repeat("calcium ", 40)}
	const longest, shortest = 12, 9
	all, err := Pack(t.Context(), net, texts, 40, Packing{Longest: longest, Shortest: shortest, Share: 0.5}, 1)
	if err != nil {
		t.Fatal(err)
	}
	known := map[int]bool{}
	var alone [][]int
	for _, text := range texts {
		ids := net.Tokenizer.Encode(text)
		for _, id := range ids {
			known[id] = true
		}
		if n := len(ids); n > longest {
			ids = append(ids[:longest-1], ids[n-1])
		}
		alone = append(alone, ids)
	}
	// textOf returns the text that a sequence is, as it comes; -1 if it is none.
	textOf := func(ids []int) int {
		return slices.IndexFunc(alone, func(x []int) bool { return slices.Equal(x, ids) })
	}
	count := make([]int, len(texts))
	for _, ids := range all {
		first, last := alone[0][0], alone[0][len(alone[0])-1]
		if ids[0] != first || ids[len(ids)-1] != last || len(ids) > longest {
			t.Fatalf("a sequence %v", ids)
		}
		if i := textOf(ids); i >= 0 {
			count[i]++
		} else if len(ids) < shortest {
			t.Errorf("a packed sequence %v", ids)
		}
		for _, id := range ids {
			if !known[id] {
				t.Errorf("token %d comes from nowhere", id)
			}
		}
	}
	if slices.Contains(count, 0) {
		t.Errorf("%v sequences of one text each", count)
	}
	// Of the last text 10 tokens fit. Varied, it is something else in most turns, as
	// the second is; the first is too short.
	all, err = Pack(t.Context(), net, texts, 300, Packing{Longest: longest, Shortest: shortest, Vary: 0.8}, 1)
	if err != nil {
		t.Fatal(err)
	}
	clear(count)
	for _, ids := range all {
		if i := textOf(ids); i >= 0 {
			count[i]++
		}
	}
	if len(alone[0]) > shortestStretch || count[0] < 100 || count[2] < 20 || count[2] > 80 {
		t.Errorf("%v sequences of 300 are a text as it comes", count)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pack(ctx, net, texts, 3, Packing{Longest: longest, Shortest: shortest}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := Pack(t.Context(), net, nil, 3, Packing{Longest: longest, Shortest: shortest}, 1); err == nil {
		t.Error("nothing was packed")
	}
}
