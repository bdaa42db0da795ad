package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/tripartite-go/tripartite/fit"
	"github.com/tripartite-go/tripartite/internal/counts"
)

// printFit prints what networks keep of the exact one on validation, then the
// heads.
func printFit(w io.Writer, r *fit.Result) error {
	curves := ""
	if r.Shared {
		curves = ", one curve of a neuron for keys and queries"
	}
	fmt.Fprintf(w, "%s: %s in %s%s, seed %d\n", r.Model, counts.Plural(r.Neurons, "neuron"), counts.Plural(len(r.Heads), "head"), curves, r.Seed)
	fmt.Fprintf(w, "fitted to %s, %s; judged by %s, %s of others\n", counts.Plural(r.Corpus.Sequences, "sequence"), counts.Plural(r.Corpus.Tokens, "token"),
		counts.Plural(r.Validation.Sequences, "sequence"), counts.Plural(r.Validation.Tokens, "token"))
	fmt.Fprintf(w, "%s head by head, %s through the whole network\n\n", counts.Plural(r.HeadSteps, "step"), counts.Format(r.JointSteps))
	networks := []struct {
		name string
		*fit.Fidelity
	}{
		{"uniform attention", &r.Networks.Uniform},
		{"random (exp)", &r.Networks.Random},
		{"calibrated", &r.Networks.Calibrated},
		{"fitted head by head", &r.Networks.PerHead},
		{"fitted jointly", &r.Networks.Joint},
	}
	joint := &r.Networks.Joint
	heading := fmt.Sprintf("%-20s %8s", "cosine to exact", "hidden")
	if joint.Embedding != nil {
		heading += fmt.Sprintf(" %9s %8s %8s %8s", "embedding", "5th pct", "centred", "ranks r")
	}
	if joint.Answer != nil {
		heading += fmt.Sprintf(" %8s", "answers")
	}
	fmt.Fprintln(w, heading)
	for _, n := range networks {
		line := fmt.Sprintf("%-20s %8.4f", n.name, n.Hidden)
		if x := n.Embedding; x != nil {
			rank := "—"
			if x.Rank != nil {
				rank = fmt.Sprintf("%.4f", *x.Rank)
			}
			line += fmt.Sprintf(" %9.4f %8.4f %8.4f %8s", x.Cosine, x.P05, x.Centred, rank)
		}
		if x := n.Answer; x != nil {
			line += fmt.Sprintf(" %7.1f%%", 100*x.Agreement)
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "\n%5s %4s %7s %9s %9s %9s %9s\n", "layer", "head", "neurons", "cost", "KL alone", "KL", "ln c off")
	var layers []int
	for _, h := range r.Heads {
		for len(layers) <= h.Layer {
			layers = append(layers, 0)
		}
		layers[h.Layer] += h.Neurons
		fmt.Fprintf(w, "%5d %4d %7d %9.2g %9.3g %9.3g %9.2g\n", h.Layer, h.Head, h.Neurons, h.Cost, h.PerHeadDivergence, h.Divergence, h.LogCalciumError)
	}
	fmt.Fprintln(w, "cost: of the head's error to the output, by which neurons were divided; KL: divergence of its attention")
	fmt.Fprintln(w, "from softmax, fitted alone and in the end; ln c off: median |ln calcium - ln normalizer|")
	_, err := fmt.Fprintf(w, "neurons of each layer: %s\n", strings.Trim(fmt.Sprint(layers), "[]"))
	return err
}
