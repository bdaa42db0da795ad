package network

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
)

// Inputs are what a network is given: texts or else files, of pictures or of
// sounds, as the model reads.
type Inputs struct {
	Texts []string
	Files []string
	// Open opens a file, as often as it is asked to.
	Open func(name string) (io.ReadCloser, error)
	// What says in errors what they are: "text" or, of those to calibrate on,
	// "calibration text". Files are called by their names.
	What string
}

// Len returns how many inputs there are.
func (in *Inputs) Len() int { return max(len(in.Texts), len(in.Files)) }

// Prepared are inputs that were looked at as far as their lengths: texts as
// tokens. Files are read when their batch is asked for, so that there may be more
// of them than memory holds.
type Prepared struct {
	net     *Network
	in      Inputs
	ids     [][]int // of texts
	lengths []int   // in tokens
}

// Prepare looks at inputs. It refuses those of a kind that the model does not
// read, and a text that is empty or has more tokens than the model takes.
func (n *Network) Prepare(in Inputs) (*Prepared, error) {
	p := &Prepared{net: n, in: in, lengths: make([]int, in.Len())}
	c := n.Model.Config()
	if c.Input == model.Tokens {
		if len(in.Files) > 0 {
			return nil, fmt.Errorf("%s reads texts, not files such as %s; give texts, or use a model of images or sounds", n.Model.Name(), in.Files[0])
		}
		var err error
		p.ids, err = n.sequences(in.Texts, in.What)
		for i, ids := range p.ids {
			p.lengths[i] = len(ids)
		}
		return p, err
	}
	if len(in.Texts) > 0 {
		return nil, n.noTexts()
	}
	for i := range p.lengths {
		p.lengths[i] = c.Positions
	}
	return p, nil
}

// Lengths returns the tokens of every input.
func (p *Prepared) Lengths() []int { return p.lengths }

// Batch returns those of the inputs that which names, by number, a sequence each.
// It reports the first file that cannot be read.
func (p *Prepared) Batch(ctx context.Context, which []int, pool *tensor.Pool) (model.Batch, error) {
	if p.net.Model.Config().Input == model.Tokens {
		ids := make([][]int, len(which))
		for i, w := range which {
			ids[i] = p.ids[w]
		}
		return model.NewBatch(ids...), nil
	}
	files := make([]string, len(which))
	for i, w := range which {
		files[i] = p.in.Files[w]
	}
	return p.net.files(ctx, files, p.in.Open, pool)
}

// files reads files into a batch.
func (n *Network) files(ctx context.Context, files []string, open func(string) (io.ReadCloser, error), pool *tensor.Pool) (model.Batch, error) {
	read, errs := make([]model.Values, len(files)), make([]error, len(files))
	pool.For(len(files), func(_, i int) {
		if ctx.Err() == nil {
			read[i], errs[i] = n.Preprocessor.Open(files[i], open)
		}
	})
	if err := ctx.Err(); err != nil {
		return model.Batch{}, err
	}
	c := n.Model.Config()
	all := model.Values{Shape: append([]int{len(files)}, c.ValuesShape()...)}
	for i, x := range read {
		if errs[i] != nil {
			return model.Batch{}, fmt.Errorf("%s: %w", files[i], errs[i])
		}
		all.Data = append(all.Data, x.Data...)
	}
	return n.Model.BatchOf(all)
}

// Open opens a file and reads it.
func (p *Preprocessor) Open(name string, open func(string) (io.ReadCloser, error)) (model.Values, error) {
	f, err := open(name)
	if err != nil {
		return model.Values{}, err
	}
	defer f.Close()
	return p.Read(f)
}

// Batch encodes texts, one sequence each. It refuses a text that is empty or has
// more tokens than the model takes; what says in errors what the texts are.
func (n *Network) Batch(texts []string, what string) (model.Batch, error) {
	sequences, err := n.sequences(texts, what)
	if err != nil {
		return model.Batch{}, err
	}
	return model.NewBatch(sequences...), nil
}

func (n *Network) noTexts() error {
	return fmt.Errorf("%s reads %v, not texts; use a model of text", n.Model.Name(), n.Model.Config().Input)
}

// sequences encodes texts.
func (n *Network) sequences(texts []string, what string) ([][]int, error) {
	c := n.Model.Config()
	if n.Tokenizer == nil {
		return nil, n.noTexts()
	}
	sequences := make([][]int, len(texts))
	for i, t := range texts {
		if strings.TrimSpace(t) == "" {
			return nil, fmt.Errorf("%s %d is empty; leave it out", what, i+1)
		}
		if sequences[i] = n.Tokenizer.Encode(t); !c.Fits(len(sequences[i])) {
			return nil, fmt.Errorf("%s %d has %d tokens, %s takes at most %d; shorten or split it",
				what, i+1, len(sequences[i]), n.Model.Name(), c.Positions)
		}
	}
	return sequences, nil
}

// Parts divides inputs of the given lengths into runs of consecutive ones that
// hold at most limit tokens each, and at least one input: [lo, hi) of each run.
func Parts(lengths []int, limit int) [][2]int {
	var parts [][2]int
	for lo := 0; lo < len(lengths); {
		hi, tokens := lo+1, lengths[lo]
		for hi < len(lengths) && tokens+lengths[hi] <= limit {
			tokens += lengths[hi]
			hi++
		}
		parts = append(parts, [2]int{lo, hi})
		lo = hi
	}
	return parts
}

// Spread chooses inputs that hold about limit tokens or less, and at least one:
// all if they fit, else some that lie evenly among the others, so that a folder
// sorted by label gives some of every label. It returns their numbers.
func Spread(lengths []int, limit int) []int {
	total := 0
	for _, n := range lengths {
		total += n
	}
	n := len(lengths)
	if total > limit {
		n = max(1, int(int64(n)*int64(limit)/int64(total)))
	}
	which := make([]int, n)
	for i := range which {
		which[i] = int(int64(i) * int64(len(lengths)) / int64(n))
	}
	return which
}

// calibrationTokens bounds the tokens of images and sounds that constants are
// computed from. They are d mean values and d² covariances a head, with d around
// 64, which more tokens hardly change; queries and keys of all are held at a time.
const calibrationTokens = 1 << 15

// CalibrationBatch returns inputs to calibrate on, and how many they are: all
// texts, and of many pictures or sounds some that are spread evenly over them.
func (n *Network) CalibrationBatch(ctx context.Context, in Inputs, pool *tensor.Pool) (model.Batch, int, error) {
	p, err := n.Prepare(in)
	if err != nil {
		return model.Batch{}, 0, err
	}
	limit := calibrationTokens
	if n.Tokenizer != nil {
		limit = math.MaxInt
	}
	which := Spread(p.Lengths(), limit)
	b, err := p.Batch(ctx, which, pool)
	return b, len(which), err
}
