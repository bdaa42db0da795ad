package network

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

const pictures = "../input/image/testdata/"

func openFile(name string) (io.ReadCloser, error) { return os.Open(name) }

func TestInputsBecomeBatches(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	load := func(folder string) *Network {
		n, err := Load(os.DirFS(folder), "the model")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	vit := load("../task/testdata/vit")
	files := []string{pictures + "text.png", pictures + "rings.png", pictures + "grey.png"}
	p, err := vit.Prepare(Inputs{Files: files, Open: openFile})
	if err != nil {
		t.Fatal(err)
	}
	positions := vit.Model.Config().Positions
	if !slices.Equal(p.Lengths(), []int{positions, positions, positions}) {
		t.Errorf("lengths %v, want %d each", p.Lengths(), positions)
	}
	b, err := p.Batch(t.Context(), []int{2, 0}, pool)
	if err != nil || b.Sequences.Len() != 2 {
		t.Fatal(b.Sequences.Len(), err)
	}
	for row, name := range []string{files[2], files[0]} {
		x, err := vit.Preprocessor.Open(name, openFile)
		if err != nil || !slices.Equal(x.Data, b.Values.Row(row)) {
			t.Errorf("row %d is not %s (%v)", row, name, err)
		}
	}
	gpt2 := load("../task/testdata/gpt2")
	texts := []string{"In the beginning", "God"}
	if p, err = gpt2.Prepare(Inputs{Texts: texts, What: "text"}); err != nil {
		t.Fatal(err)
	}
	if b, err = p.Batch(t.Context(), []int{1}, pool); err != nil || !slices.Equal(b.IDs, gpt2.Tokenizer.Encode(texts[1])) || p.Lengths()[1] != len(b.IDs) {
		t.Errorf("%v, %v", b.IDs, err)
	}

	for name, c := range map[string]struct {
		n    *Network
		in   Inputs
		want []string
	}{
		"texts for ViT":   {vit, Inputs{Texts: texts}, []string{"reads pixel_values, not texts"}},
		"files for GPT-2": {gpt2, Inputs{Files: files}, []string{"reads texts, not files such as", "text.png"}},
		"an empty text":   {gpt2, Inputs{Texts: []string{"a", " "}, What: "poem"}, []string{"poem 2 is empty"}},
	} {
		if _, err := c.n.Prepare(c.in); !hasAll(err, c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if p, err = vit.Prepare(Inputs{Files: []string{files[0], "nosuch.png"}, Open: openFile}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Batch(t.Context(), []int{0, 1}, pool); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "nosuch.png: ") {
		t.Errorf("a file that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Batch(ctx, []int{0}, pool); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func hasAll(err error, words []string) bool {
	return err != nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(err.Error(), w) })
}

func TestPartsAndSpreads(t *testing.T) {
	for _, c := range []struct {
		lengths []int
		limit   int
		want    [][2]int
	}{
		{nil, 5, nil},
		{[]int{2, 3, 4}, 5, [][2]int{{0, 2}, {2, 3}}},
		{[]int{9, 1}, 5, [][2]int{{0, 1}, {1, 2}}},
		{[]int{1, 1, 1}, 5, [][2]int{{0, 3}}},
	} {
		if got := Parts(c.lengths, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("parts of %v at most %d long: %v, want %v", c.lengths, c.limit, got, c.want)
		}
	}
	for _, c := range []struct {
		lengths     []int
		limit       int
		want        []int
		description string
	}{
		{[]int{5, 5, 5}, 15, []int{0, 1, 2}, "all that fit"},
		{slices.Repeat([]int{5}, 10), 25, []int{0, 2, 4, 6, 8}, "every second"},
		{[]int{50, 50}, 10, []int{0}, "at least one"},
		{nil, 10, []int{}, "nothing"},
	} {
		if got := Spread(c.lengths, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.description, got, c.want)
		}
	}
}

// What is seen of a picture is its brightness, however the model wants it; of a
// sound, frequency goes up.
func TestWhatIsSeenOfAnInput(t *testing.T) {
	vit, err := Load(os.DirFS("../task/testdata/vit"), "vit")
	if err != nil {
		t.Fatal(err)
	}
	x, err := vit.Preprocessor.Open(pictures+"rings.png", openFile)
	if err != nil {
		t.Fatal(err)
	}
	seen := vit.Preprocessor.Seen(x.Data)
	if len(seen) != len(x.Data) || !(slices.Min(seen) >= 0 && slices.Max(seen) <= 1) || slices.Max(seen) == slices.Min(seen) {
		t.Errorf("brightness from %v to %v", slices.Min(seen), slices.Max(seen))
	}
	ast, err := Load(os.DirFS("../task/testdata/ast"), "ast")
	if err != nil {
		t.Fatal(err)
	}
	if x, err = ast.Preprocessor.Open("../input/audio/testdata/tone.wav", openFile); err != nil {
		t.Fatal(err)
	}
	frames, bins := x.Shape[0], x.Shape[1]
	seen = ast.Preprocessor.Seen(x.Data)
	for f := range frames {
		for b := range bins {
			if seen[b*frames+f] != x.Data[f*bins+b] {
				t.Fatalf("bin %d of frame %d is %v, want %v", b, f, seen[b*frames+f], x.Data[f*bins+b])
			}
		}
	}
}

func TestOfManyPicturesSomeCalibrate(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	vit, err := Load(os.DirFS("../task/testdata/vit"), "vit")
	if err != nil {
		t.Fatal(err)
	}
	positions := vit.Model.Config().Positions
	many := calibrationTokens/positions + 20
	in := Inputs{Files: slices.Repeat([]string{pictures + "dot.png"}, many), Open: openFile}
	b, n, err := vit.CalibrationBatch(t.Context(), in, pool)
	if err != nil || n >= many || n != b.Sequences.Len() || b.Tokens() > calibrationTokens {
		t.Errorf("%d of %d pictures, %d tokens, %v", n, many, b.Tokens(), err)
	}
}
