package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// TestPatchesAreASet exchanges the patches of an image, and their positions with
// them: nothing changes but the order of what comes out.
func TestPatchesAreASet(t *testing.T) {
	for _, folder := range []string{"vit", "vit-oblong", "deit"} {
		m := open(t, folder)
		b, _ := openReference(t, folder).batch(t, m)
		e := m.embedding.(*patchEmbedding)
		order := rand.New(rand.NewPCG(1, 2)).Perm(e.offsets.Rows - e.special)

		mixed := *m
		other := *e
		other.offsets = permuted(e.offsets, e.special, order)
		mixed.embedding = &other
		image := slices.Clone(b.Values.Row(0))
		for i, j := range order {
			movePatch(image, b.Values.Row(0), e.grid, i, j)
		}
		seqs := tensor.NewSequences(m.config.Positions)
		one := Batch{Sequences: seqs, Values: b.Values.SliceRows(0, 1)}
		two := Batch{Sequences: seqs, Values: tensor.FromData(image, 1, len(image))}
		// Sums over keys come in another order; a circuit's rates relative to another
		// shift.
		for name, c := range map[string]struct {
			heads     [][]attention.Head
			tolerance float64
		}{"exact": {nil, 1e-5}, "circuit": {circuits(t, m, 48), 1e-4}} {
			run := Run{Heads: c.heads, Work: workspace(t, 2)}
			want := permuted(forward(t, m, one, run), e.special, order)
			got := forward(t, &mixed, two, run)
			p := Padded{IDs: make([]int64, want.Rows), Mask: slices.Repeat([]int64{1}, want.Rows)}
			near(t, folder+", "+name, got.Data, want.Data, p, c.tolerance)
		}
	}
}

// permuted returns x with row from+order[i] in the place of row from+i.
func permuted(x tensor.Matrix, from int, order []int) tensor.Matrix {
	out := x.Clone()
	for i, j := range order {
		copy(out.Row(from+i), x.Row(from+j))
	}
	return out
}

// movePatch copies patch j of an image into the place of patch i.
func movePatch(dst, src []float32, g Grid, i, j int) {
	_, cols := g.Patches()
	for c := range g.Channels {
		for y := range g.PatchHeight {
			for x := range g.PatchWidth {
				at := func(patch int) int {
					return (c*g.Height+patch/cols*g.PatchHeight+y)*g.Width + patch%cols*g.PatchWidth + x
				}
				dst[at(i)] = src[at(j)]
			}
		}
	}
}

func TestPatchesAreCutAsAConvolutionDoes(t *testing.T) {
	// Two channels of 3 x 5, patches of 2 x 2 every 1 down and 3 across.
	image := make([]float32, 30)
	for i := range image {
		image[i] = float32(i)
	}
	e := patchEmbedding{grid: Grid{2, 3, 5, 2, 2, 1, 3}}
	patches := tensor.New(4, 8)
	e.cut(patches, image)
	want := []float32{
		0, 1, 5, 6, 15, 16, 20, 21, 3, 4, 8, 9, 18, 19, 23, 24,
		5, 6, 10, 11, 20, 21, 25, 26, 8, 9, 13, 14, 23, 24, 28, 29,
	}
	if !slices.Equal(patches.Data, want) {
		t.Errorf("patches %v, want %v", patches.Data, want)
	}
	// A spectrogram of 3 times and 4 frequencies: frequency comes first, in patches
	// and among them.
	e = patchEmbedding{input: Spectrogram, grid: Grid{1, 4, 3, 2, 2, 2, 1}}
	patches = tensor.New(4, 4)
	e.cut(patches, image[:12])
	want = []float32{0, 4, 1, 5, 4, 8, 5, 9, 2, 6, 3, 7, 6, 10, 7, 11}
	if !slices.Equal(patches.Data, want) {
		t.Errorf("patches %v of a spectrogram, want %v", patches.Data, want)
	}
}

