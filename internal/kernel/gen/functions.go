package main

import (
	"fmt"
	"math"
	"strings"
)

// function describes one function over a row: its parameters are pointers to as
// many float32, their number n, and scalars.
type function struct {
	name    string
	doc     string
	slots   []string
	scalars []string
	returns accumulator
	ways    int // accumulators side by side, so that additions do not wait for one another
	body    func(b *body)
}

// accumulator is what a function returns of its whole row.
type accumulator int

const (
	nothing accumulator = iota
	largest             // float32
	sum32               // float32
	sum64               // float64
)

func (a accumulator) kind() string { return []string{"", "float32", "float32", "float64"}[a] }

// params are the parameters of the assembly function.
func (fn function) params() (list []param) {
	for _, s := range fn.slots {
		list = append(list, param{s, "*float32"})
	}
	list = append(list, param{"n", "int"})
	for _, s := range fn.scalars {
		list = append(list, param{s, "float32"})
	}
	return list
}

// accumulators returns how many vectors are added up side by side, and the
// number of registers that takes: two for the float64 of one vector.
func (fn function) accumulators() (ways, registers int) {
	ways = max(1, fn.ways)
	switch fn.returns {
	case nothing:
		return ways, 0
	case sum64:
		return ways, 2 * ways
	}
	return ways, ways
}

