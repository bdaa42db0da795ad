package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/safetensors"
)

// spoiled is a copy of a small model's folder, to be damaged.
type spoiled struct {
	t   *testing.T
	dir string
}

func (s spoiled) file(name string) string { return filepath.Join(s.dir, name) }

func (s spoiled) read(name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(s.file(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func (s spoiled) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), data, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// config sets a key of config.json.
func (s spoiled) config(key string, value any) {
	s.t.Helper()
	var all map[string]any
	if err := json.Unmarshal(s.read("config.json"), &all); err != nil {
		s.t.Fatal(err)
	}
	all[key] = value
	data, err := json.Marshal(all)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("config.json", data)
}

// tensors changes the tensors of the weights' file.
func (s spoiled) tensors(change func(shapes map[string][]int, data map[string][]float32)) {
	s.t.Helper()
	f, err := safetensors.Open(s.file("model.safetensors"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	shapes, data := map[string][]int{}, map[string][]float32{}
	for _, info := range f.Tensors() {
		if data[info.Name], err = f.Float32(info.Name); err != nil {
			s.t.Fatal(err)
		}
		shapes[info.Name] = info.Shape
	}
	change(shapes, data)
	var list []safetensors.Tensor
	for name, x := range data {
		list = append(list, safetensors.New(name, shapes[name], x))
	}
	if err := safetensors.WriteFile(s.file("model.safetensors"), list, nil); err != nil {
		s.t.Fatal(err)
	}
}

// header rewrites the JSON at the beginning of the weights' file.
func (s spoiled) header(change func(string) string) {
	s.t.Helper()
	raw := s.read("model.safetensors")
	end := 8 + binary.LittleEndian.Uint64(raw)
	before := string(raw[8:end])
	header := change(before)
	if header == before {
		s.t.Fatal("the header is as it was")
	}
	s.write("model.safetensors", append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), raw[end:]...))
}

// Every way in which weights can be bad ends with one line that says which
// model, what of it, and what to do, and writes nothing.
func TestBadWeightsAreRefusedInOneLine(t *testing.T) {
	in := writeNpz(t, filepath.Join(t.TempDir(), "in.npz"), array{"input_ids", []int{3}, []float64{2, 7, 3}})
	hidden := func(model, out string) outcome {
		return command("run", model, "--task", "hidden", in, "-o", filepath.Join(out, "out.npz"))
	}
	for name, c := range map[string]struct {
		spoil func(spoiled)
		words []string // nil where the model is as good as before
	}{
		"nothing":       {func(s spoiled) { s.tensors(func(map[string][]int, map[string][]float32) {}) }, nil},
		"no weights":    {func(s spoiled) { os.Remove(s.file("model.safetensors")) }, []string{"model.safetensors"}},
		"truncated":     {func(s spoiled) { s.write("model.safetensors", s.read("model.safetensors")[:5000]) }, []string{"model.safetensors", "truncated", "download"}},
		"an empty file": {func(s spoiled) { s.write("model.safetensors", nil) }, []string{"model.safetensors", "truncated", "download"}},
		"a header longer than the file": {func(s spoiled) {
			s.write("model.safetensors", append(binary.LittleEndian.AppendUint64(nil, 1<<40), s.read("model.safetensors")[8:]...))
		}, []string{"model.safetensors", "1099511627776 bytes", "check that this is the right file"}},
		"a header that lies about a shape": {func(s spoiled) {
			s.header(func(h string) string { return strings.Replace(h, `"shape":[64,24]`, `"shape":[64000000,24]`, 1) })
		}, []string{"model.safetensors", `"embeddings.word_embeddings.weight"`, "download"}},
		"a key that comes twice": {func(s spoiled) {
			s.header(func(h string) string {
				return `{"pooler.dense.bias":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},` + strings.TrimPrefix(h, "{")
			})
		}, []string{"model.safetensors", `"pooler.dense.bias"`, "twice", "download"}},
		"missing tensors": {func(s spoiled) {
			s.tensors(func(_ map[string][]int, data map[string][]float32) {
				delete(data, "encoder.layer.1.output.dense.bias")
				delete(data, "embeddings.LayerNorm.weight")
			})
		}, []string{"missing 2", `"encoder.layer.1.output.dense.bias"`, `"embeddings.LayerNorm.weight"`, "config.json", "download"}},
		"unused tensors": {func(s spoiled) {
			s.tensors(func(shapes map[string][]int, data map[string][]float32) {
				for _, name := range []string{"surplus", "encoder.layer.2.output.dense.bias"} {
					shapes[name], data[name] = []int{1}, []float32{1}
				}
			})
		}, []string{"not used 2", `"surplus"`, `"encoder.layer.2.output.dense.bias"`, "config.json", "download"}},
		"a wrong shape": {func(s spoiled) {
			s.tensors(func(shapes map[string][]int, _ map[string][]float32) {
				shapes["encoder.layer.0.intermediate.dense.weight"] = []int{24, 40}
			})
		}, []string{`"encoder.layer.0.intermediate.dense.weight" is [24 40]`, "[40 24]", "config.json", "download"}},
		"NaN": {func(s spoiled) {
			s.tensors(func(_ map[string][]int, data map[string][]float32) {
				data["encoder.layer.0.attention.self.query.weight"][5] = float32(math.NaN())
			})
		}, []string{`"encoder.layer.0.attention.self.query.weight"`, "NaN at element 5", "download"}},
		"an unknown architecture": {func(s spoiled) { s.config("model_type", "mamba") }, []string{`model_type "mamba"`, "supported are albert, audio-spectrogram-transformer, bert"}},
		"an unknown activation":   {func(s spoiled) { s.config("hidden_act", "mish") }, []string{"config.json", `"mish"`, "gelu_new"}},
		"no configuration":        {func(s spoiled) { s.write("config.json", []byte("{")) }, []string{"config.json", "not valid JSON"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := spoiled{t, filepath.Join(t.TempDir(), "spoiled")}
			if err := os.CopyFS(s.dir, os.DirFS(pretrained+"bert")); err != nil {
				t.Fatal(err)
			}
			c.spoil(s)
			out := t.TempDir()
			o := hidden(s.dir, out)
			if c.words == nil {
				if o.code != exitDone {
					t.Fatalf("a copy does not run: %s", o.stderr)
				}
				return
			}
			wantFailure(t, o, exitFailed, append(c.words, "model spoiled: ")...)
			if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("want one line on stderr alone, got %q and %q", o.stdout, o.stderr)
			}
			wantNoFiles(t, out)
		})
	}
}
