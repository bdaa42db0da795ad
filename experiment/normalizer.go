package experiment

import (
	"context"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

const normalizerAbout = `Compare calcium with the softmax normalizer, head by head
For every head and token, on the activations of the exact network: the calcium of
the circuit against the softmax normalizer, beside a null predictor that knows
the mean key alone and no single one. Two quantities that both grow with the
query correlate whatever a circuit does; the question is what calcium knows
beyond that.`

// NormalizerConfig is the config of Normalizer.
type NormalizerConfig struct {
	Curves
	// Tokens is on about how many tokens heads are compared.
	Tokens int `json:"tokens"`
}

// DefaultNormalizer returns the defaults.
func DefaultNormalizer() NormalizerConfig {
	return NormalizerConfig{Curves: defaultCurves(512), Tokens: 1000}
}

// NormalizerResult holds calcium against the softmax normalizer.
type NormalizerResult struct {
	Inputs int `json:"inputs"`
	Tokens int `json:"tokens"`
	// Curves that were compared: those of the config and, where the network brings
	// some, fitted ones, of which nothing is drawn, so that their intervals are over
	// inputs alone.
	Curves []NormalizerCurves `json:"curves"`
	// Shown is one head of the first curves, token by token, for the first seed: the
	// one whose correlation is the median.
	Shown NormalizerTokens `json:"shown"`
}

// NormalizerCurves are the heads of one network with one kind of curves.
type NormalizerCurves struct {
	Name  string           `json:"name"`
	Heads []NormalizerHead `json:"heads"`
	// Means over heads, of what NormalizerHead has.
	Calcium   Estimate `json:"calcium"`
	Null      Estimate `json:"null"`
	Advantage Estimate `json:"advantage"`
	Beyond    Estimate `json:"beyond"`
}

// NormalizerHead is one head. Z is the softmax normalizer of a token, c its calcium,
// f the factor of a query that a calibrated circuit leaves out (1 for other curves).
type NormalizerHead struct {
	Layer   int `json:"layer"`
	Head    int `json:"head"`
	Neurons int `json:"neurons"`
	// Pearson correlations over tokens with log Z: of log c, of log(c f), and of the null
	// predictor log N + q.mean(k), which knows no single key.
	Raw     Estimate `json:"raw_calcium"`
	Calcium Estimate `json:"calcium"`
	Null    Estimate `json:"null"`
	// Advantage is Calcium - Null. Beyond is the partial correlation of log(c f) with
	// log Z, the null predictor held fixed: what calcium knows that the null predictor
	// does not.
	Advantage Estimate `json:"advantage"`
	Beyond    Estimate `json:"beyond"`
	// Error is the mean of |log(c f) - log Z|, NullError of the null predictor's.
	Error     Estimate `json:"error"`
	NullError Estimate `json:"null_error"`
	// NonPositive counts tokens with c <= 0, which have no logarithm, over all seeds.
	NonPositive int `json:"nonpositive_calcium"`
}

// NormalizerTokens is one head token by token.
type NormalizerTokens struct {
	Layer         int      `json:"layer"`
	Head          int      `json:"head"`
	LogNormalizer []Number `json:"log_normalizer"`
	LogCalcium    []Number `json:"log_calcium"` // log(c f)
	LogNull       []Number `json:"log_null"`
}

// normalizerSeed is what one seed measures: sums over the tokens of every input at
// every head, [L heads][inputs].
type normalizerSeed struct {
	Heads [][][]float64 `json:"heads"`
}

// Sums over tokens, with a = log c, b = log(c f), z = log Z, u the null predictor.
const (
	sumN = iota
	sumA
	sumB
	sumZ
	sumU
	sumAA
	sumBB
	sumZZ
	sumUU
	sumAZ
	sumBZ
	sumUZ
	sumBU
	sumError
	sumNullError
	sumNonPositive
	normalizerSums
)

// Normalizer compares calcium with the softmax normalizer for every head, token by
// token, on the activations of the exact network. Beside it stands a null predictor,
// since two quantities that both grow with |q| correlate whatever a circuit does.
func Normalizer(ctx context.Context, lab *Lab, cfg NormalizerConfig) (*NormalizerResult, error) {
	if cfg.Tokens < 2 {
		return nil, fmt.Errorf("normalizer: %d tokens; give at least 2", cfg.Tokens)
	}
	rec, err := lab.record(ctx, cfg.Tokens)
	if err != nil {
		return nil, err
	}
	if _, err := lab.circuits(ctx, cfg.Curves, lab.Seeds[0]); err != nil { // calibrates, or says why it cannot
		return nil, err
	}
	nulls := logNulls(lab.Pool, rec)
	seeds, err := eachSeed(ctx, lab, "normalizer", cfg, 0.1, func(seed uint64, progress func(float64)) (*normalizerSeed, error) {
		return lab.normalizerSeed(ctx, rec, nulls, cfg.Curves, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	r := &NormalizerResult{Inputs: len(rec.which), Tokens: rec.batch.Tokens()}
	r.add(cfg.Tuning, lab, cfg.Curves, seeds)
	if lab.Fitted != nil && cfg.Tuning != string(tuning.Fitted) {
		fitted := Curves{Tuning: string(tuning.Fitted)}
		s, err := lab.normalizerSeed(ctx, rec, nulls, fitted, 0, func(float64) {})
		if err != nil {
			return nil, err
		}
		r.add(fitted.Tuning, lab, fitted, []normalizerSeed{*s})
	}
	return r, r.show(ctx, lab, rec, nulls, cfg.Curves)
}

// logNulls returns the null predictor of every token, [L heads][N].
func logNulls(pool *tensor.Pool, rec *recording) [][]float64 {
	heads := len(rec.heads[0])
	out := make([][]float64, len(rec.heads)*heads)
	pool.For(len(out), func(_, i int) {
		all := rec.heads[i/heads][i%heads].Sequences()
		for s := range all {
			for t := range all[s].Queries() {
				out[i] = append(out[i], all[s].LogNull(t))
			}
		}
	})
	return out
}

// normalizerSeed runs the heads of one seed.
func (l *Lab) normalizerSeed(ctx context.Context, rec *recording, nulls [][]float64, c Curves, seed uint64, progress func(float64)) (*normalizerSeed, error) {
	circuits, err := l.circuits(ctx, c, seed)
	if err != nil {
		return nil, err
	}
	out := &normalizerSeed{Heads: make([][][]float64, len(nulls))}
	err = l.eachHead(ctx, rec, progress, func(i int, x *activations.Head, work *tensor.Arena) error {
		layer, head := i/len(rec.heads[0]), i%len(rec.heads[0])
		_, logC, trace := x.Answered(circuits.At(layer, head).Head, work)
		out.Heads[i] = normalizerOf(x, logC, trace, nulls[i])
		return nil
	})
	return out, err
}

// normalizerOf returns the sums of every input at one head.
func normalizerOf(x *activations.Head, logC []float32, trace attention.Trace, nulls []float64) [][]float64 {
	out := make([][]float64, x.Seqs.Len())
	for s := range out {
		sums := make([]float64, normalizerSums)
		lo, hi := x.Seqs.Bounds(s)
		for t := lo; t < hi; t++ {
			a, z, u := float64(logC[t]), float64(x.LogZ[t]), nulls[t]
			if !finite(a) {
				sums[sumNonPositive]++
				continue
			}
			b := a + float64(trace.LogFactor[t])
			for i, v := range [...]float64{
				sumN: 1, sumA: a, sumB: b, sumZ: z, sumU: u, sumAA: a * a, sumBB: b * b, sumZZ: z * z, sumUU: u * u,
				sumAZ: a * z, sumBZ: b * z, sumUZ: u * z, sumBU: b * u, sumError: math.Abs(b - z), sumNullError: math.Abs(u - z),
			} {
				sums[i] += v
			}
		}
		out[s] = sums
	}
	return out
}

// Numbers that follow from the sums of a head.
const (
	headRaw = iota
	headCalcium
	headNull
	headAdvantage
	headBeyond
	headError
	headNullError
	headNumbers
)

func normalizerNumbers(dst, s []float64) {
	n := s[sumN]
	r := func(x, y, xx, yy, xy int) float64 { return correlation(n, s[x], s[y], s[xx], s[yy], s[xy]) }
	dst[headRaw] = r(sumA, sumZ, sumAA, sumZZ, sumAZ)
	bz, uz, bu := r(sumB, sumZ, sumBB, sumZZ, sumBZ), r(sumU, sumZ, sumUU, sumZZ, sumUZ), r(sumB, sumU, sumBB, sumUU, sumBU)
	dst[headCalcium], dst[headNull], dst[headAdvantage] = bz, uz, bz-uz
	dst[headBeyond] = partial(bz, bu, uz)
	dst[headError], dst[headNullError] = s[sumError]/n, s[sumNullError]/n
}

// correlation is Pearson's, of sums; NaN where either does not vary.
func correlation(n, x, y, xx, yy, xy float64) float64 {
	vx, vy := xx-x*x/n, yy-y*y/n
	if !(vx > 1e-12*xx) || !(vy > 1e-12*yy) { // rounding alone
		return math.NaN()
	}
	return min(1, max(-1, (xy-x*y/n)/math.Sqrt(vx*vy)))
}

// partial is the correlation of x and y given u, of the three plain ones.
func partial(xy, xu, yu float64) float64 {
	return min(1, max(-1, (xy-xu*yu)/math.Sqrt((1-xu*xu)*(1-yu*yu))))
}

// add makes the result of one kind of curves.
func (r *NormalizerResult) add(name string, lab *Lab, c Curves, seeds []normalizerSeed) {
	heads := lab.Network.Model.Heads()
	neurons := func(i int) int {
		if c.Tuning == string(tuning.Fitted) {
			return lab.Fitted.At(i/heads, i%heads).Neurons()
		}
		return c.neurons()
	}
	out := normalizerCurves(name, heads, seeds)
	for i := range out.Heads {
		out.Heads[i].Neurons = neurons(i)
	}
	r.Curves = append(r.Curves, out)
}

// normalizerCurves summarizes seeds, given the heads of a layer.
func normalizerCurves(name string, heads int, seeds []normalizerSeed) NormalizerCurves {
	inputs, all := len(seeds[0].Heads[0]), len(seeds[0].Heads)
	b := newBootstrap(len(seeds), inputs)
	out := NormalizerCurves{Name: name, Heads: make([]NormalizerHead, all)}
	together := make([][][]float64, len(seeds)) // the sums of all heads, one after another
	for s := range seeds {
		together[s] = beside(seeds[s].Heads...)
	}
	for h := range all {
		cells := make([][][]float64, len(seeds))
		nonPositive := 0.0
		for s := range seeds {
			cells[s] = seeds[s].Heads[h]
			for _, sums := range cells[s] {
				nonPositive += sums[sumNonPositive]
			}
		}
		e := b.ofSums(cells, headNumbers, normalizerNumbers)
		out.Heads[h] = NormalizerHead{
			Layer: h / heads, Head: h % heads,
			Raw: e[headRaw], Calcium: e[headCalcium], Null: e[headNull], Advantage: e[headAdvantage],
			Beyond: e[headBeyond], Error: e[headError], NullError: e[headNullError], NonPositive: int(nonPositive),
		}
	}
	one := make([]float64, headNumbers)
	e := b.ofSums(together, headNumbers, func(dst, sums []float64) {
		clear(dst)
		for h := range all {
			normalizerNumbers(one, sums[h*normalizerSums:(h+1)*normalizerSums])
			for j, x := range one {
				dst[j] += x / float64(all)
			}
		}
	})
	out.Calcium, out.Null, out.Advantage, out.Beyond = e[headCalcium], e[headNull], e[headAdvantage], e[headBeyond]
	return out
}

// show keeps the tokens of the typical head.
func (r *NormalizerResult) show(ctx context.Context, lab *Lab, rec *recording, nulls [][]float64, c Curves) error {
	var rs []float64
	first := r.Curves[0].Heads
	for _, h := range first {
		if x := float64(h.Calcium.Value); finite(x) {
			rs = append(rs, x)
		}
	}
	typical, best, least := stats.Median(rs), 0, math.Inf(1)
	for i, h := range first {
		if off := math.Abs(float64(h.Calcium.Value) - typical); off < least {
			best, least = i, off
		}
	}
	h := first[best]
	circuits, err := lab.circuits(ctx, c, lab.Seeds[0])
	if err != nil {
		return err
	}
	x := &rec.heads[h.Layer][h.Head]
	_, logC, trace := x.Answered(circuits.At(h.Layer, h.Head).Head, nil)
	r.Shown = NormalizerTokens{Layer: h.Layer, Head: h.Head}
	for t := range x.LogZ {
		r.Shown.LogNormalizer = append(r.Shown.LogNormalizer, Number(x.LogZ[t]))
		r.Shown.LogCalcium = append(r.Shown.LogCalcium, Number(logC[t])+Number(trace.LogFactor[t]))
		r.Shown.LogNull = append(r.Shown.LogNull, Number(nulls[best][t]))
	}
	return nil
}

// Statements implements Findings.
func (r *NormalizerResult) Statements() []Statement {
	var s statements
	for _, c := range r.Curves {
		better, same, worse, beyond := 0, 0, 0, 0
		for _, h := range c.Heads {
			switch {
			case h.Advantage.Above(0):
				better++
			case h.Advantage.Below(0):
				worse++
			default:
				same++
			}
			if h.Beyond.Above(0) {
				beyond++
			}
		}
		n := len(c.Heads)
		s.add(Measured, "%s curves, %d heads: over tokens, the logarithm of calcium (with the factor f of the query that calibrated curves leave out) correlates with that of the softmax normalizer by %s in the mean over heads, the null predictor log N + q.mean(k), which knows no single key, by %s.", c.Name, n, c.Calcium, c.Null)
		switch {
		case c.Advantage.Above(0):
			s.add(Measured, "Calcium follows the normalizer more closely than the null predictor does, by %s in the mean over heads: in %d of %d heads more closely, in %d less, in %d no difference is shown.", c.Advantage, better, n, worse, same)
		case c.Advantage.Below(0):
			s.add(Measured, "The null predictor follows the normalizer more closely than calcium does, by %s in the mean over heads: in %d of %d heads calcium is closer, in %d less close, in %d no difference is shown.", negative(c.Advantage), better, n, worse, same)
		default:
			s.add(Measured, "In the mean over heads no difference between calcium and the null predictor is shown (%s): in %d of %d heads calcium is closer, in %d less close, in %d no difference is shown.", c.Advantage, better, n, worse, same)
		}
		if c.Beyond.Above(0) {
			s.add(Measured, "With the null predictor held fixed, calcium still correlates with the normalizer, by %s in the mean, and above zero in %d of %d heads: it tells single keys.", c.Beyond, beyond, n)
		} else {
			s.add(Measured, "With the null predictor held fixed, it is not shown that calcium correlates with the normalizer (%s in the mean): these data do not tell calcium from a quantity that knows no single key.", c.Beyond)
		}
		if k := nonPositive(c.Heads); k > 0 {
			s.add(Caution, "%d readings had calcium of zero or below, which has no logarithm; they are left out.", k)
		}
	}
	s.add(Mathematics, "That calcium approximates the normalizer follows from the tuning curves, whose products approximate exp(q.k); how closely depends on their number. It is no finding about astrocytes.")
	s.add(Caution, "Of intervals for many heads, 1 in 20 misses by chance. A correlation with the normalizer alone is weak evidence, since much of it is there without any circuit: the null predictor is the measure.")
	return s
}

func nonPositive(heads []NormalizerHead) int {
	n := 0
	for _, h := range heads {
		n += h.NonPositive
	}
	return n
}

// negative turns the sign.
func negative(e Estimate) Estimate { return Estimate{-e.Value, -e.High, -e.Low} }

// Table implements Findings.
func (r *NormalizerResult) Table() Table {
	t := newTable("curves", "layer", "head", "neurons", "calcium_r±", "raw_calcium_r±", "null_r±", "advantage±", "beyond_null_r±", "log_error±", "null_log_error±", "nonpositive")
	for _, c := range r.Curves {
		for _, h := range c.Heads {
			t.add(c.Name, h.Layer, h.Head, h.Neurons, h.Calcium, h.Raw, h.Null, h.Advantage, h.Beyond, h.Error, h.NullError, h.NonPositive)
		}
	}
	return t
}

// Charts implements Findings.
func (r *NormalizerResult) Charts() []Chart {
	heads := Panel{
		Title: "every head", Diagonal: true,
		X: Axis{Label: "*r*, null predictor and normalizer"}, Y: Axis{Label: "*r*, calcium and normalizer"},
	}
	for _, c := range r.Curves {
		s := Series{Name: c.Name, Style: Dots}
		for _, h := range c.Heads {
			s.Dots = append(s.Dots, Dot{X: exactly(float64(h.Null.Value)), Y: h.Calcium})
		}
		heads.Series = append(heads.Series, s)
	}
	shown := Panel{
		Title: fmt.Sprintf("layer %d, head %d, every token", r.Shown.Layer, r.Shown.Head), Diagonal: true,
		X: Axis{Label: "softmax normalizer, ln *Z*"}, Y: Axis{Label: "calcium, ln (*c f*), or null predictor"},
		Series: []Series{{Name: "null predictor", Style: Specks}, {Name: r.Curves[0].Name, Style: Specks}},
	}
	for t, z := range r.Shown.LogNormalizer {
		for i, y := range []Number{r.Shown.LogNull[t], r.Shown.LogCalcium[t]} {
			shown.Series[i].Dots = append(shown.Series[i].Dots, Dot{exactly(float64(z)), exactly(float64(y))})
		}
	}
	return []Chart{{
		Name: "normalizer",
		About: fmt.Sprintf("Left: for every head, the correlation over tokens of calcium with the softmax normalizer against that of a null predictor; above the diagonal calcium knows more. Right: calcium and null predictor of layer %d, head %d against the normalizer, for %d tokens.",
			r.Shown.Layer, r.Shown.Head, len(r.Shown.LogNormalizer)),
		Panels: []Panel{heads, shown},
	}}
}

// neurons returns how many hidden neurons a head has whose curves are drawn.
func (c Curves) neurons() int {
	if c.Tuning == network.Calibrated {
		return c.Neurons
	}
	return c.Neurons * tuning.Map(c.Tuning).FeaturesPerRow()
}
