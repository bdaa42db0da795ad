package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// What --precision asks for and what was computed is in the result; without AMX,
// the note says why and the numbers are those of float32.
func TestRunInFastPrecision(t *testing.T) {
	embed := func(precision string) (r runResult, stderr string) {
		o := must(t, "run", "--task", "embed", "--text", "In the beginning God created the heaven and the earth.", "--precision", precision, "--json")
		if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
			t.Fatal(err)
		}
		return r, o.stderr
	}
	exact, stderr := embed("float32")
	if exact.Arithmetic != tensor.Float32.Arithmetic() || strings.Contains(stderr, "--precision") {
		t.Errorf("float32 is %+v: %s", exact.Arithmetic, stderr)
	}
	fast, stderr := embed("fast")
	if fast.Arithmetic != tensor.Fast.Arithmetic() || (fast.Reason != "") != strings.Contains(stderr, "--precision fast") {
		t.Errorf("fast is %+v: %s", fast.Arithmetic, stderr)
	}
	same := true
	for i, x := range exact.Embeddings.Embeddings[0] {
		y := fast.Embeddings.Embeddings[0][i]
		if e := math.Abs(float64(x - y)); !(e <= 2e-5) { // of a unit vector
			t.Fatalf("element %d is %v, in float32 %v", i, y, x)
		}
		same = same && x == y
	}
	if same != (fast.Reason != "") {
		t.Errorf("products by %s gave the same bytes: %v", fast.Products, same)
	}
}

func TestUnknownPrecisionsAreRefused(t *testing.T) {
	for _, name := range []string{"run", "transfer", "bench"} {
		wantFailure(t, command(name, "--precision", "half"), exitUsage, "--precision", "float32, fast")
	}
}
