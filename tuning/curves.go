package tuning

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sync"
)

// Config says which tuning curves to build. Values are float64 and become the
// circuit's arithmetic when the curves are built.
type Config struct {
	Map Map
	// Inputs is d, the width of keys and queries.
	Inputs int
	// W [rows, d] holds the input weights of the hidden neurons, from Weights or
	// one's own. Trig and hyperbolic have two hidden neurons per row.
	W []float64
	// B [rows] holds phases in radians; needed by cosine, positive-cosine and
	// clipped-sine, ignored by the others.
	B []float64
	// A is gerf's parameter, at most 0: one value, or one per axis [d]. Nil
	// means 0, which makes gerf the same as exp. See GerfA and
	// Calibration.GerfA for good values.
	A []float64
	// Calibration, if not nil, changes variables before the map is applied.
	Calibration *Calibration
}

// Curves are the tuning curves of the hidden neurons of one head. They are
// immutable and safe for concurrent use.
type Curves[F Float] struct {
	kind       Map
	inputs     int
	neurons    int
	calibrated bool
	separate   bool       // keys and queries have forms of their own
	forms      [2]Form[F] // by Phase
	// The factor exp(factorW.q + factorB) turns calcium into the softmax
	// normalizer; nil where they are on one scale already.
	factorW []F
	factorB float64
	// fingerprint hashes the weights at the first call.
	fingerprint func() string
}

// New builds tuning curves. It reports missing or misshaped weights and
// calibrations, values that are not finite or too large for F, and an A above 0.
func New[F Float](cfg Config) (*Curves[F], error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Curves[F]{
		kind:    cfg.Map,
		inputs:  cfg.Inputs,
		neurons: len(cfg.W) / cfg.Inputs * cfg.Map.FeaturesPerRow(),
	}
	c.fingerprint = sync.OnceValue(c.hash)
	link, w, b, logScale := cfg.write()
	if k := cfg.Calibration; k == nil {
		f := Form[F]{Link: link, W: narrow[F](w), B: narrow[F](b), LogScale: logScale}
		c.forms = [2]Form[F]{f, f}
	} else {
		// The map sees q' = M(q - a) and k' = M^-T(k - mu); M folds into W.
		c.calibrated, c.separate = true, true
		c.forms[Reading] = calibratedForm[F](link, w, b, logScale, k.M, k.QueryMean)
		c.forms[Writing] = calibratedForm[F](link, w, b, logScale, k.MInvT, k.KeyMean)
		c.forms[Writing].Excite = narrow[F](k.QueryMean)
		c.factorW = narrow[F](k.KeyMean)
		c.factorB = -dot(k.QueryMean, k.KeyMean)
	}
	for _, f := range c.forms[:c.distinct()] {
		if err := f.finite(); err != nil {
			return nil, cfg.fail("%w", err)
		}
	}
	return c, nil
}

// distinct returns how many forms differ: both phases share one unless a
// calibration tells keys from queries, or they were fitted.
func (c *Curves[F]) distinct() int {
	if c.separate {
		return 2
	}
	return 1
}

func (cfg *Config) fail(format string, args ...any) error {
	return fmt.Errorf("tuning curves %q: %w", cfg.Map, fmt.Errorf(format, args...))
}

func (cfg *Config) check() error {
	if _, err := ParseMap(string(cfg.Map)); err != nil {
		return err
	}
	d := cfg.Inputs
	if d < 1 {
		return cfg.fail("d is %d, it must be at least 1", d)
	}
	if len(cfg.W) == 0 || len(cfg.W)%d != 0 {
		return cfg.fail("W has %d values, want m rows of d=%d", len(cfg.W), d)
	}
	rows := len(cfg.W) / d
	if cfg.Map.NeedsPhases() && len(cfg.B) != rows {
		return cfg.fail("b has %d phases, want one for each of the %d rows of W", len(cfg.B), rows)
	}
	if n := len(cfg.A); n > 1 && n != d {
		return cfg.fail("A has %d values, want one, or one for each of the d=%d axes", n, d)
	}
	for _, a := range cfg.A {
		if badA(a) {
			return cfg.fail("A is %v, it must be finite and at most 0 (see GerfA for a good value)", a)
		}
	}
	for _, v := range []struct {
		name   string
		values []float64
	}{{"W", cfg.W}, {"b", cfg.B}} {
		if i := notFinite(v.values); i >= 0 {
			return cfg.fail("%s[%d] is %v, every weight must be finite", v.name, i, v.values[i])
		}
	}
	if cfg.Calibration != nil {
		if err := cfg.Calibration.check(d); err != nil {
			return cfg.fail("%w", err)
		}
	}
	return nil
}

// badA reports whether a is no parameter of gerf: finite and at most 0.
func badA(a float64) bool { return !(a <= 0) || math.IsInf(a, 0) }