// functions returns the descriptions of all functions over a row.
func functions() []function {
	unary := func(name, doc string, f func(b *body, x value) value) function {
		return function{name: name, doc: doc, slots: []string{"dst", "x"}, body: func(b *body) { b.store(0, f(b, b.load(1))) }}
	}
	return []function{
		unary("Exp", "is dst = exp(x).", exponential),
		unary("Log", "is the natural logarithm.", logarithm),
		unary("GELU", "is dst = x·Phi(x).", gelu),
		unary("GELUTanh", "is GELU with a hyperbolic tangent.", geluTanh),
		unary("SiLU", "is dst = x/(1 + exp(-x)).", func(b *body, x value) value { return logistic(b, b.max(b.number(-110), x), x, b.number(0)) }),
		unary("Tanh", "is the hyperbolic tangent.", tanh),
		unary("ReLU", "is dst = max(0, x).", func(b *body, x value) value { return b.max(b.number(0), x) }),
		{name: "ExpSum", doc: "is dst = exp(x - shift) and returns the sum of dst.", slots: []string{"dst", "x"}, scalars: []string{"shift"},
			returns: sum64, ways: 1, body: expSum},
		{name: "ExpShift", doc: "is dst = exp(x - shift), with the difference rounded.", slots: []string{"dst", "x"}, scalars: []string{"shift"},
			body: func(b *body) { b.store(0, exponential(b, b.sub(b.load(1), b.scalar(0)))) }},
		{name: "ExpShiftSum", doc: "is ExpShift and returns the sum of dst.", slots: []string{"dst", "x"}, scalars: []string{"shift"},
			returns: sum32, ways: 2, body: func(b *body) {
				y := exponential(b, b.sub(b.load(1), b.scalar(0)))
				b.store(0, y)
				b.apply(opAddProduct, b.keep(y), b.number(1))
			}},
		{name: "AddMax", doc: "is dst = x + y and returns the largest element.", slots: []string{"dst", "x", "y"},
			returns: largest, ways: 1, body: func(b *body) {
				s := b.add(b.load(1), b.load(2))
				b.store(0, s)
				b.apply(opKeepMax, s)
			}},
		{name: "Max", doc: "returns the largest element.", slots: []string{"x"},
			returns: largest, ways: 4, body: func(b *body) { b.apply(opKeepMax, b.load(0)) }},
		{name: "Sum", doc: "returns the sum, added up in float64.", slots: []string{"x"},
			returns: sum64, ways: 2, body: func(b *body) { b.apply(opAdd64, b.load(0)) }},
		{name: "Dot", doc: "returns the inner product.", slots: []string{"x", "y"},
			returns: sum32, ways: 4, body: func(b *body) { b.apply(opAddProduct, b.load(0), b.load(1)) }},
		{name: "AddScaled", doc: "is dst += f·x.", slots: []string{"dst", "x"}, scalars: []string{"f"},
			body: func(b *body) { b.store(0, b.fma(b.load(1), b.scalar(0), b.load(0))) }},
		{name: "Scale", doc: "is dst = f·x.", slots: []string{"dst", "x"}, scalars: []string{"f"},
			body: func(b *body) { b.store(0, b.mul(b.load(1), b.scalar(0))) }},
		{name: "Add", doc: "is dst = x + y.", slots: []string{"dst", "x", "y"},
			body: func(b *body) { b.store(0, b.add(b.load(1), b.load(2))) }},
		{name: "Mul", doc: "is dst = x·y.", slots: []string{"dst", "x", "y"},
			body: func(b *body) { b.store(0, b.mul(b.load(1), b.load(2))) }},
		{name: "AddMul", doc: "is dst += x·y.", slots: []string{"dst", "x", "y"},
			body: func(b *body) { b.store(0, b.fma(b.load(1), b.load(2), b.load(0))) }},
		{name: "MulSub", doc: "is dst = x·(y - z).", slots: []string{"dst", "x", "y", "z"},
			body: func(b *body) { b.store(0, b.mul(b.load(1), b.sub(b.load(2), b.load(3)))) }},
		{name: "Residual", doc: "is dst = f·(x - c - a·y).", slots: []string{"dst", "x", "y"}, scalars: []string{"f", "c", "a"},
			body: func(b *body) {
				rest := b.fnma(b.load(2), b.scalar(2), b.sub(b.load(1), b.scalar(1)))
				b.store(0, b.mul(rest, b.scalar(0)))
			}},
		{name: "GELUSlope", doc: "is dst = dy·(Phi(x) + x·phi(x)).", slots: []string{"dst", "dy", "x"}, body: geluSlope},
		{name: "GELUTanhSlope", doc: "is dst = dy times the slope of GELUTanh at x.", slots: []string{"dst", "dy", "x"}, body: geluTanhSlope},
		{name: "SiLUSlope", doc: "is dst = dy times the slope of SiLU at x.", slots: []string{"dst", "dy", "x"}, body: siluSlope},
		{name: "TanhSlope", doc: "is dst = dy times the slope of Tanh at x.", slots: []string{"dst", "dy", "x"}, body: tanhSlope},
		{name: "ReLUSlope", doc: "is dst = dy where x > 0, else 0.", slots: []string{"dst", "dy", "x"}, body: reluSlope},
		{name: "AdamW", doc: "is a step of AdamW.", slots: []string{"p", "grad", "m", "v"},
			scalars: []string{"scale", "keep", "new1", "new2", "rate", "root", "epsilon"}, body: adamW},
		{name: "Squares", doc: "returns the sum of (x - high - low)², added up in float64.", slots: []string{"x"}, scalars: []string{"high", "low"},
			returns: sum64, ways: 2, body: func(b *body) {
				b.apply(opAddSquares64, b.keep(b.sub(b.sub(b.load(0), b.scalar(0)), b.scalar(1))))
			}},
		{name: "Normalize", doc: "is dst = (x - high - low)·f.", slots: []string{"dst", "x"}, scalars: []string{"high", "low", "f"},
			body: func(b *body) { b.store(0, normalized(b)) }},
		{name: "NormalizeGain", doc: "is dst = (x - high - low)·f·gain + bias.", slots: []string{"dst", "x", "gain", "bias"}, scalars: []string{"high", "low", "f"},
			body: func(b *body) { b.store(0, b.fma(normalized(b), b.load(2), b.load(3))) }},
	}
}

func normalized(b *body) value {
	return b.mul(b.sub(b.sub(b.load(1), b.scalar(0)), b.scalar(1)), b.scalar(2))
}

