package tuning

import (
	"fmt"
	"slices"
	"sync"
)

// Fitted names curves that were learned from the queries and keys of one head,
// and not drawn:
//
//	phi_i(x) = exp(W_i.x + B_i - |Metric (x - Center)|²/2 + Excite.x)
//
// with numbers of their own for keys and for queries. They come from [NewFitted],
// never from New, so that Maps does not list them. That keys and queries have
// curves of their own is this project's, not the paper's: there the
// neuromodulator leaves the input weights alone.
const Fitted Map = "fitted"

// NewFitted returns curves with one form for keys and one for queries, both of
// the exponential link, which are copied. Calcium of fitted curves is the softmax
// normalizer itself: their LogFactor is 0. It reports shapes that do not fit, and
// numbers that are not finite.
func NewFitted[F Float](write, read Form[F]) (*Curves[F], error) {
	m := len(write.B)
	if m == 0 || len(write.W)%m != 0 || len(write.W) == 0 {
		return nil, fmt.Errorf("tuning curves %q: W has %d values for %d neurons, want m rows of d", Fitted, len(write.W), m)
	}
	d := len(write.W) / m
	c := &Curves[F]{kind: Fitted, inputs: d, neurons: m, separate: true}
	for p, f := range []Form[F]{write, read} {
		if err := f.check(m, d); err != nil {
			return nil, fmt.Errorf("tuning curves %q: %s: %w", Fitted, Phase(p), err)
		}
		c.forms[p] = f.clone()
	}
	c.fingerprint = sync.OnceValue(c.hash)
	return c, nil
}

// check reports what keeps a form from being that of m fitted neurons of width d.
func (f *Form[F]) check(m, d int) error {
	if f.Link != LinkExp {
		return fmt.Errorf("link %d, want the exponential one", f.Link)
	}
	for _, p := range []struct {
		name     string
		values   []F
		want     int
		optional bool
	}{
		{"W", f.W, m * d, false}, {"B", f.B, m, false},
		{"Metric", f.Metric, d * d, true}, {"Center", f.Center, d, true}, {"Excite", f.Excite, d, true},
	} {
		if len(p.values) != p.want && !(p.optional && p.values == nil) {
			return fmt.Errorf("%s has %d values, want %d for m=%d neurons of width d=%d", p.name, len(p.values), p.want, m, d)
		}
		if i := notFinite(p.values); i >= 0 {
			return fmt.Errorf("%s[%d] is %v, every number must be finite", p.name, i, p.values[i])
		}
	}
	if notFinite([]float64{f.LogScale}) >= 0 {
		return fmt.Errorf("LogScale is %v, it must be finite", f.LogScale)
	}
	return nil
}

// clone returns a copy that shares nothing.
func (f Form[F]) clone() Form[F] {
	for _, s := range []*[]F{&f.W, &f.B, &f.Metric, &f.Center, &f.Excite} {
		*s = slices.Clone(*s)
	}
	return f
}
