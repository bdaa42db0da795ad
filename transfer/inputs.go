package transfer

import (
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// How many tokens are held at a time.
const (
	// headTokens is about how many tokens heads are compared on, since what every
	// head received is kept.
	headTokens = 2048
	// partTokens is how many tokens go through the three networks at a time, so
	// that there may be more inputs than memory holds.
	partTokens = 2048
)

// read looks at the inputs, reads those that heads are compared on and those to
// calibrate on, and fills in what the report says of model and input.
func (r *run) read() error {
	var err error
	net, pool := r.cfg.Network, r.cfg.Pool
	if r.inputs, err = net.Prepare(named(r.cfg.Inputs, "text")); err != nil {
		return err
	}
	r.compared = network.Spread(r.inputs.Lengths(), headTokens)
	if r.batch, err = r.inputs.Batch(r.ctx, r.compared, pool); err != nil {
		return err
	}
	calibrated := 0
	if r.cfg.Calibration.Len() > 0 {
		r.calibration, calibrated, err = net.CalibrationBatch(r.ctx, named(r.cfg.Calibration, "calibration text"), pool)
		if err != nil {
			return err
		}
	}
	total := 0
	for _, n := range r.inputs.Lengths() {
		total += n
	}
	c := net.Model.Config()
	r.report = Report{
		Schema: Schema, Program: r.cfg.Program, Kernel: tensor.Kernel(),
		Arithmetic: net.Model.Precision().Arithmetic(),
		Config: Resolved{
			Seed: r.cfg.Seed, Generator: tuning.Generator, Attention: r.cfg.Selection.String(),
			Tuning: r.cfg.Tuning, Draw: string(r.cfg.Draw), Neurons: r.cfg.Neurons, Error: r.cfg.Error,
			Estimator: r.cfg.Tuning == network.Calibrated || tuning.Map(r.cfg.Tuning).Estimates(),
		},
		Model: Model{
			Name: net.Model.Name(), Architecture: c.Architecture, Causal: c.Causal, ALiBi: net.Model.Slope(0) != 0,
			Layers: net.Model.Layers(), Heads: net.Model.Heads(),
			HeadWidth: net.Model.HeadWidth(), Width: net.Model.Width(), Parameters: net.Model.Parameters(),
		},
		Input: Input{
			Kind: kind(c.Input), Texts: r.cfg.Inputs.Len(), Tokens: total,
			HeadTexts: len(r.compared), HeadTokens: r.batch.Tokens(),
			CalibrationTexts: calibrated, CalibrationTokens: r.calibration.Tokens(),
		},
	}
	if r.cfg.Error > 0 {
		r.report.Config.Neurons = 0
	}
	if r.cfg.Selection.Uses(attention.KindRate) {
		r.report.Config.Dynamics = r.cfg.Dynamics
	}
	if f := r.cfg.Fitted; f != nil {
		c := &r.report.Config
		c.Draw, c.Neurons, c.Curves = "", 0, f.Fingerprint()
	}
	return nil
}

// named gives inputs a name for errors, unless they have one.
func named(in network.Inputs, what string) network.Inputs {
	if in.What == "" {
		in.What = what
	}
	return in
}

func kind(i model.Input) string {
	return [...]string{model.Tokens: Texts, model.Pixels: Pictures, model.Spectrogram: Sounds}[i]
}

// tokenName names token t of a sequence for a reader: as the tokenizer spells it,
// or by the row and the column of a patch.
func (r *run) tokenName(b *model.Batch, row, position int) string {
	if t := r.cfg.Network.Tokenizer; t != nil {
		return t.Token(b.IDs[row])
	}
	c := r.cfg.Network.Model.Config()
	_, cols := c.Grid.Patches()
	switch patch := position - leading(&c); {
	case patch >= 0:
		return fmt.Sprintf("patch %d,%d", patch/cols, patch%cols)
	case position == 0:
		return "class"
	default:
		return "distillation"
	}
}

// leading returns how many tokens stand before the patches of a picture or sound.
func leading(c *model.Config) int {
	rows, cols := c.Grid.Patches()
	return c.Positions - rows*cols
}

// subset returns some of the sequences of a batch.
func subset(b model.Batch, which []int) model.Batch {
	if b.Values.Rows == 0 {
		ids := make([][]int, len(which))
		for i, w := range which {
			lo, hi := b.Sequences.Bounds(w)
			ids[i] = b.IDs[lo:hi]
		}
		return model.NewBatch(ids...)
	}
	lengths := make([]int, len(which))
	values := tensor.New(len(which), b.Values.Cols)
	for i, w := range which {
		lo, hi := b.Sequences.Bounds(w)
		lengths[i] = hi - lo
		copy(values.Row(i), b.Values.Row(w))
	}
	return model.Batch{Sequences: tensor.NewSequences(lengths...), Values: values}
}

// lengths returns those of the sequences.
func lengths(s tensor.Sequences) []int {
	out := make([]int, s.Len())
	for i := range out {
		lo, hi := s.Bounds(i)
		out[i] = hi - lo
	}
	return out
}
