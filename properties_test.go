package tripartite_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// sequence returns seeded q, k [n, d] and v [n, dv].
func sequence[F tripartite.Float](seed uint64, n, d, dv int) (q, k, v []F) {
	return gaussian[F](seed, n*d, 0.1, 0.5), gaussian[F](seed+1, n*d, -0.1, 0.5), gaussian[F](seed+2, n*dv, 0, 1)
}

// written returns a circuit that was written keys and values.
func written[F tripartite.Float](t testing.TB, m tuning.Map, k, v []F, d, dv int, change func(*tripartite.Config[F])) *tripartite.Circuit[F] {
	c := circuit(t, m, 40, d, dv, change)
	for lo := 0; lo*d < len(k); lo++ {
		c.Write(k[lo*d:(lo+1)*d], v[lo*dv:(lo+1)*dv])
	}
	return c
}

// read reads every query.
func read[F tripartite.Float](c *tripartite.Circuit[F], q []F, d, dv int) (y []F, log []float64) {
	n := len(q) / d
	y, log = make([]F, n*dv), make([]float64, n)
	for t := range n {
		log[t] = c.Read(y[t*dv:(t+1)*dv], q[t*d:(t+1)*d]).Log
	}
	return y, log
}

func TestAPrefixDoesNotChangeWhenTokensFollow(t *testing.T) {
	const n, d, dv, prefix = 30, 6, 4, 11
	for _, m := range tuning.Maps() {
		q, k, v := sequence[float32](1, n, d, dv)
		// A later key that drives neurons far harder must not reach back.
		for i := range d {
			k[(n-1)*d+i] = 8
		}
		for name, change := range map[string]func(*tripartite.Config[float32]){
			"plain":                 nil,
			"forgetting":            func(c *tripartite.Config[float32]) { c.Forget = 0.2 },
			"calibrated":            func(c *tripartite.Config[float32]) { c.Tuning = calibrated[float32](t, m, 40, d) },
			"calibrated forgetting": func(c *tripartite.Config[float32]) { c.Tuning, c.Forget = calibrated[float32](t, m, 40, d), 0.2 },
		} {
			whole := circuit(t, m, 40, d, dv, change).Attend(q, k, v, true)
			short := circuit(t, m, 40, d, dv, change).Attend(q[:prefix*d], k[:prefix*d], v[:prefix*dv], true)
			for i, y := range short.Y {
				if whole.Y[i] != y {
					t.Fatalf("%s, %s: output %d is %v in the prefix and %v in the whole", m, name, i, y, whole.Y[i])
				}
			}
		}
	}
}

// calibrated draws curves that were calibrated on queries and keys of their own,
// about means that differ.
func calibrated[F tripartite.Float](t testing.TB, m tuning.Map, rows, d int) *tuning.Curves[F] {
	t.Helper()
	cal, err := tuning.Calibrate(gaussian[float64](31, 100*d, 0.4, 0.5), gaussian[float64](32, 100*d, -0.6, 0.5), d)
	if err != nil {
		t.Fatal(err)
	}
	rng := tuning.NewRand(12, rows, d)
	curves, err := tuning.New[F](tuning.Config{Map: m, Inputs: d, A: cal.GerfA(), Calibration: cal,
		W: tuning.Weights(tuning.IID, rows, d, rng), B: tuning.Phases(rows, rng)})
	if err != nil {
		t.Fatal(err)
	}
	return curves
}

// One circuit written A then B holds what the merged memories of a circuit
// written A and another written B hold.
func TestMemoriesAdd(t *testing.T) {
	const n, d, dv, split = 24, 6, 4, 9
	for _, m := range tuning.Maps() {
		for _, forget := range []float64{0, 0.2} {
			change := func(c *tripartite.Config[float64]) { c.Forget = forget }
			q, k, v := sequence[float64](5, n, d, dv)
			whole := written(t, m, k, v, d, dv, change)
			first := written(t, m, k[:split*d], v[:split*dv], d, dv, change)
			then := written(t, m, k[split*d:], v[split*dv:], d, dv, change)
			if err := first.Memory().Merge(then.Memory()); err != nil {
				t.Fatal(err)
			}
			wantY, wantC := read(whole, q, d, dv)
			gotY, gotC := read(first, q, d, dv)
			what := fmt.Sprintf("%s, forgetting %g", m, forget)
			compare(t, what+": outputs", gotY, wantY, 1e-10)
			compare(t, what+": log calcium", gotC, wantC, 1e-10)
			if first.Memory().Tokens() != n {
				t.Errorf("%s: %d tokens after merging, want %d", what, first.Memory().Tokens(), n)
			}
		}
	}
}

