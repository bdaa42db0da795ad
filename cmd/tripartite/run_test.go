package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/zoo"
)

// pretrained holds small random models with what transformers computes by them.
const pretrained = "../../model/testdata/"

// reference reads an array that transformers computed, and its shape.
func reference(t *testing.T, folder, name string) ([]float64, []int) {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(pretrained, folder, "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, ok := f.Info(name)
	if !ok {
		return nil, nil
	}
	if info.DType == safetensors.I64 {
		x, err := f.Int64(name)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = float64(v)
		}
		return out, info.Shape
	}
	x, err := f.Float64(name)
	if err != nil {
		t.Fatal(err)
	}
	return x, info.Shape
}

// inputs returns the inputs of a reference, as arrays of float64.
func inputs(t *testing.T, folder string) []array {
	t.Helper()
	var arrays []array
	for _, name := range []string{"input_ids", "token_type_ids", "pixel_values", "input_values", "attention_mask"} {
		if data, shape := reference(t, folder, name); data != nil {
			arrays = append(arrays, array{name, shape, data})
		}
	}
	return arrays
}

func TestHiddenStatesAreThoseOfTransformers(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.npz")
	for _, folder := range []string{"bert", "bert-left-padding", "bert-masked-lm", "albert", "albert-masked-lm", "bert-sharded", "bert-float16",
		"gpt2", "gpt2-odd", "bloom", "vit", "vit-newer-names", "deit-teacher", "ast-labels"} {
		arrays := inputs(t, folder)
		in := writeNpz(t, filepath.Join(dir, "in.npz"), arrays...)
		must(t, "run", pretrained+folder, "--task", "hidden", in, "-o", out)
		got := readNpz(t, out)
		mask := []float64{1}
		if a := arrays[len(arrays)-1]; a.name == "attention_mask" {
			mask = a.data
		}
		compared := 0
		for _, name := range []string{"hidden_states", "logits", "pooler_output"} {
			want, shape := reference(t, folder, name)
			if (got[name] == nil) != (want == nil) {
				t.Errorf("%s: %s is there in one of program and reference only", folder, name)
				continue
			}
			if want == nil {
				continue
			}
			if got[name].DType() != "float32" || fmt.Sprint(got[name].Shape) != fmt.Sprint(shape) {
				t.Fatalf("%s: %s is %s %v, want float32 %v", folder, name, got[name].DType(), got[name].Shape, shape)
			}
			compared++
			largest := 1.0
			for _, x := range want {
				largest = max(largest, math.Abs(x))
			}
			width := shape[len(shape)-1]
			for i, x := range got[name].Float64() {
				if row := i / width; name != "pooler_output" && mask[row%len(mask)] == 0 {
					continue // padding
				}
				if !(math.Abs(x-want[i]) <= 2e-4*largest) {
					t.Errorf("%s: %s is %v, want %v", folder, got[name].Place(i), x, want[i])
					break
				}
			}
		}
		if compared == 0 {
			t.Errorf("%s: nothing was compared", folder)
		}
		last, _ := reference(t, folder, "last_hidden_state") // of images and sounds, which end with a normalization
		if last != nil {
			near(t, folder+": the last hidden state", got["last_hidden_state"], last, 1e-3)
			continue
		}
		states, last := got["hidden_states"].Float64(), got["last_hidden_state"].Float64()
		near(t, folder+": the last hidden state", got["last_hidden_state"], states[len(states)-len(last):], 0)
	}
}

