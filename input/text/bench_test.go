package text

import (
	"os"
	"strings"
	"testing"
)

const (
	english = "The astrocyte wraps the synapse, and its calcium counts what the neurons said; memories add. "
	mixed   = "Größere Straßen führen über die Brücke. Быстрая чайка летит. 東京は今日も雨です。 नमस्ते दुनिया! 👋🏽 "
)

func BenchmarkEncode(b *testing.B) {
	tk := open(b, "testdata/uncased")
	for _, c := range []struct{ name, text string }{
		{"sentence", english},
		{"english 100 kB", strings.Repeat(english, 1000)},
		{"mixed scripts 100 kB", strings.Repeat(mixed, 500)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				tk.Encode(c.text)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		open(b, "testdata/uncased")
	}
}

// A megabyte by every kind of subword tokenizer; GPT-2's own vocabulary if
// TRIPARTITE_GPT2 names its folder.
func BenchmarkSubwords(b *testing.B) {
	tokenizers := map[string]*Tokenizer{}
	names := []string{"bpe/gpt2", "bpe/bloom", "bpe/llama2", "unigram/albert", "unigram/t5", "unigram/whole"}
	for _, name := range names {
		tokenizers[name] = subwordTokenizer(b, name)
	}
	if path := os.Getenv("TRIPARTITE_GPT2"); path != "" {
		names = append(names, "GPT-2")
		tokenizers["GPT-2"] = open(b, path)
	}
	text := strings.Repeat(english+mixed, 1<<20/len(english+mixed))
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			n := 0
			for b.Loop() {
				n = len(tokenizers[name].Encode(text))
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