func TestOrderOfMergingIsImmaterialWithoutForgetting(t *testing.T) {
	const n, d, dv = 30, 6, 4
	q, k, v := sequence[float64](7, n, d, dv)
	for _, m := range tuning.Maps() {
		part := func(i int) *tripartite.Circuit[float64] {
			return written(t, m, k[i*10*d:(i+1)*10*d], v[i*10*dv:(i+1)*10*dv], d, dv, nil)
		}
		var firstY, firstC []float64
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			c := circuit[float64](t, m, 40, d, dv, nil)
			for _, i := range order {
				if err := c.Memory().Merge(part(i).Memory()); err != nil {
					t.Fatal(err)
				}
			}
			y, log := read(c, q, d, dv)
			if firstY == nil {
				firstY, firstC = y, log
			}
			compare(t, fmt.Sprint(m, ", outputs in the order ", order), y, firstY, 1e-11)
			compare(t, fmt.Sprint(m, ", log calcium in the order ", order), log, firstC, 1e-11)
		}
	}
}

func TestForeignMemoriesDoNotMerge(t *testing.T) {
	base := circuit[float32](t, tuning.Exp, 8, 3, 2, nil)
	for name, other := range map[string]*tripartite.Circuit[float32]{
		"other map":        circuit[float32](t, tuning.Gerf, 8, 3, 2, nil),
		"other neurons":    circuit[float32](t, tuning.Exp, 9, 3, 2, nil),
		"other outputs":    circuit[float32](t, tuning.Exp, 8, 3, 3, nil),
		"other forgetting": circuit[float32](t, tuning.Exp, 8, 3, 2, func(c *tripartite.Config[float32]) { c.Forget = 0.5 }),
	} {
		if err := base.Memory().Merge(other.Memory()); err == nil {
			t.Errorf("%s: memories merge", name)
		}
		if err := base.Restore(other.Memory()); err == nil {
			t.Errorf("%s: a foreign memory is restored", name)
		}
	}
	same := circuit[float32](t, tuning.Exp, 8, 3, 2, func(c *tripartite.Config[float32]) { c.HalfSaturation = 2 })
	if err := base.Restore(same.Memory()); err != nil {
		t.Errorf("half-saturation acts when reading only, but a memory is refused: %v", err)
	}
}

// lambda = 1 - exp(-slope): kernels fade by exp(-slope) per token, as under
// ALiBi's bias -slope (t - tau) on the logit.
func TestForgettingIsALiBi(t *testing.T) {
	const n, d, dv = 20, 6, 4
	for _, m := range []tuning.Map{tuning.Exp, tuning.Hyperbolic, tuning.Gerf, tuning.Trig} {
		for _, slope := range []float64{1. / 256, 0.25, 0.5, 3} {
			q, k, v := sequence[float64](3, n, d, dv)
			c := circuit(t, m, 40, d, dv, func(c *tripartite.Config[float64]) { c.Forget = -math.Expm1(-slope) })
			got := c.Attend(q, k, v, true)
			// A kernel factor exp(slope tau) on token tau is a bias on its logit; the
			// factor exp(-slope t) of the query cancels.
			want := make([]float64, 0, n*dv)
			for i := range n {
				plain := circuit[float64](t, m, 40, d, dv, nil)
				y := make([]float64, dv)
				num, den := make([]float64, dv), 0.0
				for j := 0; j <= i; j++ {
					plain.Reset()
					plain.Write(k[j*d:(j+1)*d], v[j*dv:(j+1)*dv])
					w := plain.Read(y, q[i*d:(i+1)*d]).Value() * math.Exp(-slope*float64(i-j))
					den += w
					for o := range dv {
						num[o] += w * v[j*dv+o]
					}
				}
				for o := range dv {
					want = append(want, num[o]/den)
				}
			}
			compare(t, fmt.Sprintf("%s, slope %g", m, slope), got.Y, want, 1e-9)
		}
	}
}

