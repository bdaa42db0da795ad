package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

const silencingAbout = `Silence parts of the circuit: calcium, plasticity, kinetics
What single parts of the circuit are for: calcium held at its mean (the mean of
each head on other inputs, not an arbitrary 1), plasticity of H, of g or of both
blocked, so that what an earlier input left is read, calcium too slow to follow,
and half-saturation as large as mean calcium. Each is applied to all heads. It is
measured what divides the output against the softmax normalizer, and the output
against exact attention, head by head on the activations of the exact network;
then what the whole network still does.`

// SilencingConfig is the config of Silencing.
type SilencingConfig struct {
	Curves
	// Tokens is on about how many tokens heads are compared, and mean calcium is taken;
	// TaskTokens on about how many whole networks run.
	Tokens     int `json:"tokens"`
	TaskTokens int `json:"task_tokens"`
	// Present is how long a token is read, Astrocyte the time constant of slow calcium,
	// s. The default is that of IP3 in NEST's astrocyte_lr_1994
	// (0.14/s, after Wang et al. 1995).
	Present   float64 `json:"present"`
	Astrocyte float64 `json:"tau_astrocyte"`
	// HalfSaturation is sigma in units of mean calcium.
	HalfSaturation float64 `json:"half_saturation"`
}

// BestCurves as Curves.Tuning means fitted curves where the network brings some, since
// perturbations are best studied in a circuit that works, and else calibrated ones.
const BestCurves = "best"

// DefaultSilencing returns the defaults.
func DefaultSilencing() SilencingConfig {
	c := SilencingConfig{Curves: defaultCurves(512), Tokens: 500, TaskTokens: 2000, Present: 1, Astrocyte: 7, HalfSaturation: 1}
	c.Tuning = BestCurves
	return c
}

func (c *SilencingConfig) check() error {
	switch {
	case c.Tokens < 2 || c.TaskTokens < 2:
		return fmt.Errorf("silencing: %d tokens and %d of the task; give at least 2 of each", c.Tokens, c.TaskTokens)
	case !(c.Present > 0) || !(c.Astrocyte > 0) || !finite(c.Present/c.Astrocyte):
		return fmt.Errorf("silencing: a presentation of %v s and a time constant of %v s; give numbers above 0", c.Present, c.Astrocyte)
	case !(c.HalfSaturation > 0) || !finite(c.HalfSaturation):
		return fmt.Errorf("silencing: half-saturation %v; give a number above 0, in units of mean calcium", c.HalfSaturation)
	}
	return nil
}

// settled are curves by what they are, not best.
func (l *Lab) settled(c Curves) Curves {
	if c.Tuning == BestCurves {
		c.Tuning = network.Calibrated
		if l.Fitted != nil {
			c = Curves{Tuning: string(tuning.Fitted)}
		}
	}
	return c
}

// Manipulations by name. Intact is what all others are compared with; exact and uniform
// attention are the ceiling and the floor.
const (
	Intact        = "intact"
	ClampedMean   = "calcium clamped at its mean"
	ClampedMedian = "calcium clamped at its geometric mean"
	FrozenHebb    = "H frozen"
	FrozenGain    = "g frozen"
	FrozenBoth    = "H and g frozen"
	SlowCalcium   = "slow calcium"
	HalfSaturated = "half-saturation"
	Exact         = "exact attention"
	Uniform       = "uniform attention"
)

// silenced lists the conditions, in order.
func silenced() []string {
	return []string{Intact, ClampedMean, ClampedMedian, FrozenHebb, FrozenGain, FrozenBoth, SlowCalcium, HalfSaturated, Exact, Uniform}
}

// SilencingResult holds what manipulations do.
type SilencingResult struct {
	Curves  Curves   `json:"curves"` // that the heads had
	Inputs  int      `json:"inputs"` // that heads were compared on
	Tokens  int      `json:"tokens"`
	Task    string   `json:"task,omitempty"`
	Asked   int      `json:"asked"` // answers, of all seeds
	Effects []Effect `json:"effects"`
}

