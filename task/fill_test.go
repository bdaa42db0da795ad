package task

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// masked returns a folder whose vocabulary makes row 1 of the case's reference a
// text: "[MASK] w.. w.." reads as those ids, the mask being token 1.
func masked(t *testing.T, name string) (n Filled, files map[string]string, row, width int) {
	t.Helper()
	const text = 1 // a row of one segment
	ids := ints(t, name+"/reference.safetensors", "input_ids")
	mask := ints(t, name+"/reference.safetensors", "attention_mask")
	width = ids.Shape[1]
	vocabulary := make([]string, 64)
	for i := range vocabulary {
		vocabulary[i] = fmt.Sprintf("w%d", i)
	}
	vocabulary[0], vocabulary[1], vocabulary[2], vocabulary[3] = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
	var words []string
	for j := range width {
		at := text*width + j
		id := ids.Data[at]
		if mask.Data[at] == 0 || id == 2 || id == 3 {
			continue
		}
		if len(words) == 0 {
			vocabulary[id] = "[MASK]"
		}
		words = append(words, vocabulary[id])
	}
	if len(words) < 2 {
		t.Fatalf("the reference's text is %q", words)
	}
	return Filled{Text: strings.Join(words, " ")}, map[string]string{"vocab.txt": strings.Join(vocabulary, "\n") + "\n"}, text, width
}

func TestWordsAreThoseOfTransformers(t *testing.T) {
	for _, name := range []string{"bert-masked-lm", "albert-masked-lm"} {
		want, files, row, width := masked(t, name)
		n := load(t, with(t, name, files))
		got, err := Fill(t.Context(), n, []string{want.Text}, 5, options(t))
		if err != nil {
			t.Fatal(err)
		}
		all, shape := floats(t, name+"/reference.safetensors", "logits")
		vocabulary := shape[2]
		logits := all[(row*width+1)*vocabulary : (row*width+2)*vocabulary]
		order := make([]int, vocabulary)
		sum := 0.0
		for i := range order {
			order[i] = i
			sum += math.Exp(float64(logits[i]))
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
		masks := strings.Count(want.Text, "[MASK]")
		if len(got) != 1 || len(got[0].Places) != masks || got[0].Places[0].Position != 1 || len(got[0].Places[0].Words) != 5 {
			t.Fatalf("%s: %+v", name, got)
		}
		for i, w := range got[0].Places[0].Words {
			p := math.Exp(float64(logits[order[i]])) / sum
			if w.ID != order[i] || w.Token != n.Tokenizer.Token(order[i]) || !(math.Abs(w.Probability-p) < 1e-4) {
				t.Errorf("%s: word %d is %+v, want %d with probability %.4f", name, i, w, order[i], p)
			}
		}
	}
}

func TestEveryMaskIsFilled(t *testing.T) {
	text, files, _, _ := masked(t, "bert-masked-lm")
	n := load(t, with(t, "bert-masked-lm", files))
	texts := []string{"w10 [MASK] w20 [MASK]", text.Text}
	got, err := Fill(t.Context(), n, texts, 64, options(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(got[0].Places) != 2 || got[0].Places[0].Position != 2 || got[0].Places[1].Position != 4 {
		t.Errorf("%+v", got[0].Places)
	}
	for _, f := range got {
		for _, p := range f.Places {
			sum := 0.0
			for i, w := range p.Words {
				sum += w.Probability
				if i > 0 && w.Probability > p.Words[i-1].Probability {
					t.Errorf("%q: word %d is likelier than the one before", f.Text, i)
				}
			}
			if !(math.Abs(sum-1) < 1e-9) {
				t.Errorf("%q: all words together have probability %v", f.Text, sum)
			}
		}
	}
}

func TestTextsThatCannotBeFilled(t *testing.T) {
	_, files, _, _ := masked(t, "bert-masked-lm")
	n := load(t, with(t, "bert-masked-lm", files))
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"no mask": {"w10 w11", []string{"text 2", `"w10 w11"`, "write [MASK] where"}},
		"empty":   {"", []string{"text 2 is empty"}},
		"long":    {"[MASK]" + strings.Repeat(" w10", 30), []string{"text 2", "33 tokens", "positions for 20", "shorten"}},
	} {
		_, err := Fill(t.Context(), n, []string{"[MASK]", c.text}, 3, options(t))
		says(t, name, err, c.want...)
	}
	for _, top := range []int{0, -1, 65} {
		_, err := Fill(t.Context(), n, []string{"[MASK]"}, top, options(t))
		says(t, "top", err, "1 to 64")
	}
	_, err := Fill(t.Context(), load(t, folder("sentence-mean")), []string{"[MASK]"}, 3, options(t))
	says(t, "no head", err, "no masked-language-model head", "AutoModelForMaskedLM")

	bare := strings.Replace(files["vocab.txt"], "[MASK]", "w99", 1)
	_, err = Fill(t.Context(), load(t, with(t, "bert-masked-lm", map[string]string{"vocab.txt": bare})), []string{"w10"}, 3, options(t))
	says(t, "no mask token", err, "no mask token")
}
