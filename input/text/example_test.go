package text_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/tripartite-go/tripartite/input/text"
)

func ExampleTokenizer() {
	tokenizer, err := text.Open("testdata/uncased") // or a model's folder
	if err != nil {
		log.Fatal(err)
	}
	ids := tokenizer.Encode("Astrocytes listen to [MASK].")
	var tokens []string
	for _, id := range ids {
		tokens = append(tokens, tokenizer.Token(id))
	}
	fmt.Println(strings.Join(tokens, " "))
	fmt.Println(tokenizer.Decode(ids))
	// Output:
	// [CLS] astrocyte ##s l ##is ##ten to [MASK] . [SEP]
	// astrocytes listen to.
}

func ExampleEncoding_Truncate() {
	tokenizer, err := text.Open("testdata/uncased")
	if err != nil {
		log.Fatal(err)
	}
	const sentence = "Memories add: what was written first has the same weight."
	e := tokenizer.EncodeAligned(sentence)
	dropped, err := e.Truncate(6)
	if err != nil {
		log.Fatal(err)
	}
	last := e.Offsets[len(e.Offsets)-2] // before [SEP]
	fmt.Printf("%d tokens left out after %q\n", dropped, sentence[:last.To])
	// Output:
	// 11 tokens left out after "Memories add"
}
