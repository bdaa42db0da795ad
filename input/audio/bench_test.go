package audio

import (
	"bytes"
	"testing"
)

// Ten seconds, as AST hears them, at the rates of a compact disc and its own.
func BenchmarkTenSeconds(b *testing.B) {
	e, err := Parse([]byte(`{"feature_extractor_type": "ASTFeatureExtractor"}`))
	if err != nil {
		b.Fatal(err)
	}
	for name, rate := range map[string]int{"44100": 44100, "16000": 16000} {
		data := make([]byte, 10*rate*4)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		file := wavOf(pcm, 2, 16, rate, uint32(36+len(data)), uint32(len(data)), data)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := e.Read(bytes.NewReader(file)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
