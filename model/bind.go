package model

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tripartite-go/tripartite/safetensors"
)

// An architecture's file mirrors its checkpoint in a struct, whose tags name
// tensors. Names are joined by dots from the outermost field inwards; the words
// in shape and count are sizes, spelled as in config.json.
//
//	Words  []float32 `tensor:"words.weight" shape:"vocab_size hidden_size"`
//	Bias   []float32 `tensor:"bias,optional" shape:"vocab_size"`       nil where it is absent
//	Up     linear    `tensor:"up" shape:"intermediate_size hidden_size"`  a weight [out, in], read later; a bias [out]
//	Up     linear    `tensor:"up,transposed" shape:"intermediate_size hidden_size"`  the weight is stored as [in, out]
//	Query  linear    `tensor:"query" shape:"hidden_size hidden_size" bias:"qkv_bias"`  the bias where config.json says so
//	Norm   norm      `tensor:"LayerNorm" shape:"hidden_size"`          weight or gamma, bias or beta
//	Layers []layer   `tensor:"layer" count:"num_hidden_layers"`        layer.0, layer.1 and so on
//	Pooler *linear   `tensor:"pooler" shape:"hidden_size hidden_size"` nil where none of it is stored
//
// The match is strict: every tensor of the struct must be found with the right
// shape, and every tensor of the checkpoint must be used or be on the
// architecture's list of those that may be ignored.

// layout says how an architecture's checkpoints are named.
type layout struct {
	// base begins the names of the backbone, and is left out where the backbone
	// was saved alone: "bert."
	base string
	// ignorable lists tensors that are not needed: buffers, and heads for tasks
	// that are not offered. A name that ends in a dot stands for all below it, an
	// asterisk for a number.
	ignorable []string
	// sign is found in the names of a checkpoint that older versions of
	// transformers wrote, and older turns our names into those; nil where names
	// never changed.
	sign  string
	older *strings.Replacer
}

// binder matches a struct's fields with a checkpoint's tensors.
type binder struct {
	layout
	config     *Config
	checkpoint *safetensors.Checkpoint
	tensors    []safetensors.Info
	bare       bool // names come without base
	old        bool // names are the older ones

	found     []binding
	missing   []string
	misshaped []string
}

// binding is a tensor and the field it fills.
type binding struct {
	info safetensors.Info
	dst  *[]float32 // nil for a matrix that is read when it is packed
}

// bound is what bind tells beside the weights.
type bound struct {
	ignored    []string // tensors that were left alone, by name
	parameters int64    // numbers that were learned
}

// bind fills weights, a pointer to a struct, from the source. It refuses a
// checkpoint that does not match before it reads any data.
func bind(from *source, cfg *Config, l layout, weights any) (bound, error) {
	b := &binder{layout: l, config: cfg, checkpoint: from.checkpoint, tensors: from.checkpoint.Tensors()}
	b.bare = !b.any(l.base)
	b.old = l.older != nil && b.any(b.stored(l.base+l.sign))
	if err := b.field(field{}, reflect.ValueOf(weights).Elem()); err != nil {
		return bound{}, err
	}
	ignored, unused := b.leftover()
	if err := b.mismatch(unused); err != nil {
		return bound{}, err
	}
	out := bound{ignored: ignored}
	for _, f := range b.found {
		out.parameters += int64(f.info.Len())
	}
	return out, from.fill(b.found)
}

// any reports whether a tensor's name begins with prefix.
func (b *binder) any(prefix string) bool {
	i, _ := slices.BinarySearchFunc(b.tensors, prefix, func(t safetensors.Info, p string) int {
		return strings.Compare(t.Name, p)
	})
	return i < len(b.tensors) && strings.HasPrefix(b.tensors[i].Name, prefix)
}

// stored returns the name under which this checkpoint keeps a tensor.
func (b *binder) stored(name string) string {
	if b.bare {
		name = strings.TrimPrefix(name, b.base)
	}
	if b.old {
		name = b.older.Replace(name)
	}
	return name
}