// Effect is what one manipulation does: numbers, and their differences from the
// intact circuit, paired by seed and input.
type Effect struct {
	Name string `json:"name"`
	// Means over heads and tokens: of |log(c' f) - log Z|, with c' what divides the
	// output; of the distance of the output y from the exact y*, |y-y*|/(|y|+|y*|), which
	// is 0 for the same and 1 for the opposite and for nothing; of the cosine of y and y*.
	Normalizer Change `json:"log_normalizer_error"`
	Output     Change `json:"output_distance"`
	Direction  Change `json:"output_cosine"`
	// Of whole networks: cosine of the last hidden states with the exact network's,
	// share of answers that are the exact network's, share that is right, -log p of the
	// right answer.
	Hidden Change `json:"hidden_cosine"`
	Same   Change `json:"same_answers"`
	Right  Change `json:"right_answers"`
	Nats   Change `json:"nats"`
}

// Change is a number, and how it differs from the intact circuit's.
type Change struct {
	Value  Estimate `json:"value"`
	Change Estimate `json:"change"`
}

// silencingSeed is what one seed measures.
type silencingSeed struct {
	Heads [][][][]float64 `json:"heads"` // [conditions][L heads][inputs] sums
	Task  [][][]float64   `json:"task"`  // [conditions][inputs] sums
}

// Sums over the tokens of an input at one head.
const (
	headTokens  = iota
	headDivisor // |log(c' f) - log Z|, of those where it is defined
	headDefined
	headDistance // |y-y*|/(|y|+|y*|)
	headCosines
	headSums
)