// write writes the map as a Form without calibration: link, W, B and the
// logarithm of the amplitude.
func (cfg *Config) write() (link Link, w, b []float64, logScale float64) {
	d := cfg.Inputs
	rows := len(cfg.W) / d
	w = cfg.W
	b = make([]float64, rows)
	m := float64(rows)
	switch cfg.Map {
	case Exp:
		return LinkExp, w, b, -math.Log(m) / 2
	case Gerf:
		w, logScale = cfg.gerf(b)
		return LinkExp, w, b, logScale - math.Log(m)/2
	case Hyperbolic:
		return LinkExp, twice(w, -1), make([]float64, 2*rows), -math.Log(2*m) / 2
	case TruncatedExp:
		return LinkTruncatedExp, w, b, -math.Log(m) / 2
	case Linear:
		for i := range b {
			b[i] = -math.Log(m) / 2
		}
		return LinkLinear, w, b, 0
	case Cosine:
		return LinkCosine, w, cfg.B, math.Log(2/m) / 2
	case PositiveCosine:
		return LinkPositiveCosine, w, cfg.B, math.Log(2/(math.Pi*m)) / 2
	case ClippedSine:
		return LinkClippedSine, w, cfg.B, math.Log(2/m) / 2
	case Trig: // sin u = cos(u - pi/2)
		b = make([]float64, 2*rows)
		for i := rows; i < len(b); i++ {
			b[i] = -math.Pi / 2
		}
		return LinkCosine, twice(w, 1), b, -math.Log(m) / 2
	case Elu1:
		return LinkElu1, w, b, 0
	case ReLU:
		return LinkReLU, w, b, 0
	}
	panic("tuning: map " + string(cfg.Map) + " has no form")
}

// gerf returns the scaled weights sqrt(1-4A_j) w_ij and the logarithm of the
// amplitude prod_j (1-4A_j)^(1/4), and writes sum_j A_j w_ij² into b.
func (cfg *Config) gerf(b []float64) (w []float64, logScale float64) {
	d := cfg.Inputs
	w = make([]float64, len(cfg.W))
	for j := range d {
		a := axis(cfg.A, j)
		logScale += math.Log1p(-4*a) / 4
		for i := range b {
			x := cfg.W[i*d+j]
			w[i*d+j] = math.Sqrt(1-4*a) * x
			b[i] += a * x * x
		}
	}
	return w, logScale
}

// axis returns the j-th of one value, or one per axis; none is 0.
func axis(a []float64, j int) float64 {
	switch len(a) {
	case 0:
		return 0
	case 1:
		return a[0]
	}
	return a[j]
}

// twice stacks w and s·w.
func twice(w []float64, s float64) []float64 {
	out := make([]float64, 2*len(w))
	copy(out, w)
	for i, x := range w {
		out[len(w)+i] = s * x
	}
	return out
}

// calibratedForm rewrites phi(M(x - center)) as a form in x.
func calibratedForm[F Float](link Link, w, b []float64, logScale float64, m, center []float64) Form[F] {
	d := len(center)
	wm := make([]float64, len(w))
	bm := make([]float64, len(b))
	for i := range b {
		row := wm[i*d : (i+1)*d]
		for j := range d {
			axpy(row, w[i*d+j], m[j*d:(j+1)*d])
		}
		bm[i] = b[i] - dot(row, center)
	}
	return Form[F]{
		Link: link, W: narrow[F](wm), B: narrow[F](bm), LogScale: logScale,
		Metric: narrow[F](m), Center: narrow[F](center),
	}
}

// Map returns which tuning curves these are.
func (c *Curves[F]) Map() Map { return c.kind }

// Inputs returns d, the width of keys and queries.
func (c *Curves[F]) Inputs() int { return c.inputs }

// Neurons returns the number of hidden neurons, the length of phi.
func (c *Curves[F]) Neurons() int { return c.neurons }

// Calibrated reports whether a calibration precedes the map.
func (c *Curves[F]) Calibrated() bool { return c.calibrated }

// Form returns the curves of one phase written out. Its slices are shared.
func (c *Curves[F]) Form(p Phase) Form[F] { return c.forms[p] }

// Log writes log|phi_i(x)| and the sign of phi_i(x) (1, -1, or 0 for a silent
// neuron) of every hidden neuron, log and sign [neurons], for the key (writing)
// or query (reading) x [d]. It does not allocate.
func (c *Curves[F]) Log(log, sign []float64, p Phase, x []F) {
	if len(x) != c.inputs || len(log) != c.neurons || len(sign) != c.neurons {
		panic(fmt.Sprintf("tuning: x, log, sign of length %d, %d, %d, want %d, %d, %d",
			len(x), len(log), len(sign), c.inputs, c.neurons, c.neurons))
	}
	c.forms[p].log(log, sign, x)
}

// LogFactor returns the logarithm of exp((q-a).mu), the factor that calibration
// leaves out because it cancels in the output: calcium times it estimates the
// softmax normalizer. It is 0 without calibration.
func (c *Curves[F]) LogFactor(q []F) float64 {
	if c.factorW == nil {
		return 0
	}
	return dot(c.factorW, q) + c.factorB
}

// Fingerprint identifies the curves: memories written under one fingerprint
// cannot be read under another. It reads all weights at the first call.
func (c *Curves[F]) Fingerprint() string { return c.fingerprint() }

func (c *Curves[F]) hash() string {
	h := sha256.New()
	buf := make([]byte, 0, 8<<10)
	word := func(x uint64) {
		if len(buf) == cap(buf) {
			h.Write(buf)
			buf = buf[:0]
		}
		buf = binary.LittleEndian.AppendUint64(buf, x)
	}
	values := func(v []F) {
		word(uint64(len(v)))
		for _, x := range v {
			word(math.Float64bits(float64(x)))
		}
	}
	h.Write([]byte(c.kind))
	word(uint64(c.inputs))
	word(uint64(c.neurons))
	word(uint64(c.distinct()))
	for _, f := range c.forms[:c.distinct()] {
		word(uint64(f.Link))
		word(math.Float64bits(f.LogScale))
		for _, v := range [][]F{f.W, f.B, f.Metric, f.Center, f.Excite} {
			values(v)
		}
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// narrow rounds x to F.
func narrow[F Float](x []float64) []F {
	out := make([]F, len(x))
	for i, v := range x {
		out[i] = F(v)
	}
	return out
}