func TestOneSequenceHasNoBatchAxis(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.npz")
	ids := []float64{2, 7, 8, 9, 3}
	for _, shape := range [][]int{{5}, {1, 5}} {
		in := writeNpz(t, filepath.Join(dir, "in.npz"), array{"input_ids", shape, ids})
		o := must(t, "run", pretrained+"bert", "--task", "hidden", in, "-o", out)
		for name, want := range map[string]string{"hidden_states": "[3 5 24]", "last_hidden_state": "[5 24]", "pooler_output": "[24]"} {
			if got := fmt.Sprint(readNpz(t, out)[name].Shape); got != want {
				t.Errorf("input_ids %v: %s is %s, want %s", shape, name, got, want)
			}
		}
		if !strings.Contains(o.stdout, "hidden_states      float32 [3,5,24]") {
			t.Errorf("prints\n%s", o.stdout)
		}
	}
	var r runResult
	if err := json.Unmarshal([]byte(must(t, "run", pretrained+"bert", "--task", "hidden", filepath.Join(dir, "in.npz"), "-o", out, "--json").stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != "tripartite.run/1" || r.Model != "bert" || r.Task != taskHidden || r.Config.Attention != "exact" || len(r.Arrays) != 3 || r.Arrays[0].Name != "hidden_states" {
		t.Errorf("%+v", r)
	}
}

func TestEmbeddingsAreThoseOfSentenceTransformers(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.npz")
	for _, folder := range []string{"sentence-mean", "sentence-cls"} {
		texts := filepath.Join(pretrained, folder, "texts.txt")
		o := must(t, "run", pretrained+folder, "--task", "embed", "--file", texts, "-o", out)
		want, shape := reference(t, folder, "embeddings")
		got := readNpz(t, out)["embeddings"]
		if fmt.Sprint(got.Shape) != fmt.Sprint(shape) || got.DType() != "float32" {
			t.Fatalf("%s: embeddings are %s %v, want %v", folder, got.DType(), got.Shape, shape)
		}
		near(t, folder, got, want, 1e-5)
		if !strings.Contains(o.stderr, "note: ") || !strings.Contains(o.stderr, "do not count") {
			t.Errorf("%s: no note about the text that was cut off: %q", folder, o.stderr)
		}
		if q := must(t, "run", pretrained+folder, "--task", "embed", "--file", texts, "-o", out, "--quiet"); q.stderr != "" || q.stdout != o.stdout {
			t.Errorf("--quiet prints %q", q.stderr)
		}
		var r runResult
		if err := json.Unmarshal([]byte(must(t, "run", pretrained+folder, "--task", "embed", "--file", texts, "--json").stdout), &r); err != nil {
			t.Fatal(err)
		}
		for i, x := range r.Embeddings.Embeddings {
			for j, v := range x {
				if float64(v) != got.Float64()[i*len(x)+j] {
					t.Fatalf("%s: JSON and arrays differ at text %d", folder, i)
				}
			}
		}
	}
}

// A model that does not say how it embeds gives unit vectors, too.
func TestEmbeddingsHaveUnitLength(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.npz")
	must(t, "run", "--task", "embed", "--text", "Jesus wept.", "--text", "And it came to pass", "-o", out)
	x := readNpz(t, out)["embeddings"]
	for i := range x.Shape[0] {
		var square float64
		for _, v := range x.Float64()[i*x.Shape[1] : (i+1)*x.Shape[1]] {
			square += v * v
		}
		if !(math.Abs(square-1) < 1e-6) {
			t.Errorf("text %d has length %v", i, math.Sqrt(square))
		}
	}
}

func TestFillNamesCandidatesWithProbabilities(t *testing.T) {
	const text = "In the beginning God created the [MASK] and the [MASK]."
	var r runResult
	if err := json.Unmarshal([]byte(must(t, "run", "--text", text, "--top-k", "7", "--json").stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != "tripartite.run/1" || r.Task != taskFill || r.Model != "language" || len(r.Filled) != 1 || len(r.Filled[0].Places) != 2 {
		t.Fatalf("%+v", r)
	}
	o := must(t, "run", "language", "--text", text, "--top-k", "7")
	if !strings.HasPrefix(o.stdout, text+"\n  mask 1\n") || strings.Count(o.stdout, "\n") != 1+2*8 {
		t.Errorf("prints\n%s", o.stdout)
	}
	for _, p := range r.Filled[0].Places {
		last := 1.0
		if len(p.Words) != 7 {
			t.Fatalf("%d words, want 7", len(p.Words))
		}
		for _, w := range p.Words {
			if !(w.Probability > 0 && w.Probability <= last) || w.Token == "" {
				t.Errorf("%+v after probability %v", w, last)
			}
			last = w.Probability
			if line := fmt.Sprintf("%5.1f %%  %s\n", 100*w.Probability, w.Token); !strings.Contains(o.stdout, line) {
				t.Errorf("lacks %q", line)
			}
		}
	}
	// From a file and from standard input.
	file := write(t, t.TempDir(), "texts", text+"\r\n"+text+"\n")
	want := must(t, "run", "--file", file).stdout
	if strings.Count(want, text) != 2 {
		t.Errorf("two texts give\n%s", want)
	}
	for _, args := range [][]string{{"run"}, {"run", "--file", "-"}} {
		if o := commandWith(t.Context(), strings.NewReader(text+"\n"+text), args...); o.stdout != want {
			t.Errorf("%v gives\n%s%s", args, o.stdout, o.stderr)
		}
	}
}

// states returns the last hidden states of the bundled model for some tokens,
// circuits calibrated on a few texts only, to save time.
func states(t *testing.T, args ...string) []float64 {
	t.Helper()
	dir := t.TempDir()
	if strings.Contains(strings.Join(args, " "), "algebraic") {
		texts := "And the earth was without form, and void; and darkness was upon the face of the deep.\n"
		args = append([]string{"--calibrate", write(t, dir, "texts", texts+"And God said, Let there be light: and there was light.\n"), "-q"}, args...)
	}
	in := writeNpz(t, filepath.Join(dir, "in.npz"), array{"input_ids", []int{12}, []float64{2, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 3}})
	out := filepath.Join(dir, "out.npz")
	must(t, append([]string{"run", "--task", "hidden", in, "-o", out}, args...)...)
	return readNpz(t, out)["last_hidden_state"].Float64()
}

func TestNeuronsAndAstrocytesComeCloserToTheExactNetworkWithMoreNeurons(t *testing.T) {
	exact := states(t)
	few := relative(states(t, "--attention", "algebraic", "--neurons", "8"), exact)
	many := relative(states(t, "--attention", "algebraic", "--neurons", "2048"), exact)
	uniform := relative(states(t, "--attention", "uniform"), exact)
	if !(many < few/2 && many < uniform/2 && uniform > 0) {
		t.Errorf("error with 8 neurons %.3g, with 2048 %.3g, of uniform attention %.3g", few, many, uniform)
	}
}

func TestHeadsAreChosenOneByOne(t *testing.T) {
	exact := states(t)
	if relative(states(t, "--attention", "exact,1.3=exact"), exact) != 0 {
		t.Error("exact heads by rule differ from exact heads")
	}
	one := relative(states(t, "--attention", "exact,1.3=algebraic", "--neurons", "8"), exact)
	all := relative(states(t, "--attention", "algebraic", "--neurons", "8"), exact)
	if !(one > 0 && one < all) {
		t.Errorf("error of one head %.3g, of all %.3g", one, all)
	}
	seed2 := states(t, "--attention", "exact,1.3=algebraic", "--neurons", "8", "--seed", "2")
	if relative(seed2, exact) == one {
		t.Error("another seed draws the same neurons")
	}
	if !(relative(states(t, "--attention", "algebraic", "--tuning", "exp", "--draw", "iid"), exact) > 0) {
		t.Error("other curves change nothing")
	}
}

func TestAModelThatBringsNoCalibrationInputsTakesThem(t *testing.T) {
	texts := filepath.Join(pretrained, "sentence-mean", "texts.txt")
	calibration := write(t, t.TempDir(), "calibration", "an astrocyte wraps a synapse\ncalcium and neurons\n")
	args := []string{"run", pretrained + "sentence-mean", "--task", "embed", "--file", texts, "--json"}
	var r runResult
	if err := json.Unmarshal([]byte(must(t, append(args, "--attention", "algebraic", "--calibrate", calibration)...).stdout), &r); err != nil {
		t.Fatal(err)
	}
	if c := r.Config; c.Attention != "algebraic" || c.Tuning != "calibrated" || c.Neurons != defaultNeurons || c.Draw != "orthogonal" || c.CalibrationInputs != 2 || r.Seed != 1 || r.Generator == "" || r.Kernel == "" {
		t.Errorf("%+v", r)
	}
	o := command(append(args, "--attention", "algebraic")...)
	wantFailure(t, o, exitFailed, "sentence-mean brings no texts", "20 positions", "--calibrate TEXTS")
	must(t, append(args, "--attention", "algebraic", "--tuning", "exp")...) // needs no texts
	if o := must(t, append(args, "--neurons", "5")...); !strings.Contains(o.stderr, "--neurons has no effect") {
		t.Errorf("stderr %q", o.stderr)
	}
	if o := must(t, append(args, "--attention", "algebraic", "--tuning", "exp", "--calibrate", calibration)...); !strings.Contains(o.stderr, "--calibrate has no effect on exp") {
		t.Errorf("stderr %q", o.stderr)
	}
}

// noticed is standard error on which a note ends the program.
type noticed struct {
	bytes.Buffer
	end context.CancelFunc
}

func (n *noticed) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("note: ")) {
		n.end()
	}
	return n.Buffer.Write(p)
}

// A foreign model that the bundled verses fit into is calibrated on them, with a
// note, as in transfer.
func TestBundledVersesCalibrateForeignModels(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.CopyFS(foreign, os.DirFS("../../zoo/language")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := noticed{end: cancel}
	code := run(ctx, []string{"run", foreign, "--text", "the [MASK] of God", "--attention", "algebraic"}, strings.NewReader(""), io.Discard, &stderr)
	wantFailure(t, outcome{code: code, stderr: stderr.String()}, exitInterrupted, "interrupted")
	if want := "tripartite: note: foreign brings no texts: bundled verses of the King James Bible take their place; give texts like those that it was made for by --calibrate TEXTS\n"; !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("notes %q, want %q", stderr.String(), want)
	}
	// What takes their place are the texts that calibrate the model they come from.
	m := modelFiles{files: os.DirFS(foreign), name: "foreign"}
	net, err := network.Load(m.files, m.name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newEnv(t.Context(), nil, io.Discard, io.Discard).inputsFor(t.Context(), m, net, calibrating(""))
	if err != nil || !slices.Equal(got.Texts, zoo.Models()[0].Calibration().Texts) {
		t.Errorf("%d texts (%v), want %d", len(got.Texts), err, len(zoo.Models()[0].Calibration().Texts))
	}
}

func TestRunGivesTheSameBytesForAnyNumberOfThreads(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), inputs(t, "albert")...)
	calibration := write(t, dir, "texts", "In the beginning\nGod created the heaven\n")
	var want []byte
	for _, threads := range []string{"1", "2", "3"} {
		out := filepath.Join(dir, threads)
		must(t, "run", "language", "--task", "hidden", in, "-o", out, "--threads", threads, "--attention", "algebraic", "--calibrate", calibration)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if want != nil && !bytes.Equal(data, want) {
			t.Errorf("%s threads differ from 1", threads)
		}
		want = data
	}
	data, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	o := commandWith(t.Context(), bytes.NewReader(data), "run", "language", "--task", "hidden", "-", "-o", "-", "--attention", "algebraic", "--calibrate", calibration)
	if o.code != exitDone || o.stdout != string(want) {
		t.Errorf("through standard streams: exit code %d: %s", o.code, o.stderr)
	}
}

func TestRunRefusesWrongCommandLines(t *testing.T) {
	for _, c := range []struct{ args, words string }{
		{"run --task nosuch", "fill, generate, classify, embed, hidden"},
		{"run language more", `unexpected argument "more"`},
		{"run --task hidden -o out.npz", "run: IN is missing"},
		{"run --task hidden --text a -o x.npz", "run: IN is missing"},
		{"run --task hidden a b c -o out.npz", `unexpected argument "c"`},
		{"run --task hidden in.npz", "-o OUT.npz"},
		{"run --task hidden in.npz -o out.npz --text a", "reads arrays"},
		{"run --task hidden in.npz -o - --json", "--json"},
		{"run --task embed --text a --top-k 3", "--top-k is for --task fill, generate"},
		{"run --text a --temperature 1", "--temperature is for --task generate, and this is fill"},
		{"run --text a --top 3", "--top is for --task classify"},
		{"run --task generate --text a --top-p 0", "--top-p"},
		{"run --task generate --text a --top-p 1.5", "above 0, to 1"},
		{"run --task generate --text a --temperature -1", "at least 0"},
		{"run --task generate --text a --max-new-tokens 0", "at least 1"},
		{"run --task generate --text a -o x", "generate writes no arrays"},
		{"run --task generate language more", `unexpected argument "more"`},
		{"run --task classify", "MODEL is missing"},
		{"run --task classify " + answering + "vit", "IN is missing"},
		{"run " + answering + "vit", "vit classifies pictures or sounds"},
		{"run " + answering + "vit --text a", "--text is for --task fill, embed, generate, and this is classify"},
		{"run " + answering + "vit a.png --text a", "--text is for --task fill, embed, generate, and this is classify"},
		{"run " + answering + "vit a.png -o - --json", "standard output"},
		{"run " + answering + "vit - -", "standard input"},
		{"run " + answering + "gpt2 a.png", `unexpected argument "a.png"`},
		{"run --text a -o out.npz", "fill writes no arrays"},
		{"run --text a --file b", "--text and --file"},
		{"run --text a --top-k 0", "--top-k"},
		{"run --text a --attention nosuch", `run: --attention "nosuch": unknown kind of attention "nosuch"; use one of exact, algebraic, rate, uniform`},
		{"run --text a --attention exact,x=algebraic", "LAYER"},
		{"run --text a --attention rate --present 0", `run: --present "0": want a number of seconds above 0`},
		{"run --text a --attention rate --window 0", "a fraction in (0, 1]"},
		{"run --text a --attention rate --tau-astrocyte 1,2=x", `"2=x": want a number of seconds above 0`},
		{"run --text a --attention rate --tau-hidden 1,2", "LAYER.HEAD=VALUE"},
		{"run --text a --attention rate --domains 0", "--domains"},
		{"stream --attention rate", "tripartite run causal --attention rate"},
		{"run --text a --tuning nosuch", "calibrated, exp"},
		{"run --text a --neurons 0", "at least 1"},
		{"run --file - --attention algebraic --calibrate -", "standard input"},
		{"run --attention algebraic --calibrate -", "standard input"},
		{"run --attention algebraic --file a --calibrate a", "holds what is run"},
		{"run " + answering + "vit ok.png a/b.png --attention algebraic --calibrate a", "holds what is run (a/b.png)"},
	} {
		o := command(strings.Fields(c.args)...)
		if o.stdout != "" {
			t.Errorf("%s prints %q", c.args, o.stdout)
		}
		wantFailure(t, o, exitUsage, c.words)
	}
}

func TestRunRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	texts := func(content string) string { return write(t, dir, "texts.txt", content) }
	ids := func(arrays ...array) string { return writeNpz(t, filepath.Join(dir, "ids.npz"), arrays...) }
	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, foreign, "config.json", `{"model_type": "mamba"}`)
	truncated := filepath.Join(dir, "truncated")
	if err := os.CopyFS(truncated, os.DirFS(pretrained+"bert")); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(truncated, "model.safetensors"), 5000); err != nil {
		t.Fatal(err)
	}
	row := func(x ...float64) array { return array{"input_ids", []int{len(x)}, x} }
	hidden := []string{"--task", "hidden"}
	for _, c := range []struct {
		name  string
		args  []string
		words []string
	}{
		{"empty text", []string{"--text", ""}, []string{"text 1 is empty"}},
		{"blank text", []string{"--task", "embed", "--text", "a", "--text", " \t"}, []string{"text 2 is empty"}},
		{"blank line", []string{"--file", texts("a [MASK]\n\nb [MASK]\n")}, []string{"texts.txt", "line 2 is empty"}},
		{"no texts", []string{"--file", write(t, dir, "empty.txt", "")}, []string{"empty.txt", "is empty"}},
		{"no such file", []string{"--file", filepath.Join(dir, "nosuch")}, []string{"nosuch", "no such file"}},
		{"no mask", []string{"--text", "the heaven"}, []string{"text 1", "[MASK]"}},
		{"too long", []string{"--text", "[MASK]" + strings.Repeat(" and", 5000)}, []string{"text 1", "positions", "split"}},
		{"more words than there are", []string{"--text", "the [MASK]", "--top-k", "1000000"}, []string{"1000000"}},
		{"a picture for a model of text", []string{"--task", "classify", "language", pictures + "text.png"}, []string{"language reads texts", "such as vision"}},
		{"texts for images, before standard input is read", []string{"vision", "--task", "generate"}, []string{"vision classifies pictures", "reads no texts"}},
		{"a picture for hidden of text", append([]string{"language"}, append(hidden, pictures+"text.png")...), []string{"text.png: language reads texts"}},
		{"a sound for a model of images", []string{answering + "vit", "../../input/audio/testdata/tone.wav"}, []string{"tone.wav", "PNG, JPEG and WebP are read"}},
		{"no classifier", []string{pretrained + "vit", pictures + "text.png"}, []string{"preprocessor_config.json"}},
		{"nothing to classify", []string{answering + "vit", "../../input/audio"}, []string{"input/audio", "no file in it", "PNG, JPEG and WebP"}},
		{"no such picture", []string{answering + "vit", filepath.Join(dir, "nosuch.png")}, []string{"nosuch.png", "no such file", "check the path"}},
		{"generate by an encoder", []string{"--task", "generate", "--text", "a"}, []string{"language fills in words", "take a causal model"}},
		{"a prompt that is too long", []string{answering + "gpt2", "--text", strings.Repeat("z", 64)}, []string{"64 tokens", "positions for 64", "shorten"}},
		{"fill by a causal model", []string{answering + "gpt2", "--task", "fill", "--text", "a"}, []string{"causal"}},
		{"no head to fill with", []string{pretrained + "sentence-mean", "--text", "the [MASK]"}, []string{"masked-language-model head"}},
		{"no tokenizer", []string{pretrained + "bert", "--task", "embed", "--text", "a"}, []string{"bert", "tokenizer"}},
		{"no such model", []string{"nosuch", "--text", "the [MASK]"}, []string{`"nosuch"`, "bundled are: language"}},
		{"a file as model", []string{texts("a"), "--text", "the [MASK]"}, []string{"texts.txt", "folder"}},
		{"unknown architecture", []string{foreign, "--text", "the [MASK]"}, []string{"mamba", "not supported"}},
		{"truncated weights", append(hidden, truncated, ids(row(1))), []string{"truncated"}},
		{"no such layer", []string{"--text", "the [MASK]", "--attention", "exact,9=algebraic"}, []string{"no layer 9"}},
		{"too many neurons", []string{"--text", "the [MASK]", "--attention", "algebraic", "--tuning", "exp", "--neurons", "1000000000"}, []string{"1000000000 hidden neurons"}},
		{"blank line to calibrate on", []string{"--text", "the [MASK]", "--attention", "algebraic", "--calibrate", texts("a\n \n")}, []string{"texts.txt", "line 2"}},
		{"too long to calibrate on", []string{"--text", "the [MASK]", "--attention", "algebraic", "--calibrate", write(t, dir, "long.txt", strings.Repeat("and ", 5000))}, []string{"calibration text 1", "split"}},
		{"no such arrays", append(hidden, filepath.Join(dir, "nosuch.npz")), []string{"nosuch.npz"}},
		{"no ids", append(hidden, writeNpz(t, filepath.Join(dir, "q.npz"), array{"q", []int{1}, []float64{1}})), []string{"input_ids", "it has q"}},
		{"an image for BERT", append([]string{pretrained + "bert"}, append(hidden, writeNpz(t, filepath.Join(dir, "image.npz"), array{"pixel_values", []int{1, 1, 1}, []float64{1}}))...), []string{"bert reads input_ids", "holds pixel_values"}},
		{"curves for images", append([]string{pretrained + "vit"}, append(hidden, "--attention", "algebraic", filepath.Join(dir, "image.npz"))...), []string{"vit", "preprocessor_config.json"}},
		{"texts for images", []string{pretrained + "vit", "--task", "embed", "--text", "a"}, []string{"vit classifies pictures", "reads no texts"}},
		{"a mask in an image", []string{pretrained + "vit", "--task", "fill", "--text", "[MASK]"}, []string{"vit classifies pictures", "reads no texts"}},
		{"ids that are not whole", append(hidden, writeNpz(t, filepath.Join(dir, "half.npz"), row(1.5))), []string{"input_ids[0]", "1.5"}},
		{"unknown id", append(hidden, writeNpz(t, filepath.Join(dir, "id.npz"), row(2, 1e6))), []string{"1000000", "vocabulary"}},
		{"no tokens", append(hidden, writeNpz(t, filepath.Join(dir, "none.npz"), row())), []string{"input_ids", "no token"}},
		{"other mask", append(hidden, writeNpz(t, filepath.Join(dir, "mask.npz"), row(2, 3), array{"attention_mask", []int{1}, []float64{1}})), []string{"attention_mask"}},
		{"unwritable", append(hidden, writeNpz(t, filepath.Join(dir, "ok.npz"), row(2, 3)), "-o", filepath.Join(dir, "no", "out.npz")), []string{"no folder", "no; create it first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			args := append([]string{"run"}, c.args...)
			if slices.Contains(c.args, "hidden") && c.name != "unwritable" {
				args = append(args, "-o", filepath.Join(out, "out.npz"))
			}
			o := command(args...)
			wantFailure(t, o, exitFailed, c.words...)
			wantNoFiles(t, out)
		})
	}
}

func TestCtrlCWhileANetworkRunsLeavesNothing(t *testing.T) {
	out := t.TempDir()
	file := write(t, t.TempDir(), "texts", strings.Repeat("And it came to pass in those days that the people went up\n", 3000))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	o := commandWith(ctx, nil, "run", "--task", "embed", "--file", file, "-o", filepath.Join(out, "out.npz"))
	wantFailure(t, o, exitInterrupted, "interrupted")
	wantNoFiles(t, out)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	wantFailure(t, commandWith(ctx, waiting{cancel}, "run"), exitInterrupted, "interrupted")
}
