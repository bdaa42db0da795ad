package figure_test

import (
	"bytes"
	"fmt"
	"log"
	"strings"

	"github.com/tripartite-go/tripartite/figure"
)

// A figure is written to anything that takes bytes, here to a buffer.
func ExampleCircuit() {
	f := figure.Circuit()
	var b bytes.Buffer
	if err := f.SVG(&b); err != nil {
		log.Fatal(err)
	}
	width, height := f.Size()
	fmt.Printf("%g mm by %g mm\n", width, height)
	about, _, _ := strings.Cut(f.Description(), ". ")
	fmt.Println(about)
	fmt.Println(strings.HasPrefix(b.String(), "<svg "))
	// Output:
	// 178 mm by 62 mm
	// A circuit of hidden neurons, output neurons and one astrocyte that wraps all synapses between them
	// true
}