func TestImagesDoNotDependOnCompany(t *testing.T) {
	for _, folder := range []string{"vit-oblong", "deit-teacher", "ast-labels"} {
		m := open(t, folder)
		b, _ := openReference(t, folder).batch(t, m)
		all := forward(t, m, b, Run{Work: workspace(t, 3)})
		lo, hi := b.Sequences.Bounds(1)
		one := forward(t, m, Batch{Sequences: tensor.NewSequences(hi - lo), Values: b.Values.SliceRows(1, 2)}, Run{Work: workspace(t, 1)})
		if !slices.Equal(one.Data, all.SliceRows(lo, hi).Data) {
			t.Errorf("%s: an image alone gives another result than among others", folder)
		}
	}
}

func TestInputsOfAnotherKindAreRefused(t *testing.T) {
	bert, vit, ast, bloom := open(t, "bert"), open(t, "vit"), open(t, "ast"), open(t, "bloom")
	numbers := func(shape ...int) Values {
		n := 1
		for _, s := range shape {
			n *= s
		}
		return Values{shape, make([]float32, n)}
	}
	broken := numbers(2, 3, 12, 12)
	broken.Data[500] = float32(math.NaN())
	for name, c := range map[string]struct {
		do   func() error
		want []string
	}{
		"an image for BERT": {func() error { _, err := bert.BatchOf(numbers(1, 3, 12, 12)); return err }, []string{"bert reads input_ids"}},
		"another size":      {func() error { _, err := vit.BatchOf(numbers(1, 3, 12, 16)); return err }, []string{"[1 3 12 16]", "[n, 3, 12, 12]", "resize the images to 12 x 12"}},
		"no batch":          {func() error { _, err := vit.BatchOf(numbers(3, 12, 12)); return err }, []string{"pixel_values"}},
		"NaN":               {func() error { _, err := vit.BatchOf(broken); return err }, []string{"row 1 holds NaN"}},
		"mel before time":   {func() error { _, err := ast.BatchOf(numbers(1, 10, 17)); return err }, []string{"input_values", "[n, 17, 10]", "17 frames"}},
		"tokens for ViT":    {func() error { return vit.Check(NewBatch([]int{1})) }, []string{"vit reads pixel_values"}},
		"values for BERT":   {func() error { return bert.Check(Batch{Values: tensor.New(1, 3)}) }, []string{"bert reads input_ids"}},
		"segments for BLOOM": {func() error {
			return bloom.Check(Batch{Sequences: tensor.NewSequences(1), IDs: []int{1}, Segments: []int{0}})
		}, []string{"bloom has no segments", "token_type_ids"}},
		"beyond BLOOM's words": {func() error { return bloom.Check(NewBatch([]int{61})) }, []string{"0 to 60"}},
	} {
		err := c.do()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: the error does not say %q: %v", name, w, err)
			}
		}
	}
	if err := bloom.Check(NewBatch(make([]int, 5000))); err != nil {
		t.Errorf("BLOOM has no last position: %v", err)
	}
}

func TestNewArchitecturesAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		folder  string
		changes map[string]any
		want    []string
	}{
		"cross attention":  {"gpt2", map[string]any{"add_cross_attention": true}, []string{"add_cross_attention"}},
		"GPT-2's function": {"gpt2", map[string]any{"activation_function": "mish"}, []string{"activation_function", `"mish"`}},
		"residual":         {"bloom", map[string]any{"apply_residual_connection_post_layernorm": true}, []string{"apply_residual_connection_post_layernorm"}},
		"two names":        {"bloom", map[string]any{"hidden_size": 25}, []string{"hidden_size is 25", "n_embed", "24", "delete the wrong one"}},
		"more positions":   {"gpt2", map[string]any{"n_positions": 21}, []string{"wrong shape 1", `"wpe.weight" is [20 24]`, "[21 24]"}},
		"inner width":      {"gpt2", map[string]any{"n_inner": 95}, []string{`"h.0.mlp.c_fc.weight" is [24 96], config.json makes it [24 95]`}},
		"head width":       {"vit", map[string]any{"head_dim": 4}, []string{"head_dim is 4"}},
		"large patches":    {"vit", map[string]any{"patch_size": 13}, []string{"13 x 13 do not fit into 12 x 12"}},
		"large images":     {"vit", map[string]any{"image_size": 1 << 20}, []string{"1048576 x 1048576"}},
		"three sizes":      {"vit", map[string]any{"image_size": []int{12, 12, 3}}, []string{"image_size is [12,12,3]", "or two"}},
		"size of a pair":   {"vit", map[string]any{"patch_size": []int{4, 0}}, []string{"patch_size[1] is 0"}},
		"another image":    {"vit", map[string]any{"image_size": 16}, []string{`"embeddings.position_embeddings" is [1 10 24], config.json makes it [1 17 24]`}},
		"biases":           {"vit", map[string]any{"qkv_bias": false}, []string{"not used 6", `"encoder.layer.0.attention.attention.key.bias"`}},
		"no biases":        {"vit-newer-names", map[string]any{"qkv_bias": true}, []string{"missing 6", `"vit.layers.0.attention.q_proj.bias"`}},
		"labels":           {"vit-newer-names", map[string]any{"id2label": map[string]string{"0": "a"}}, []string{`"classifier.weight" is [5 24], config.json makes it [1 24] (num_labels, hidden_size)`}},
		"strides":          {"ast", map[string]any{"time_stride": 4}, []string{`position_embeddings" is [1 17 24]`, "[1 14 24]"}},
		"decoder":          {"gpt2-left-padding", map[string]any{"tie_word_embeddings": false}, []string{"missing 1", `"lm_head.weight"`}},
	} {
		t.Run(name, func(t *testing.T) {
			files := copyOf(t, c.folder)
			setConfig(t, files, c.changes)
			refused(t, files, c.want...)
		})
	}
	files := copyOf(t, "deit-teacher")
	setTensors(t, files, func(all map[string]stored) {
		delete(all, "distillation_classifier.weight")
		delete(all, "distillation_classifier.bias")
	})
	refused(t, files, "missing 1", `"distillation_classifier.weight"`)
}

func TestWhatNewArchitecturesDoNotNeed(t *testing.T) {
	for folder, want := range map[string][]string{
		"gpt2":              {"h.0.attn.bias", "h.0.attn.masked_bias", "h.1.attn.bias", "h.1.attn.masked_bias"},
		"vit-oblong":        {"embeddings.mask_token"},
		"vit-masked-images": {"decoder.0.bias", "decoder.0.weight", "vit.embeddings.mask_token"},
	} {
		if got := open(t, folder).Ignored(); !slices.Equal(got, want) {
			t.Errorf("%s: ignored %q, want %q", folder, got, want)
		}
	}
	files := copyOf(t, "gpt2")
	setTensors(t, files, func(all map[string]stored) {
		all["h.x.attn.bias"] = stored{shape: []int{1}, data: make([]float32, 1)}
		all["score.weight"] = stored{shape: []int{1}, data: make([]float32, 1)}
	})
	refused(t, files, "not used 1", `"h.x.attn.bias"`)
}

func FuzzPatchConfig(f *testing.F) {
	for _, folder := range []string{"vit-oblong", "deit", "ast", "gpt2", "bloom"} {
		f.Add(copyOf(f, folder)["config.json"].Data)
	}
	f.Add([]byte(`{"model_type":"vit","image_size":[1,268435456],"patch_size":[1,1],"num_channels":268435456}`))
	f.Add([]byte(`{"model_type":"audio-spectrogram-transformer","patch_size":268435456,"frequency_stride":0}`))
	good := copyOf(f, "vit-oblong")["model.safetensors"]
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Load(fstest.MapFS{"config.json": {Data: text}, "model.safetensors": good}, "fuzz")
		if err != nil {
			return
		}
		shape := append([]int{1}, m.config.ValuesShape()...)
		b, err := m.BatchOf(Values{shape, make([]float32, m.config.Grid.numbers())})
		if err != nil {
			t.Fatal(err)
		}
		forward(t, m, b, Run{Work: workspace(t, 1)})
	})
}
