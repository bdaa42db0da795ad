package task

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
)

// Classification says what to tell apart, and how.
type Classification struct {
	// Top is how many labels to name for each file, all that there are at most.
	Top int
	// Open opens a file.
	Open func(name string) (io.ReadCloser, error)
	// Each, unless nil, is called for every file once its batch is done, in order.
	// An error of it ends the work.
	Each func(Classified) error
}

// Classified is a file and its labels.
type Classified struct {
	File   string  `json:"file"`
	Labels []Label `json:"labels,omitempty"` // the likeliest first
	// Err says why there are none.
	Err error `json:"-"`
}

// Label is one of the labels that a model tells apart.
type Label struct {
	ID          int     `json:"id"`
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// Classify names the likeliest labels of files with pictures or sounds. A file
// that cannot be read does not keep others from being classified. Probabilities
// sum to 1 over all labels; those of a model that was trained for several labels
// at a time (problem_type multi_label_classification) are each by itself.
func Classify(ctx context.Context, n *network.Network, files []string, c Classification, o Options) ([]Classified, error) {
	m := n.Model
	config := m.Config()
	switch {
	case config.Input == model.Tokens:
		return nil, fmt.Errorf("classify: %s reads texts, not pictures or sounds; use a model of images (ViT, DeiT) or sounds (AST)", m.Name())
	case !m.HasClassifier():
		return nil, fmt.Errorf("classify: %s has no classifier; take a checkpoint that was saved with one (in Python: %s), or use the task hidden", m.Name(), classes(config.Input))
	case config.Problem == "regression":
		return nil, fmt.Errorf("classify: %s was trained for regression (problem_type in config.json) and tells no labels apart; use the task hidden for its logits", m.Name())
	case c.Top < 1:
		return nil, fmt.Errorf("classify: %d labels for each file; ask for at least 1", c.Top)
	}
	out := make([]Classified, len(files))
	for i, name := range files {
		out[i].File = name
	}
	done := 0
	lengths := slices.Repeat([]int{config.Positions}, len(files))
	err := o.batches(ctx, lengths, func(lo, hi int) error {
		if err := classify(ctx, n, out[lo:hi], &c, &o); err != nil {
			return err
		}
		done = hi
		if c.Each == nil {
			return nil
		}
		for _, one := range out[lo:hi] {
			if err := c.Each(one); err != nil {
				return err
			}
		}
		return nil
	})
	return out[:done], err
}

// classes names the class of transformers whose checkpoints have a classifier.
func classes(i model.Input) string {
	if i == model.Pixels {
		return "AutoModelForImageClassification"
	}
	return "AutoModelForAudioClassification"
}

// classify fills in one batch.
func classify(ctx context.Context, n *network.Network, files []Classified, c *Classification, o *Options) error {
	m := n.Model
	config := m.Config()
	inputs := make([]model.Values, len(files))
	o.Work.Pool().For(len(files), func(_, i int) {
		if ctx.Err() == nil {
			inputs[i], files[i].Err = n.Preprocessor.Open(files[i].File, c.Open)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	values := model.Values{Shape: append([]int{0}, config.ValuesShape()...)}
	var read []int // those of the files that could be
	for i := range files {
		if files[i].Err == nil {
			read = append(read, i)
			values.Data = append(values.Data, inputs[i].Data...)
		}
	}
	if len(read) == 0 {
		return nil
	}
	values.Shape[0] = len(read)
	b, err := m.BatchOf(values)
	if err != nil {
		return err
	}
	states, err := m.Forward(ctx, b, model.Run{Heads: o.Heads, Work: o.Work})
	if err != nil {
		return err
	}
	logits := m.Classify(states, b.Sequences, o.Work.Pool())
	for row, i := range read {
		if x, ok := finite(logits.SliceRows(row, row+1)); !ok {
			files[i].Err = notFinite(x)
			continue
		}
		files[i].Labels = labels(logits.Row(row), &config, c.Top)
	}
	return nil
}

// labels returns the top labels. Of equal ones, the lower id comes first.
func labels(logits []float32, c *model.Config, top int) []Label {
	largest := float64(slices.Max(logits))
	p, sum := make([]float64, len(logits)), 0.0
	out := make([]Label, len(logits))
	for i, l := range logits {
		p[i] = math.Exp(float64(l) - largest)
		sum += p[i]
		out[i] = Label{ID: i, Label: c.Labels[i]}
	}
	alone := c.Problem == "multi_label_classification" || len(logits) == 1
	for i := range out {
		if out[i].Probability = p[i] / sum; alone {
			out[i].Probability = 1 / (1 + math.Exp(-float64(logits[i])))
		}
	}
	slices.SortStableFunc(out, func(a, b Label) int { return cmp.Compare(logits[b.ID], logits[a.ID]) })
	return out[:min(top, len(out))]
}
