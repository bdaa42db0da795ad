package main

import (
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/task"
)

// fill prints the likeliest words for every mask.
func (j *job) fill() error {
	update, end := j.e.progress("texts")
	j.opt.Progress = update
	filled, err := task.Fill(j.ctx, j.net, j.texts, j.flags.topK, j.opt)
	end()
	if err != nil {
		return err
	}
	if j.e.json {
		r := j.describe()
		r.Filled = filled
		return j.e.printJSON(r)
	}
	w := j.e.stdout
	for i, f := range filled {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, f.Text)
		for p, place := range f.Places {
			if len(f.Places) > 1 {
				fmt.Fprintf(w, "  mask %d\n", p+1)
			}
			for _, word := range place.Words {
				fmt.Fprintf(w, "  %5.1f %%  %s\n", 100*word.Probability, word.Token)
			}
		}
	}
	return nil
}

// embed computes embeddings and writes them, or says how similar the texts are.
func (j *job) embed() error {
	config := j.net.Model.Config()
	sentence, err := task.ReadSentence(j.files.files, &config)
	if err != nil {
		return fmt.Errorf("model %s: %w", j.files.name, err)
	}
	sentence.Normalize = true // so that cosines are products, for every model
	update, end := j.e.progress("texts")
	j.opt.Progress = update
	out, err := task.Embed(j.ctx, j.net, sentence, j.texts, j.opt)
	end()
	if err != nil {
		return err
	}
	for _, w := range out.Warnings() {
		j.e.warnf("%s", w)
	}
	n, d := len(out.Embeddings), len(out.Embeddings[0])
	if j.flags.output != "" {
		var flat []float32
		for _, x := range out.Embeddings {
			flat = append(flat, x...)
		}
		err := writeArrays(j.ctx, j.e, j.flags.output, func(w *npz.Writer) error {
			return w.Float32("embeddings", []int{n, d}, flat)
		})
		if err != nil || isStream(j.flags.output) {
			return err
		}
	}
	if j.e.json {
		r := j.describe()
		r.Embeddings = out
		return j.e.printJSON(r)
	}
	w := j.e.stdout
	fmt.Fprintf(w, "%s, %d numbers each (%s pooling, normalized), attention %s\n", counts.Plural(n, "text"), d, sentence.Pooling, j.heads.Attention)
	if n > 1 {
		printCosines(j, out.Embeddings)
	}
	if j.flags.output == "" {
		fmt.Fprintln(w, "(-o OUT.npz or --json gives the embeddings)")
	}
	return nil
}

// cosinesShown is how many texts fit beside one another on a line.
const cosinesShown = 10

// printCosines prints the cosines between the first texts.
func printCosines(j *job, x [][]float32) {
	shown := min(len(x), cosinesShown)
	fmt.Fprintf(j.e.stdout, "cosine between texts")
	if shown < len(x) {
		fmt.Fprintf(j.e.stdout, " (the first %d)", shown)
	}
	fmt.Fprintln(j.e.stdout)
	for a := range shown {
		fmt.Fprintf(j.e.stdout, "%4d ", a+1)
		for b := range a + 1 {
			var dot float64
			for i, v := range x[a] {
				dot += float64(v) * float64(x[b][i])
			}
			fmt.Fprintf(j.e.stdout, " %5.2f", dot)
		}
		fmt.Fprintln(j.e.stdout)
	}
}

// hidden runs arrays, or one picture or sound, and writes hidden states.
func (j *job) hidden(path string) error {
	in, err := j.inputs(path)
	if err != nil {
		return err
	}
	update, end := j.e.progress("rows")
	j.opt.Progress = update
	out, err := task.Hidden(j.ctx, j.net.Model, in, j.opt)
	end()
	if err != nil {
		return err
	}
	if npz.FirstNonFinite(out.LastHiddenState.Data) >= 0 {
		j.e.warnf("some hidden states are NaN or infinite: calcium came too close to zero; use calibrated curves, or curves that are not signed, such as exp")
	}
	result := j.describe()
	arrays := []struct {
		name string
		x    *task.Floats
	}{
		{"hidden_states", &out.HiddenStates}, {"last_hidden_state", &out.LastHiddenState},
		{"logits", out.Logits}, {"pooler_output", out.PoolerOutput},
	}
	err = writeArrays(j.ctx, j.e, j.flags.output, func(w *npz.Writer) error {
		for _, a := range arrays {
			if a.x == nil { // the model has none
				continue
			}
			if err := w.Float32(a.name, a.x.Shape, a.x.Data); err != nil {
				return err
			}
			result.Arrays = append(result.Arrays, arrayInfo{a.name, a.x.Shape})
		}
		return nil
	})
	if err != nil || isStream(j.flags.output) {
		return err
	}
	if j.e.json {
		return j.e.printJSON(result)
	}
	for _, a := range result.Arrays {
		fmt.Fprintf(j.e.stdout, "%-18s float32 %s\n", a.Name, strings.ReplaceAll(fmt.Sprint(a.Shape), " ", ","))
	}
	return nil
}