// reduce writes exp(x) as e·2^k, for x within ±150: with r = x - k·ln 2, taken
// off in two parts of which the first is exact, e = 1 + r + r²·q(r). A part
// -rest of x that float32 could not hold may be added to r.
func reduce(b *body, x value, rest *value) (r, k, grown value) {
	const high = 0x1.62e4p-1 // ln 2, cut so that a product with k is exact
	k = b.round(b.mul(x, b.number(math.Log2E)))
	r = b.fnma(k, b.number(high), x)
	r = b.fnma(k, b.number(math.Ln2-high), r)
	if rest != nil {
		r = b.sub(r, *rest)
	}
	// Our own minimax fit on |r| <= ln2/2; relative error of e 3.7e-9.
	q := b.polynomial(r, 0.4999999343211067, 0.1666652039896248, 0.0416683907873739, 0.00836874511634702, 0.0013814539988333437)
	return r, k, b.fma(q, b.mul(r, r), r) // e - 1
}

// parts is exp(x - rest) as e·2^k; where it is 0 or +Inf in float32, so is that.
func parts(b *body, x value, rest *value) (e, k value) {
	_, k, grown := reduce(b, b.min(b.number(90), b.max(b.number(-110), x)), rest)
	return b.add(grown, b.number(1)), k
}

func exponential(b *body, x value) value {
	e, k := parts(b, x, nil)
	return b.scale(e, k)
}

// expSum takes the shift off exactly, as d - rest (D. E. Knuth, The Art of
// Computer Programming 2, 4.2.2, theorem B). Where d is so large that the
// result is 0 or +Inf, rest may be anything.
func expSum(b *body) {
	x, shift := b.load(1), b.scalar(0)
	d := b.sub(x, shift)
	back := b.sub(d, x)
	rest := b.sub(b.add(shift, back), b.sub(x, b.sub(d, back)))
	rest = b.less(b.abs(d), b.number(120), rest, b.number(0))
	e, k := parts(b, d, &rest)
	y := b.scale(e, k)
	b.store(0, y)
	b.apply(opAdd64, b.keep(y))
}

// gelu is max(0, x) - a·Phi(-a) with a = |x|, and Phi(-a) as exp(-a²/2) times a
// ratio of polynomials: our own fit for the relative error on 0 <= a <= 15, which
// is 6.3e-9, and all coefficients positive, so that nothing cancels. What a²
// loses to rounding goes into the exponential.
func gelu(b *body, x value) value {
	a, ratio, e, k := normal(b, x)
	tail := b.scale(b.mul(b.mul(a, ratio), e), k)
	return b.sub(b.max(b.number(0), x), tail)
}

// normal writes Phi(-a) as ratio·e·2^k, and exp(-a²/2) as e·2^k, for a = |x|.
func normal(b *body, x value) (a, ratio, e, k value) {
	half := b.number(-0.5)
	a = b.min(b.number(15), b.abs(x)) // beyond, Phi(-a) is 0
	s := b.mul(a, a)
	lost := b.mul(b.fnma(a, a, s), half)
	e, k = parts(b, b.mul(s, half), &lost)
	above := b.polynomial(a, 0.5000000031505952, 0.4392830854009054, 0.18396889198949293, 0.040881047428397446, 0.004153218690392565)
	below := b.polynomial(a, 1, 1.6764511778444864, 1.2055472368996945, 0.47140804960693666, 0.10247970603868461, 0.01041046373187169)
	return a, b.div(above, below), e, k
}

// geluTanh is x/(1 + exp(-w)), w = x·(a + b·x²): an error of w is one of the
// result in proportion, so w is formed with twice the digits.
func geluTanh(b *body, x value) value {
	const slope, cubic = 1.5957691216057308, 1.5957691216057308 * 0.044715 // 2·sqrt(2/pi)
	low := func(c float64) value { return b.number(c - float64(float32(c))) }
	bounded := b.max(b.number(-15), x) // beyond, the result is 0
	near := b.min(b.number(15), bounded)
	s := b.mul(near, near)
	sLost := b.fnma(near, near, s)
	p := b.mul(b.number(cubic), s)
	pLost := b.fnma(b.number(cubic), s, p)
	t := b.add(p, b.number(slope))
	back := b.sub(t, p)
	rest := b.add(b.sub(p, b.sub(t, back)), b.sub(b.number(slope), back))
	rest = b.add(b.sub(rest, pLost), low(slope))
	rest = b.fma(low(cubic), s, rest)
	rest = b.fnma(b.number(cubic), sLost, rest)
	w := b.mul(near, t)
	lost := b.sub(b.fnma(near, t, w), b.mul(near, rest))
	return logistic(b, bounded, w, lost)
}

