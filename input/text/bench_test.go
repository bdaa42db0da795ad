package text

import (
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
