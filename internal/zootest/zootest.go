// Package zootest is what the tests of the bundled models have in common: reading
// what scripts wrote, running a model, and comparing with the reference and the card.
package zootest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Read reads a JSON file.
func Read(t *testing.T, files fs.FS, name string, into any) {
	t.Helper()
	data, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Load loads a bundled model.
func Load(t *testing.T, files fs.FS, name string) *model.Model {
	t.Helper()
	m, err := model.Load(files, name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Run is a run of exact attention on two threads, which end with the test.
func Run(t *testing.T) model.Run {
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	return model.Run{Work: nn.NewWorkspace(pool)}
}

// Classify returns the logits [n, labels] of pictures or sounds, of which values has
// one after another.
func Classify(t *testing.T, m *model.Model, run model.Run, values model.Values) tensor.Matrix {
	t.Helper()
	batch, err := m.BatchOf(values)
	if err != nil {
		t.Fatal(err)
	}
	states, err := m.Forward(t.Context(), batch, run)
	if err != nil {
		t.Fatal(err)
	}
	return m.Classify(states, batch.Sequences, run.Work.Pool())
}

// Logits compares logits with the reference, within 2e-4 of max(1, |reference|) as
// for every checkpoint. Names are those of labels; nil where tokens have numbers.
func Logits(t *testing.T, what string, names []string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) || names != nil && len(names) != len(want) {
		t.Fatalf("%s: %d logits of %d names, want %d", what, len(got), len(names), len(want))
	}
	for i, w := range want {
		if math.Abs(float64(got[i])-w) <= 2e-4*max(1, math.Abs(w)) {
			continue
		}
		name := fmt.Sprint(i)
		if names != nil {
			name = names[i]
		}
		t.Errorf("%s: logit of %s is %v, want %v", what, name, got[i], w)
	}
}

// Card is the model card beside a test.
type Card struct {
	t    *testing.T
	text string
}

// ReadCard reads README.md.
func ReadCard(t *testing.T) Card {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return Card{t, string(text)}
}

// Says fails unless the card says what fmt.Sprintf makes of the arguments.
func (c Card) Says(format string, args ...any) {
	c.t.Helper()
	if want := fmt.Sprintf(format, args...); !strings.Contains(c.text, want) {
		c.t.Errorf("the card does not say %q", want)
	}
}

// Norms fails unless the card has a row of mean |q+k|² for every layer, a column for
// every head.
func (c Card) Norms(norms [][]float64) {
	c.t.Helper()
	if len(norms) == 0 {
		c.t.Error("there are no norms to compare with")
	}
	for layer, heads := range norms {
		row := fmt.Sprintf("| %d |", layer)
		for _, v := range heads {
			row += fmt.Sprintf(" %.1f |", v)
		}
		c.Says("%s", row)
	}
}