// logistic is x/(1 + exp(-(w - lost))). With E = exp(-|w|) that is x/(1 + E) for
// w >= 0 and x·E/(1 + E) below, where the power of two comes last, lest
// E lose digits below the smallest normal number.
func logistic(b *body, x, w, lost value) value {
	zero, one := b.number(0), b.number(1)
	rest := b.xor(lost, b.xor(b.sign(w), b.bits(1<<31))) // of -|w|
	e, k := parts(b, b.or(w, b.bits(1<<31)), &rest)
	over := b.add(one, b.scale(e, k))
	y := b.div(b.less(w, zero, b.mul(x, e), x), over)
	return b.scale(y, b.less(w, zero, k, zero))
}

// tanh is E/(E + 2) with E = exp(2|x|) - 1, which keeps its digits near 0.
func tanh(b *body, x value) value {
	one := b.number(1)
	a := b.min(b.number(10), b.abs(x)) // beyond, the result is 1
	_, k, grown := reduce(b, b.add(a, a), nil)
	c := b.scale(one, k)
	e := b.fma(grown, c, b.sub(c, one))
	return b.or(b.div(e, b.add(e, b.number(2))), b.sign(x))
}

// logarithm is log(m·2^k) = log m + k·ln 2 with m within sqrt(1/2) and sqrt(2):
// with f = m - 1, log m = f + f²·q(f). The part of k·ln 2 that is exact comes
// last.
func logarithm(b *body, x value) value {
	const high = 0x1.62e4p-1 // as in reduce
	zero, one, root := b.number(0), b.number(1), b.number(math.Sqrt2)
	least := b.number(0x1p-126) // below, numbers have no exponent of their own
	normal := b.less(x, least, b.mul(x, b.number(0x1p23)), x)
	k := b.toNumber(b.and(normal, b.bits(0xff<<23)))
	k = b.fma(k, b.number(0x1p-23), b.less(x, least, b.number(-127-23), b.number(-127)))
	m := b.or(b.and(normal, b.bits(1<<23-1)), one)
	k = b.less(root, m, b.add(k, one), k)
	f := b.sub(b.less(root, m, b.mul(m, b.number(0.5)), m), one)
	// Our own minimax fit (tools/kernel/fit.py); relative error of log m 4.1e-9.
	q := b.polynomial(f, -0.49999988346006125, 0.3333332568976667, -0.2500158298117986, 0.20001974058755526, -0.16609082311695714,
		0.14181822892215473, -0.1324298745910535, 0.12904445960343242, -0.07621793714061459)
	y := b.fma(q, b.mul(f, f), b.mul(k, b.number(math.Ln2-high)))
	y = b.fma(k, b.number(high), b.add(y, f))
	y = b.less(zero, x, y, b.less(x, zero, b.number(math.NaN()), b.number(math.Inf(-1))))
	return b.less(x, b.number(math.Inf(1)), y, x) // NaN is not less
}

// table writes the Go value that holds the functions over rows, and more.
func table(f *file, prefix string, more ...string) {
	fmt.Fprintf(&f.golang, "\n// %sVectors are the functions over rows.\nvar %sVectors = vectors{\n", prefix, prefix)
	for _, fn := range functions() {
		field := strings.ToLower(fn.name[:1]) + fn.name[1:]
		if fn.name == strings.ToUpper(fn.name) {
			field = strings.ToLower(fn.name)
		} else {
			for _, mixed := range []string{"GELU", "SiLU", "ReLU"} {
				if rest, ok := strings.CutPrefix(fn.name, mixed); ok {
					field = strings.ToLower(mixed) + rest
				}
			}
		}
		fmt.Fprintf(&f.golang, "%s: %s%s,\n", field, prefix, fn.name)
	}
	for _, field := range more {
		fmt.Fprintf(&f.golang, "%s: %s%s,\n", field, prefix, strings.ToUpper(field[:1])+field[1:])
	}
	f.golang.WriteString("}\n")
}