// Silencing silences parts of the circuit.
func Silencing(ctx context.Context, lab *Lab, cfg SilencingConfig) (*SilencingResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if lab.Calibration.Len() == 0 {
		return nil, errors.New("silencing needs inputs other than those that are run, for mean calcium and for what was learned before; give some by which curves are calibrated")
	}
	rec, err := lab.record(ctx, cfg.Tokens)
	if err != nil {
		return nil, err
	}
	curves := lab.settled(cfg.Curves)
	if _, err := lab.circuits(ctx, curves, lab.Seeds[0]); err != nil {
		return nil, err
	}
	seeds, err := eachSeed(ctx, lab, "silencing", cfg, 0.05, func(seed uint64, progress func(float64)) (*silencingSeed, error) {
		return lab.silencingSeed(ctx, rec, cfg, curves, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	x, err := lab.newExam(ctx, cfg.TaskTokens, lab.Seeds[0])
	if err != nil {
		return nil, err
	}
	r := silencingResult(silenced(), seeds)
	r.Curves, r.Inputs, r.Tokens, r.Task = curves, len(rec.which), rec.batch.Tokens(), x.task
	return r, nil
}

// silencingSeed runs one seed.
func (l *Lab) silencingSeed(ctx context.Context, rec *recording, cfg SilencingConfig, curves Curves, seed uint64, progress func(float64)) (*silencingSeed, error) {
	b, err := l.bench(ctx, curves, cfg.Tokens, seed)
	if err != nil {
		return nil, err
	}
	names := silenced()
	out := &silencingSeed{}
	x, err := l.newExam(ctx, cfg.TaskTokens, seed)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		var heads [][]attention.Head
		switch name {
		case Exact:
			heads = l.Network.Model.Exact()
		case Uniform:
			heads = l.Network.Model.Uniform()
		default:
			if heads, err = b.heads(func(at *prepared) manipulation { return cfg.manipulation(name, at) }); err != nil {
				return nil, err
			}
		}
		sums, err := l.headSums(ctx, rec, heads)
		if err != nil {
			return nil, err
		}
		taken, err := x.take(ctx, heads)
		if err != nil {
			return nil, err
		}
		out.Heads, out.Task = append(out.Heads, sums), append(out.Task, taken)
		progress(float64(i+1) / float64(len(names)))
	}
	return out, nil
}

// manipulation is the one of that name at one head.
func (c *SilencingConfig) manipulation(name string, at *prepared) manipulation {
	switch name {
	case Intact:
		return manipulation{}
	case ClampedMean:
		return manipulation{Clamped: true, Rest: at.mean}
	case ClampedMedian:
		return manipulation{Clamped: true, Rest: at.typical}
	case FrozenHebb:
		return manipulation{Hebb: at.before}
	case FrozenGain:
		return manipulation{Gain: at.before}
	case FrozenBoth:
		return manipulation{Hebb: at.before, Gain: at.before}
	case SlowCalcium:
		return manipulation{Retained: math.Exp(-c.Present / c.Astrocyte), Rest: at.mean}
	case HalfSaturated:
		return manipulation{HalfSaturated: true, Sigma: at.mean + math.Log(c.HalfSaturation)}
	}
	panic("experiment: no manipulation " + name)
}

// bench is one animal, ready to be perturbed: its curves and, for every head, what its
// calcium is on other inputs and what an earlier input left in its synapses.
type bench struct {
	model interface {
		Slope(head int) float32
	}
	causal   bool
	circuits *network.Circuits
	at       [][]prepared // [L][heads]
}

// prepared is one head of a bench.
type prepared struct {
	layer, head   int
	mean, typical float64 // logarithms of the mean and of the geometric mean of calcium
	before        *synapses
}

// earlierStream is the stream of the choice of an earlier input.
const earlierStream = 0xea71

// bench draws an animal and prepares its heads on calibration inputs of about so many
// tokens, given the exact network's activations there.
func (l *Lab) bench(ctx context.Context, curves Curves, tokens int, seed uint64) (*bench, error) {
	circuits, err := l.circuits(ctx, curves, seed)
	if err != nil {
		return nil, err
	}
	others, err := l.recordOthers(ctx, tokens)
	if err != nil {
		return nil, err
	}
	m := l.Network.Model
	b := &bench{model: m, causal: m.Config().Causal, circuits: circuits, at: make([][]prepared, m.Layers())}
	for layer := range b.at {
		b.at[layer] = make([]prepared, m.Heads())
	}
	earlier := tuning.NewRand(seed, earlierStream).IntN(others.batch.Sequences.Len())
	lo, hi := others.batch.Sequences.Bounds(earlier)
	err = l.eachHead(ctx, others, func(float64) {}, func(i int, x *activations.Head, work *tensor.Arena) error {
		layer, h := i/m.Heads(), i%m.Heads()
		at := &b.at[layer][h]
		at.layer, at.head = layer, h
		_, logC, _ := x.Answered(circuits.At(layer, h).Head, work)
		var logs []float64
		for _, c := range logC {
			if v := float64(c); finite(v) {
				logs = append(logs, v)
			}
		}
		if len(logs) == 0 {
			return fmt.Errorf("layer %d, head %d: calcium is never above zero; choose curves that are positive, such as calibrated ones", layer, h)
		}
		at.mean = floats.LogSumExp(logs) - math.Log(float64(len(logs)))
		at.typical = floats.Sum(logs) / float64(len(logs))
		p, err := newPerturbed(circuits.At(layer, h).Curves, b.causal, b.model.Slope(h), manipulation{})
		if err != nil {
			return err
		}
		at.before = p.learn(x.K.SliceRows(lo, hi), x.V.SliceRows(lo, hi))
		return nil
	})
	return b, err
}

// heads returns all heads of a network under manipulations.
func (b *bench) heads(of func(at *prepared) manipulation) ([][]attention.Head, error) {
	out := make([][]attention.Head, len(b.at))
	for layer := range b.at {
		for h := range b.at[layer] {
			p, err := newPerturbed(b.circuits.At(layer, h).Curves, b.causal, b.model.Slope(h), of(&b.at[layer][h]))
			if err != nil {
				return nil, err
			}
			out[layer] = append(out[layer], p)
		}
	}
	return out, nil
}

// headSums compares all heads with exact ones on the same activations: sums for every
// head and input, [L heads][inputs].
func (l *Lab) headSums(ctx context.Context, rec *recording, heads [][]attention.Head) ([][][]float64, error) {
	perLayer := len(rec.heads[0])
	out := make([][][]float64, len(rec.heads)*perLayer)
	err := l.eachHead(ctx, rec, func(float64) {}, func(i int, x *activations.Head, work *tensor.Arena) error {
		y, logC, trace := x.Answered(heads[i/perLayer][i%perLayer], work)
		out[i] = make([][]float64, x.Seqs.Len())
		for s := range out[i] {
			sums := make([]float64, headSums)
			lo, hi := x.Seqs.Bounds(s)
			for t := lo; t < hi; t++ {
				sums[headTokens]++
				if d := math.Abs(float64(logC[t]+trace.LogFactor[t]) - float64(x.LogZ[t])); finite(d) {
					sums[headDefined]++
					sums[headDivisor] += d
				}
				sums[headDistance] += distance(y.Row(t), x.Y.Row(t))
				sums[headCosines] += cosine(y.Row(t), x.Y.Row(t))
			}
			out[i][s] = sums
		}
		return nil
	})
	return out, err
}

// Numbers that follow from sums, for heads and for whole networks.
const (
	numberNormalizer = iota
	numberOutput
	numberDirection
	headsNumbers
)

const (
	numberHidden = iota
	numberSame
	numberRight
	numberNats
	taskNumbers
)

// headsMean computes the means over heads of what the sums of all heads give.
func headsMean(dst, sums []float64) {
	clear(dst)
	n := float64(len(sums) / headSums)
	for ; len(sums) > 0; sums = sums[headSums:] {
		dst[numberNormalizer] += sums[headDivisor] / sums[headDefined] / n
		dst[numberOutput] += sums[headDistance] / sums[headTokens] / n
		dst[numberDirection] += sums[headCosines] / sums[headTokens] / n
	}
}

func taskNumbersOf(dst, s []float64) {
	dst[numberHidden] = s[examCosine] / s[examTokens]
	dst[numberSame] = s[examSame] / s[examAsked]
	dst[numberRight] = s[examRight] / s[examKnown]
	dst[numberNats] = s[examNats] / s[examKnown]
}

// silencingResult summarizes seeds. The first condition is the intact circuit.
func silencingResult(names []string, seeds []silencingSeed) *SilencingResult {
	r := &SilencingResult{Effects: make([]Effect, len(names))}
	heads, task := make([][][][]float64, len(names)), make([][][][]float64, len(names)) // [conditions][seeds][inputs]
	for i := range names {
		for s := range seeds {
			heads[i] = append(heads[i], flatten(seeds[s].Heads[i]))
			task[i] = append(task[i], seeds[s].Task[i])
		}
	}
	for _, inputs := range task[0] {
		for _, sums := range inputs {
			r.Asked += int(sums[examAsked])
		}
	}
	compared := len(names) - 3 // but for the intact circuit, exact and uniform attention
	ofHeads, ofTask := changes(heads, headsNumbers, compared, headsMean), changes(task, taskNumbers, compared, taskNumbersOf)
	for i, name := range names {
		h, t := ofHeads[i], ofTask[i]
		r.Effects[i] = Effect{name, h[numberNormalizer], h[numberOutput], h[numberDirection],
			t[numberHidden], t[numberSame], t[numberRight], t[numberNats]}
		if name == Uniform { // which nothing divides but the number of tokens
			nan := Number(math.NaN())
			none := Estimate{nan, nan, nan}
			r.Effects[i].Normalizer = Change{none, none}
		}
	}
	return r
}

// distance is |y-x|/(|y|+|x|), 0 of two zero vectors.
func distance(y, x []float32) float64 {
	var xx, yy, dd float64
	for i, a := range x {
		u, v := float64(a), float64(y[i])
		xx += u * u
		yy += v * v
		dd += (u - v) * (u - v)
	}
	if dd == 0 {
		return 0
	}
	return math.Sqrt(dd) / (math.Sqrt(xx) + math.Sqrt(yy))
}

// flatten turns the sums of heads [heads][inputs] into those of inputs, all heads one
// after another.
func flatten(heads [][][]float64) [][]float64 {
	out := make([][]float64, len(heads[0]))
	for i := range out {
		for h := range heads {
			out[i] = append(out[i], heads[h][i]...)
		}
	}
	return out
}

// changes returns, for every condition with cells [seeds][inputs] of sums, the numbers
// that follow from them and their differences from the first condition's: paired, and
// with intervals that hold for all compared conditions together.
func changes(conditions [][][][]float64, n, compared int, of func(dst, sums []float64)) [][]Change {
	first := conditions[0]
	b := newBootstrap(len(first), len(first[0]))
	family := b.family(compared)
	out := make([][]Change, len(conditions))
	for i, c := range conditions {
		width := len(first[0][0])
		pair := make([][][]float64, len(first))
		for s := range first {
			for j := range first[s] {
				pair[s] = append(pair[s], slices.Concat(first[s][j], c[s][j]))
			}
		}
		values, base := b.ofSums(c, n, of), make([]float64, n)
		differences := family.ofSums(pair, n, func(dst, sums []float64) {
			of(base, sums[:width])
			of(dst, sums[width:])
			for k := range dst {
				dst[k] -= base[k]
			}
		})
		for k := range n {
			out[i] = append(out[i], Change{values[k], differences[k]})
		}
	}
	return out
}
