package answers

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tuning"
	"github.com/tripartite-go/tripartite/zoo/causal"
	"github.com/tripartite-go/tripartite/zoo/language"
	"github.com/tripartite-go/tripartite/zoo/vision"
)

func TestPurposeIsWhatAModelIsFor(t *testing.T) {
	for want, load := range map[string]func() (*network.Network, error){
		Fill:     func() (*network.Network, error) { return network.Load(language.Files(), language.Name) },
		Next:     func() (*network.Network, error) { return network.Load(causal.Files(), causal.Name) },
		Classify: func() (*network.Network, error) { return network.Load(vision.Files(), vision.Name) },
	} {
		n, err := load()
		if err != nil {
			t.Fatal(err)
		}
		if got := Purpose(n); got != want {
			t.Errorf("%s is for %q, want %q", n.Model.Name(), got, want)
		}
	}
}

// Every text loses some of its words and none of its special tokens, and the texts that
// were given stay as they are.
func TestMasksTakeWordsOfEveryText(t *testing.T) {
	const mask, special = 4, 2
	b := model.NewBatch([]int{special, 10, 11, special}, []int{special, special}, []int{20, 21, 22, 23, 24, 25, 26, 27, 28, 29})
	masked, rows := MaskTokens(b, mask, func(id int) bool { return id == special }, tuning.NewRand(1))
	var inText [3]int
	for _, row := range rows {
		if masked.IDs[row] != mask || b.IDs[row] == mask || b.IDs[row] == special {
			t.Errorf("row %d was %d and is %d", row, b.IDs[row], masked.IDs[row])
		}
		for i := range inText {
			if lo, hi := b.Sequences.Bounds(i); row >= lo && row < hi {
				inText[i]++
			}
		}
	}
	if inText != [3]int{1, 0, 2} {
		t.Errorf("masked words of the texts: %v, want 1, none of special tokens alone, and 2", inText)
	}
	again, _ := MaskTokens(b, mask, func(id int) bool { return id == special }, tuning.NewRand(1))
	for i := range again.IDs {
		if again.IDs[i] != masked.IDs[i] {
			t.Fatal("one seed masks different words")
		}
	}
}

func TestProbabilitiesAreThoseOfSoftmax(t *testing.T) {
	logits := []float32{1000, 1001, 998}
	sum := 0.0
	for i := range logits {
		sum += math.Exp(LogProbability(logits, i))
	}
	if !(math.Abs(sum-1) < 1e-12) || !(math.Abs(LogProbability(logits, 1)-LogProbability(logits, 2)-3) < 1e-12) || Likeliest(logits) != 1 {
		t.Errorf("probabilities sum to %v, the likeliest is %d", sum, Likeliest(logits))
	}
}
