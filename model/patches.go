package model

import (
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// What ViT, DeiT and AST have in common: how an image enters, and the blocks.

// patchTables mirrors the embedding of patches.
type patchTables struct {
	Class      []float32 `tensor:"cls_token" shape:"1 1 hidden_size"`
	Positions  []float32 `tensor:"position_embeddings" shape:"1 tokens hidden_size"`
	Projection linear    `tensor:"patch_embeddings.projection" shape:"hidden_size num_channels patch_height patch_width"`
}

// distilledTables has a second token before the patches.
type distilledTables struct {
	Patches      patchTables `tensor:""`
	Distillation []float32   `tensor:"distillation_token" shape:"1 1 hidden_size"`
}

// patchLayer mirrors a block.
type patchLayer struct {
	AttentionNorm norm   `tensor:"layernorm_before" shape:"hidden_size"`
	Query         linear `tensor:"attention.q_proj" shape:"hidden_size hidden_size" bias:"qkv_bias"`
	Key           linear `tensor:"attention.k_proj" shape:"hidden_size hidden_size" bias:"qkv_bias"`
	Value         linear `tensor:"attention.v_proj" shape:"hidden_size hidden_size" bias:"qkv_bias"`
	Output        linear `tensor:"attention.o_proj" shape:"hidden_size hidden_size"`
	OutputNorm    norm   `tensor:"layernorm_after" shape:"hidden_size"`
	Up            linear `tensor:"mlp.fc1" shape:"intermediate_size hidden_size"`
	Down          linear `tensor:"mlp.fc2" shape:"hidden_size intermediate_size"`
}

// patchLayout is that of transformers 5 in memory; what it saves, and all older
// files, have the older names.
func patchLayout(base string, ignorable ...string) layout {
	return layout{
		base: base, ignorable: ignorable, sign: "encoder.layer.",
		older: strings.NewReplacer(
			"layers.", "encoder.layer.",
			"attention.q_proj", "attention.attention.query",
			"attention.k_proj", "attention.attention.key",
			"attention.v_proj", "attention.attention.value",
			"attention.o_proj", "attention.output.dense",
			"mlp.fc1", "intermediate.dense",
			"mlp.fc2", "output.dense",
		),
	}
}

// configurePatches reads what the three have in common.
func configurePatches(c *Config, f *fields) {
	c.Width = f.size("hidden_size", 768)
	c.EmbeddingSize = c.Width
	c.FeedForward = f.size("intermediate_size", 3072)
	c.Heads = f.size("num_attention_heads", 12)
	c.Layers = f.size("num_hidden_layers", 12)
	c.Activation = f.activation("hidden_act", "gelu")
	c.Epsilon = f.epsilon("layer_norm_eps", 1e-12)
	c.qkvBias = f.flag("qkv_bias", true)
	c.preNorm = true
	if d := f.size("head_dim", c.HeadWidth()); d != c.HeadWidth() {
		f.fail("head_dim is %d, which is not supported; it must be hidden_size %d divided by num_attention_heads %d", d, c.Width, c.Heads)
	}
	f.unsupported()
}

// configureImage reads what images look like, of a model with so many tokens
// before the patches.
func configureImage(c *Config, f *fields, first int) {
	c.Input = Pixels
	g := &c.Grid
	g.Channels = f.size("num_channels", 3)
	g.Height, g.Width = f.pair("image_size", 224)
	g.PatchHeight, g.PatchWidth = f.pair("patch_size", 16)
	g.StrideHeight, g.StrideWidth = g.PatchHeight, g.PatchWidth
	c.countTokens(first)
	c.pooler.width = f.size("pooler_output_size", c.Width)
	c.pooler.activation = f.activation("pooler_act", "tanh")
}

// countTokens sets the number of tokens of an image.
func (c *Config) countTokens(first int) {
	rows, cols := c.Grid.Patches()
	c.Positions = first + max(rows, 0)*max(cols, 0)
}

// newPatchModel builds all but the heads. Special holds the tokens before the
// patches.
func newPatchModel(c *Config, from *source, found bound, t *patchTables, layers []patchLayer, final *norm, special ...[]float32) (*Model, error) {
	m := newModel(c, found)
	m.final = &finalNorm{LayerNorm: final.layer(c)}
	projection, err := from.layer(c, &t.Projection)
	if err != nil {
		return nil, err
	}
	offsets := tensor.FromData(t.Positions, c.Positions, c.Width)
	for i, token := range special {
		tensor.Add(offsets.Row(i), token, offsets.Row(i))
	}
	m.embedding = &patchEmbedding{c.Input, c.Grid, projection, len(special), offsets}
	blocks := make([]blockWeights, len(layers))
	for i := range blocks {
		l := &layers[i]
		blocks[i] = blockWeights{
			name:  fmt.Sprintf("layer %d", i),
			query: &l.Query, key: &l.Key, value: &l.Value, output: &l.Output, attentionNorm: &l.AttentionNorm,
			up: &l.Up, down: &l.Down, outputNorm: &l.OutputNorm,
		}
	}
	m.blocks, err = from.blocks(c, blocks)
	return m, err
}

// patchEmbedding turns images or spectrograms into the first hidden states: every
// patch projected (a convolution, of which no two products are shared), after the
// tokens that are learned, and all positions added.
type patchEmbedding struct {
	input      Input
	grid       Grid
	projection nn.Linear
	special    int           // tokens before the patches
	offsets    tensor.Matrix // [tokens, D] positions, with the tokens before the patches added to theirs
}

// forward implements embedding.
func (e *patchEmbedding) forward(dst tensor.Matrix, b Batch, pool *tensor.Pool) error {
	n := e.offsets.Rows
	patches := tensor.New(n-e.special, e.grid.inputs())
	for i := range b.Values.Rows {
		x := dst.SliceRows(i*n, (i+1)*n)
		e.cut(patches, b.Values.Row(i))
		e.projection.Forward(pool, x.SliceRows(e.special, n), patches)
		for t := range n {
			if t < e.special {
				copy(x.Row(t), e.offsets.Row(t))
				continue
			}
			tensor.Add(x.Row(t), x.Row(t), e.offsets.Row(t))
		}
	}
	return nil
}

// cut writes every patch [channels, height, width] of an image into a row.
func (e *patchEmbedding) cut(patches tensor.Matrix, image []float32) {
	g := e.grid
	channel, down, across := g.Height*g.Width, g.Width, 1 // from one number to its neighbours
	if e.input == Spectrogram {
		down, across = 1, g.Height // it comes as [time, frequency]
	}
	rows, cols := g.Patches()
	for i := range rows * cols {
		corner := i/cols*g.StrideHeight*down + i%cols*g.StrideWidth*across
		dst := patches.Row(i)
		for c := range g.Channels {
			for y := range g.PatchHeight {
				for x := range g.PatchWidth {
					dst[(c*g.PatchHeight+y)*g.PatchWidth+x] = image[corner+c*channel+y*down+x*across]
				}
			}
		}
	}
}
