package task

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// continuation is one prompt and how transformers goes on; see
// tools/ref/answers.py.
type continuation struct {
	Prompt    string `json:"prompt"`
	PromptIDs []int  `json:"prompt_ids"`
	IDs       []int  `json:"ids"`
	Finish    Finish `json:"finish"`
}

func answers[T any](t testing.TB, name string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	if err := json.Unmarshal(data, &all); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d answers, %v", name, len(all), err)
	}
	return all
}

// writes loads a causal model and its end tokens.
func writes(t testing.TB, name string) (*network.Network, Generation) {
	t.Helper()
	files := os.DirFS(filepath.Join("testdata", name))
	n := load(t, files)
	ends, err := EndTokens(files, n.Tokenizer)
	if err != nil || len(ends) == 0 {
		t.Fatalf("%s: end tokens %v, %v", name, ends, err)
	}
	return n, Generation{MaxTokens: 50, Ends: ends}
}

func memories(t testing.TB, n *network.Network) [][]attention.Head {
	t.Helper()
	kind, err := attention.ParseSelection("algebraic")
	if err != nil {
		t.Fatal(err)
	}
	c, err := network.Build(n.Model, network.Options{
		Selection: kind, Tuning: string(tuning.Exp), Draw: tuning.Orthogonal, Seed: 1, Neurons: func(int, int) int { return 32 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Heads()
}

func TestGreedyTextsAreThoseOfTransformers(t *testing.T) {
	finished := map[Finish]int{}
	longest := 0
	for _, name := range []string{"gpt2", "gpt2-ends", "bloom", "bloom-ends"} {
		n, g := writes(t, name)
		want := answers[continuation](t, name)
		var prompts []string
		for _, w := range want {
			prompts = append(prompts, w.Prompt)
		}
		got, err := Generate(t.Context(), n, prompts, g, options(t))
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			one := got[i]
			if one.Prompt != w.Prompt || !slices.Equal(one.PromptIDs, w.PromptIDs) || !slices.Equal(one.IDs, w.IDs) || one.Finish != w.Finish {
				t.Errorf("%s, %q:\n%v, %s, want\n%v, %s", name, w.Prompt, one.IDs, one.Finish, w.IDs, w.Finish)
			}
			written := one.IDs
			if one.Finish == FinishEnd {
				written = written[:len(written)-1]
			}
			if all := n.Tokenizer.Decode(append(slices.Clone(one.PromptIDs), written...)); w.Prompt+one.Text != all {
				t.Errorf("%s: pieces make %q, all at once %q", name, w.Prompt+one.Text, all)
			}
			finished[one.Finish]++
			longest = max(longest, len(one.IDs))
		}
	}
	if longest != 50 || finished[FinishEnd] < 5 || finished[FinishLength] < 5 || finished[FinishPositions] == 0 {
		t.Errorf("the longest has %d tokens; texts ended %v", longest, finished)
	}
}

func TestAPromptDoesNotChangeTheOthers(t *testing.T) {
	n, g := writes(t, "bloom")
	g.Sampling = Sampling{Temperature: 1, Seed: 5}
	prompts := []string{"In the beginning", strings.Repeat("long ", 100), " a"}
	all, err := Generate(t.Context(), n, prompts, g, options(t))
	if err != nil {
		t.Fatal(err)
	}
	prompts[1] = "other"
	again, err := Generate(t.Context(), n, prompts, g, options(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if !slices.Equal(all[i].IDs, again[i].IDs) {
			t.Errorf("text %d: %v beside one prompt, %v beside another", i, all[i].IDs, again[i].IDs)
		}
	}
}

func TestOneSeedGivesOneTextForAnyNumberOfThreads(t *testing.T) {
	n, g := writes(t, "gpt2")
	g.Sampling = Sampling{Temperature: 1.2, TopK: 50, TopP: 0.95, Seed: 3}
	text := func(threads int) string {
		pool := tensor.NewPool(threads)
		defer pool.Close()
		out, err := Generate(t.Context(), n, []string{"In the beginning"}, g, Options{Work: nn.NewWorkspace(pool)})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Text
	}
	want := text(1)
	for _, threads := range []int{1, 2, 3} {
		if got := text(threads); got != want {
			t.Errorf("%d threads: %q, want %q", threads, got, want)
		}
	}
	if g.Seed = 4; text(1) == want {
		t.Error("another seed gives the same text")
	}
}

func TestCircuitsCarryMemoriesAlone(t *testing.T) {
	n, g := writes(t, "bloom")
	g.Ends = nil
	o := options(t)
	o.Heads = memories(t, n)
	bytes := map[int]bool{}
	for _, tokens := range []int{1, 50, 400} {
		g.MaxTokens = tokens
		out, err := Generate(t.Context(), n, []string{" a", strings.Repeat("In the beginning ", 40)}, g, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range out {
			bytes[one.BytesAfterPrompt], bytes[one.BytesAtEnd] = true, true
		}
	}
	if len(bytes) != 1 || bytes[0] {
		t.Errorf("circuits carry %v bytes", bytes)
	}
	o.Heads = nil
	out, err := Generate(t.Context(), n, []string{" a"}, g, o)
	if err != nil {
		t.Fatal(err)
	}
	if one := out[0]; one.BytesAtEnd <= one.BytesAfterPrompt {
		t.Errorf("exact heads carry %d bytes after the prompt and %d at the end", one.BytesAfterPrompt, one.BytesAtEnd)
	}
}

func TestPiecesAreWholeCharacters(t *testing.T) {
	n, _ := writes(t, "bloom")
	for _, s := range []string{"a é 神 🙂 b", "🙂🙂", "the beginning", "\ufffd.", "é\xf0\x9f", ""} {
		for _, prompt := range []string{"In", "🙂", " "} {
			p := newPieces(n.Tokenizer, n.Tokenizer.Encode(prompt))
			var all strings.Builder
			for _, id := range n.Tokenizer.Encode(s) {
				piece := p.add(id)
				if !utf8.ValidString(piece) || strings.HasSuffix(piece, "\ufffd") {
					t.Errorf("%q: piece %q", s, piece)
				}
				all.WriteString(piece)
			}
			all.WriteString(p.rest())
			if want := n.Tokenizer.Decode(n.Tokenizer.Encode(s)); all.String() != want {
				t.Errorf("after %q: %q, want %q", prompt, all.String(), want)
			}
		}
	}
}

func TestWhatWasWrittenBeforeAnInterruptionIsThere(t *testing.T) {
	n, g := writes(t, "bloom")
	g.Ends, g.MaxTokens = nil, 1<<40
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pieces strings.Builder
	g.Stream = func(_ int, piece string) error {
		if pieces.WriteString(piece); pieces.Len() > 30 {
			cancel()
		}
		return nil
	}
	out, err := Generate(ctx, n, []string{" a", "never reached"}, g, options(t))
	if !errors.Is(err, context.Canceled) || len(out) != 1 {
		t.Fatalf("%d texts, %v", len(out), err)
	}
	if one := out[0]; one.Finish != FinishInterrupted || one.Text != pieces.String() || len(one.IDs) == 0 {
		t.Errorf("%+v, pieces %q", one, pieces.String())
	}
	failure := errors.New("no room")
	g.Stream = func(int, string) error { return failure }
	if _, err := Generate(t.Context(), n, []string{" a"}, g, options(t)); !errors.Is(err, failure) {
		t.Errorf("a stream that fails: %v", err)
	}
}

func TestWhereTextsEnd(t *testing.T) {
	n, _ := writes(t, "gpt2")
	eos := n.Tokenizer.Special().EOS
	for _, c := range []struct {
		generation, config string
		want               []int
	}{
		{`{"eos_token_id": [4, 5]}`, `{"eos_token_id": 6}`, []int{4, 5}},
		{`{"eos_token_id": 7}`, `{}`, []int{7}},
		{`{"eos_token_id": null}`, `{"eos_token_id": 6}`, []int{6}},
		{`{}`, `{"eos_token_id": null}`, []int{eos}},
		{"", `{}`, []int{eos}},
	} {
		files := fstest.MapFS{"config.json": {Data: []byte(c.config)}}
		if c.generation != "" {
			files["generation_config.json"] = &fstest.MapFile{Data: []byte(c.generation)}
		}
		if got, err := EndTokens(files, n.Tokenizer); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s, %s: %v, %v, want %v", c.generation, c.config, got, err, c.want)
		}
	}
	for _, bad := range []string{`{"eos_token_id": "x"}`, `{"eos_token_id": [1.5]}`, `{`} {
		_, err := EndTokens(fstest.MapFS{"generation_config.json": {Data: []byte(bad)}}, n.Tokenizer)
		says(t, bad, err, "generation_config.json")
	}
}

func TestTextsThatCannotGoOn(t *testing.T) {
	n, g := writes(t, "gpt2")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty": {"", []string{"text 2 is empty"}},
		"full":  {strings.Repeat("z", 64), []string{"text 2", "64 tokens", "positions for 64", "shorten", "BLOOM"}},
	} {
		_, err := Generate(t.Context(), n, []string{" a", c.text}, g, options(t))
		says(t, name, err, c.want...)
	}
	out, err := Generate(t.Context(), n, []string{strings.Repeat("z", 63)}, g, options(t))
	if err != nil || len(out[0].IDs) != 1 || out[0].Finish != FinishPositions {
		t.Errorf("a prompt that leaves one position: %+v, %v", out, err)
	}
	_, err = Generate(t.Context(), load(t, folder("sentence-mean")), []string{"a"}, g, options(t))
	says(t, "encoder", err, "generate", "is not causal", "GPT-2 or BLOOM")
	_, err = Generate(t.Context(), load(t, os.DirFS("testdata/vit")), []string{"a"}, g, options(t))
	says(t, "image", err, "generate", "pixel_values, not texts")
}