// Half-saturation divides by sigma + c instead of c, and is no part of calcium.
func TestHalfSaturationScalesTheOutput(t *testing.T) {
	const n, d, dv, sigma = 9, 5, 3, 2.5
	for _, m := range tuning.Maps() {
		q, k, v := sequence[float64](2, n, d, dv)
		plain := written[float64](t, m, k, v, d, dv, nil)
		half := written(t, m, k, v, d, dv, func(c *tripartite.Config[float64]) { c.HalfSaturation = sigma })
		y, z := make([]float64, dv), make([]float64, dv)
		for i := range n {
			c := plain.Read(y, q[i*d:(i+1)*d]).Value()
			if s := half.Read(z, q[i*d:(i+1)*d]).Value(); !(math.Abs(s-c) <= 1e-12*math.Abs(c)) {
				t.Errorf("%s: calcium %v with half-saturation, %v without: sigma is no part of calcium", m, s, c)
			}
			for o := range y {
				y[o] *= c / (c + sigma)
			}
			compare(t, string(m), z, y, 1e-10)
		}
	}
}

// Sigma > 0 equals one more token of value 0 whose kernel with every query is
// sigma. Rectified neurons can be given such a token: one neuron more, which the
// null token drives at sigma, every query at 1, and no other key.
func TestHalfSaturationIsANullToken(t *testing.T) {
	const n, d, dv, rows, sigma = 9, 5, 3, 20, 2.5
	w := gaussian[float64](9, rows*d, 0, 1)
	wider := func(x []float64, last float64) []float64 { return append(append([]float64{}, x...), last) }
	var w2 []float64
	for i := range rows {
		w2 = append(w2, wider(w[i*d:(i+1)*d], 0)...)
	}
	w2 = append(w2, wider(make([]float64, d), 1)...)
	build := func(w []float64, d int, sigma float64) *tripartite.Circuit[float64] {
		curves, err := tuning.New[float64](tuning.Config{Map: tuning.ReLU, Inputs: d, W: w})
		if err != nil {
			t.Fatal(err)
		}
		c, err := tripartite.New(tripartite.Config[float64]{Tuning: curves, Outputs: dv, HalfSaturation: sigma})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	half, null := build(w, d, sigma), build(w2, d+1, 0)
	q, k, v := sequence[float64](2, n, d, dv)
	for i := range n {
		half.Write(k[i*d:(i+1)*d], v[i*dv:(i+1)*dv])
		null.Write(wider(k[i*d:(i+1)*d], 0), v[i*dv:(i+1)*dv])
	}
	null.Write(wider(make([]float64, d), sigma), make([]float64, dv))
	y, z := make([]float64, dv), make([]float64, dv)
	for i := range n {
		a, b := half.Read(y, q[i*d:(i+1)*d]).Value(), null.Read(z, wider(q[i*d:(i+1)*d], 1)).Value()
		compare(t, "outputs", y, z, 1e-12)
		compare(t, "calcium, and with the null token", []float64{a + sigma}, []float64{b}, 1e-12)
	}
}

// Where calcium is as far from 1 as logits of 500 take it, a sigma of its size
// still takes its share.
func TestHalfSaturationNearCalciumAtLogitsOfFiveHundred(t *testing.T) {
	t.Run("float64", func(t *testing.T) { nearCalcium[float64](t, 1e-9) })
	t.Run("float32", func(t *testing.T) { nearCalcium[float32](t, 1e-5) })
}

func nearCalcium[F tripartite.Float](t *testing.T, tolerance float64) {
	const d, dv = 4, 2
	v := []F{3, -5}
	largest, least := 0.0, 0.0
	for _, m := range tuning.Maps() {
		for _, sign := range []F{1, -1} {
			q, k := make([]F, d), make([]F, d)
			for i := range d {
				q[i] = F(math.Sqrt(500. / d))
				k[i] = sign * q[i]
			}
			y := make([]F, dv)
			c := written(t, m, k, v, d, dv, nil).Read(y, q)
			if c.Sign == 0 { // relu: what the key drives, the query does not
				continue
			}
			if math.Abs(c.Log) > 700 {
				t.Fatalf("%s: log calcium is %v, no sigma is like it", m, c.Log)
			}
			largest, least = max(largest, c.Log), min(least, c.Log)
			for _, share := range []float64{0.5, 1, 3} {
				sigma := share * math.Exp(c.Log)
				half := written(t, m, k, v, d, dv, func(c *tripartite.Config[F]) { c.HalfSaturation = sigma })
				half.Read(y, q)
				scale := float64(c.Sign) / (float64(c.Sign) + share)
				if c.Sign < 0 && share == 1 {
					continue // sigma + c is 0 up to rounding
				}
				compare(t, fmt.Sprintf("%s, logit %v, sigma %g times |c|", m, 500*sign, share), y, []float64{3 * scale, -5 * scale}, tolerance)
			}
		}
	}
	if largest < 450 || least > -450 {
		t.Errorf("log calcium goes from %.0f to %.0f: the test tests nothing", least, largest)
	}
}

// Under calibration sigma is in units of the circuit's calcium, so that next to
// exp(q.k) the sink's kernel is sigma exp((q-a).mu), which depends on the query.
func TestUnderCalibrationTheSinkDependsOnTheQuery(t *testing.T) {
	const n, d, dv, rows, sigma = 10, 3, 2, 1 << 14, 4.
	q, k, v := gaussian[float64](1, n*d, 0.4, 0.5), gaussian[float64](2, n*d, -0.6, 0.5), gaussian[float64](3, n*dv, 2, 1)
	curves := calibrated[float64](t, tuning.Exp, rows, d)
	c, err := tripartite.New(tripartite.Config[float64]{Tuning: curves, Outputs: dv, HalfSaturation: sigma})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Attend(q, k, v, false)
	exact := tripartite.Softmax(q, k, v, d, dv, false)
	var worst, without float64 // errors with the sink as stated, and with sigma itself
	for i := range n {
		z := exact.Calcium[i].Value()
		sink := sigma * math.Exp(curves.LogFactor(q[i*d:(i+1)*d]))
		for o := range dv {
			y := exact.Y[i*dv+o]
			worst = max(worst, math.Abs(got.Y[i*dv+o]/(y*z/(z+sink))-1))
			without = max(without, math.Abs(got.Y[i*dv+o]/(y*z/(z+sigma))-1))
		}
	}
	if !(worst < 0.05 && without > 0.2) {
		t.Errorf("off by a fraction of %.3f with sigma exp((q-a).mu) for the sink, %.3f with sigma", worst, without)
	}
}

// v = v+ - v-: two channels of non-negative values under one calcium give the
// signed output exactly (Dale's law).
func TestTwoNonNegativeChannelsUnderOneCalcium(t *testing.T) {
	const n, d, dv = 12, 5, 4
	for _, m := range tuning.Maps() {
		q, k, v := sequence[float64](4, n, d, dv)
		two := make([]float64, 0, 2*len(v))
		for i := 0; i < len(v); i += dv {
			for _, sign := range []float64{1, -1} {
				for _, x := range v[i : i+dv] {
					two = append(two, max(0, sign*x))
				}
			}
		}
		want := circuit[float64](t, m, 40, d, dv, nil).Attend(q, k, v, true)
		dale := circuit[float64](t, m, 40, d, 2*dv, nil).Attend(q, k, two, true)
		got := make([]float64, 0, len(v))
		for i := range n {
			for o := range dv {
				got = append(got, dale.Y[2*i*dv+o]-dale.Y[(2*i+1)*dv+o])
			}
		}
		compare(t, string(m), got, want.Y, 1e-10)
	}
}

// Logits up to 1e4, far beyond what exp can hold, stay finite and right in
// float32 for curves that are never negative: against the same circuit in
// float64. Logarithms are float64 in both, so what is lost is the rounding of
// folded weights and of sums, a few times 1e-6.
func TestHugeLogitsInFloat32(t *testing.T) {
	const n, d, dv = 12, 8, 4
	for _, m := range tuning.Maps() {
		if m.Signed() {
			continue
		}
		for _, logit := range []float64{5, 500, 1e4} {
			std := 1.1 * math.Sqrt(logit/d)
			q32, k32, v32 := gaussian[float32](1, n*d, 0, std), gaussian[float32](2, n*d, 0, std), gaussian[float32](3, n*dv, 0, 1)
			if reached := largestLogit(toFloat64(q32), toFloat64(k32), d); reached < logit {
				t.Fatalf("the largest |logit| is %.0f, want %.0f: the test tests nothing", reached, logit)
			}
			w := narrow[float64](toFloat64(gaussian[float32](4, 64*d, 0, 1))) // exact in both
			b := tuning.Phases(64, tuning.NewRand(5))
			for i := range b {
				b[i] = float64(float32(b[i]))
			}
			a := []float64{-0.75} // (1-4A)^(1/2) = 2 is exact in both
			cfg := tuning.Config{Map: m, Inputs: d, W: w, B: b, A: a}
			got, want := attendAs[float32](t, cfg, q32, k32, v32, dv), attendAs[float64](t, cfg, toFloat64(q32), toFloat64(k32), toFloat64(v32), dv)
			what := fmt.Sprintf("%s at logits of %g", m, logit)
			compare(t, what, got.Y, want.Y, 1e-5)
			for i := range got.Calcium {
				g, w := got.Calcium[i], want.Calcium[i]
				if g.Sign != w.Sign || g.Sign != 0 && !(math.Abs(g.Log-w.Log) <= 1e-5*max(1, math.Abs(w.Log))) {
					t.Errorf("%s: calcium %+v, want %+v", what, g, w)
				}
			}
		}
	}
}

// largestLogit returns the largest |q.k|, token u read by tokens from u on.
func largestLogit(q, k []float64, d int) float64 {
	var top float64
	for i := 0; i < len(q); i += d {
		for u := 0; u <= i; u += d {
			var s float64
			for j := range d {
				s += q[i+j] * k[u+j]
			}
			top = max(top, math.Abs(s))
		}
	}
	return top
}

func attendAs[F tripartite.Float](t *testing.T, cfg tuning.Config, q, k, v []F, dv int) tripartite.Attention[F] {
	t.Helper()
	curves, err := tuning.New[F](cfg)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tripartite.New(tripartite.Config[F]{Tuning: curves, Outputs: dv})
	if err != nil {
		t.Fatal(err)
	}
	return c.Attend(q, k, v, true)
}

func toFloat64(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// Where a map is no estimator of exp(q.k), attention does not approach softmax
// however many neurons there are; where it is, the error falls as m^-1/2.
func TestErrorVanishesWithNeuronsOnlyForEstimators(t *testing.T) {
	const n, d, dv, few, many = 16, 4, 3, 64, 16384
	// Truncated-exp differs from exp only where exp(w.x) exceeds 150.
	distance := func(m tuning.Map, rows int, spread float64) float64 {
		q, k, v := sequence[float64](6, n, d, dv)
		for i := range q {
			q[i], k[i] = spread*q[i], spread*k[i]
		}
		exact := tripartite.Softmax(q, k, v, d, dv, false)
		a := circuit[float64](t, m, rows, d, dv, nil).Attend(q, k, v, false)
		var off, all float64
		for i, y := range exact.Y {
			off += (a.Y[i] - y) * (a.Y[i] - y)
			all += y * y
		}
		return math.Sqrt(off / all)
	}
	for _, m := range []tuning.Map{tuning.Exp, tuning.Hyperbolic, tuning.Gerf, tuning.Trig} {
		if f, g := distance(m, few, 1), distance(m, many, 1); !(g < f/3) {
			t.Errorf("%s: error %.4f with %d rows, %.4f with %d: does not vanish", m, f, few, g, many)
		}
	}
	for _, m := range []tuning.Map{tuning.Linear, tuning.PositiveCosine, tuning.ClippedSine, tuning.TruncatedExp, tuning.Elu1, tuning.ReLU} {
		if f, g := distance(m, many/16, 3), distance(m, many, 3); !(g > 0.05 && g > f/2) {
			t.Errorf("%s: error %.4f with %d rows, %.4f with %d: seems to vanish", m, f, many/16, g, many)
		}
	}
}