// fields matches all fields of a struct whose names begin with prefix.
func (b *binder) fields(prefix string, s reflect.Value) error {
	for i := range s.NumField() {
		tag := s.Type().Field(i).Tag
		name, option, _ := strings.Cut(tag.Get("tensor"), ",")
		f := field{
			name: join(prefix, name), shape: strings.Fields(tag.Get("shape")), count: tag.Get("count"),
			optional: option == "optional", transposed: option == "transposed",
			unbiased: tag.Get("bias") == "qkv_bias" && !b.config.qkvBias,
		}
		if err := b.field(f, s.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// demanding is a part whose tensors may each be absent, but not all.
type demanding interface {
	// demand calls lack for what is needed and absent.
	demand(b *binder, name string)
}

// field is what a struct's tags say.
type field struct {
	name     string
	shape    []string
	count    string
	optional bool

	transposed, unbiased bool // of a linear map
}

func join(prefix, name string) string {
	if prefix == "" || name == "" {
		return prefix + name
	}
	return prefix + "." + name
}

// field matches one field of a struct, whatever it holds.
func (b *binder) field(f field, v reflect.Value) error {
	switch dst := v.Addr().Interface().(type) {
	case *[]float32:
		b.leaf(f, dst)
		return nil
	case *linear:
		dst.out, dst.in, dst.transposed = b.size(f.shape[0]), 1, f.transposed
		for _, word := range f.shape[1:] { // several for a convolution
			dst.in *= b.size(word)
		}
		shape := f.shape
		if f.transposed {
			shape = []string{f.shape[1], f.shape[0]}
		}
		dst.weight = b.leaf(field{name: f.name + ".weight", shape: shape}, nil)
		if !f.unbiased {
			b.leaf(field{name: f.name + ".bias", shape: f.shape[:1]}, &dst.bias)
		}
		return nil
	case *norm:
		b.leaf(field{name: f.name + ".weight|gamma", shape: f.shape}, &dst.gain)
		b.leaf(field{name: f.name + ".bias|beta", shape: f.shape}, &dst.bias)
		return nil
	}
	if part, ok := v.Addr().Interface().(demanding); ok {
		part.demand(b, f.name)
	}
	switch v.Kind() {
	case reflect.Struct:
		return b.fields(f.name, v)
	case reflect.Pointer:
		if !b.any(b.stored(f.name) + ".") {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return b.field(f, v.Elem())
	case reflect.Slice:
		n := b.size(f.count)
		if n > len(b.tensors) { // before anything of that size is made
			return fmt.Errorf("config.json speaks of %d %s, but there are only %d tensors; the two files do not belong together", n, f.count, len(b.tensors))
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f := field{name: join(f.name, strconv.Itoa(i)), shape: f.shape}
			if err := b.field(f, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	panic(fmt.Sprintf("model: a field of type %v cannot hold tensors", v.Type()))
}

// size returns what a word of a tag stands for: a number, a name spelled as in
// config.json, or a multiple of one, such as 3*hidden_size.
func (b *binder) size(word string) int {
	if times, name, ok := strings.Cut(word, "*"); ok {
		return b.size(times) * b.size(name)
	}
	if n, err := strconv.Atoi(word); err == nil {
		return n
	}
	switch c := b.config; word {
	case "vocab_size":
		return c.Vocabulary
	case "type_vocab_size":
		return c.Segments
	case "max_position_embeddings":
		return c.Positions
	case "embedding_size":
		return c.EmbeddingSize
	case "hidden_size":
		return c.Width
	case "intermediate_size":
		return c.FeedForward
	case "num_hidden_layers":
		return c.Layers
	case "num_hidden_groups":
		return c.Groups
	case "inner_group_num":
		return c.Inner
	case "num_channels":
		return c.Grid.Channels
	case "patch_height":
		return c.Grid.PatchHeight
	case "patch_width":
		return c.Grid.PatchWidth
	case "tokens": // of an image or a sound
		return c.Positions
	case "pooler_output_size":
		return c.pooler.width
	case "num_labels":
		return c.labels
	}
	panic(fmt.Sprintf("model: no size is called %q", word))
}

// has reports whether the checkpoint holds a tensor.
func (b *binder) has(name string) bool {
	_, ok := b.checkpoint.Info(b.stored(name))
	return ok
}

// lack notes a tensor that is needed and absent.
func (b *binder) lack(name string) { b.missing = append(b.missing, b.stored(name)) }

// leaf matches one tensor and returns its name in the checkpoint, or "". The
// last part of f's name may have alternatives. dst is filled later, unless nil.
func (b *binder) leaf(f field, dst *[]float32) string {
	parent, last := "", f.name
	if i := strings.LastIndexByte(f.name, '.'); i >= 0 {
		parent, last = f.name[:i+1], f.name[i+1:]
	}
	alternatives := strings.Split(last, "|")
	for _, a := range alternatives {
		if info, ok := b.checkpoint.Info(b.stored(parent + a)); ok {
			b.take(info, f.shape, dst)
			return info.Name
		}
	}
	if !f.optional {
		b.lack(parent + alternatives[0])
	}
	return ""
}

// take notes a tensor that was found, after a look at its shape.
func (b *binder) take(info safetensors.Info, words []string, dst *[]float32) {
	want := make([]int, len(words))
	for i, w := range words {
		want[i] = b.size(w)
	}
	if !slices.Equal(info.Shape, want) {
		b.misshaped = append(b.misshaped, fmt.Sprintf("%q is %v, config.json makes it %v (%s)", info.Name, info.Shape, want, strings.Join(words, ", ")))
	}
	b.found = append(b.found, binding{info, dst})
}

// leftover sorts the tensors that nothing took.
func (b *binder) leftover() (ignored, unused []string) {
	used := make(map[string]int, len(b.found))
	for _, f := range b.found {
		if used[f.info.Name]++; used[f.info.Name] > 1 {
			panic(fmt.Sprintf("model: two fields take tensor %q", f.info.Name))
		}
	}
	for _, t := range b.tensors {
		switch {
		case used[t.Name] > 0:
		case b.mayIgnore(t.Name):
			ignored = append(ignored, t.Name)
		default:
			unused = append(unused, t.Name)
		}
	}
	return ignored, unused
}

func (b *binder) mayIgnore(name string) bool {
	return slices.ContainsFunc(b.ignorable, func(entry string) bool {
		entry = b.stored(entry)
		return name == entry || strings.HasSuffix(entry, ".") && strings.HasPrefix(name, entry) || numbered(name, entry)
	})
}

// numbered reports whether a name is the entry with a number for its asterisk.
func numbered(name, entry string) bool {
	before, after, ok := strings.Cut(entry, "*")
	if !ok || len(name) < len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return false
	}
	_, err := strconv.Atoi(name[len(before) : len(name)-len(after)])
	return err == nil
}

// mismatch returns one error that lists everything that is wrong.
func (b *binder) mismatch(unused []string) error {
	var wrong []string
	if n := len(b.missing); n > 0 {
		wrong = append(wrong, fmt.Sprintf("missing %d: %s", n, quoted(b.missing)))
	}
	if n := len(unused); n > 0 {
		wrong = append(wrong, fmt.Sprintf("not used %d: %s", n, quoted(unused)))
	}
	if n := len(b.misshaped); n > 0 {
		wrong = append(wrong, fmt.Sprintf("wrong shape %d: %s", n, strings.Join(b.misshaped, ", ")))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("the weights do not match config.json: %s; check that both files are of the same model, and download them again", strings.Join(wrong, "; "))
}
