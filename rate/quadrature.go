package rate

import "math"

// rule is the pair of Gauss and Kronrod with 7 and 15 points on [-1, 1] (R.
// Piessens et al., QUADPACK, Springer 1983, routine QK15): the nodes from the
// outermost to the middle, Kronrod's weights, and Gauss's for every second node.
var rule = struct{ node, kronrod, gauss [8]float64 }{
	[8]float64{
		0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
		0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
		0.586087235467691130294144691693013, 0.405845151377397166906606412076961,
		0.207784955007898467600689403773245, 0,
	},
	[8]float64{
		0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
		0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
		0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
		0.204432940075298892414161999234649, 0.209482141084727828012999174891714,
	},
	[8]float64{
		0, 0.129484966168869693270611432679082,
		0, 0.279705391489276667901467771423780,
		0, 0.381830050505118944950369775488975,
		0, 0.417959183673469387755102040816327,
	},
}

// span is a part of the time that a read-out covers, from a to b after its begin,
// or, late, from b down to a before its end: each side is measured from where what
// is fast happens, so that nothing is lost by rounding.
type span struct {
	a, b float64
	late bool
}

// spans divides a time t in which something of time scale early happens after its
// begin, and something of time scale late before its end: parts grow fourfold from
// either side. The last part in time is the last one.
func spans(t, early, late float64) []span {
	var out []span
	half := t / 2
	grow := func(scale float64) []float64 {
		ends := []float64{0}
		for x := scale; x < half*0.8; x *= 4 {
			ends = append(ends, x)
		}
		return append(ends, half)
	}
	ends := grow(early)
	for i := 1; i < len(ends); i++ {
		out = append(out, span{ends[i-1], ends[i], false})
	}
	ends = grow(late)
	for i := len(ends) - 1; i > 0; i-- {
		out = append(out, span{ends[i-1], ends[i], true})
	}
	return out
}

// tolerance of what integrals are summed to, relative to what their absolute
// values are.
const tolerance = 1e-13

// mostSpans bounds how often spans are halved before an integral counts as
// divergent: 1/c where calcium comes near to zero.
const mostSpans = 4000

// integrate adds the integrals over the spans of the functions that f evaluates to
// sum. They are as good as their sum has to be in which each counts as much as
// counts says. It reports whether they converged, and gives up when f does.
func integrate(parts []span, counts, sum []float64, f func(x float64, late bool, out []float64) bool) bool {
	n := len(counts)
	total := 0.0 // of the absolute values
	value, kronrod, gauss, size := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	todo := append([]span(nil), parts...)
	for used := 0; len(todo) > 0; used++ {
		s := todo[len(todo)-1] // from the end on, where most of it lies
		todo = todo[:len(todo)-1]
		clear(kronrod)
		clear(gauss)
		clear(size)
		middle, half := (s.a+s.b)/2, (s.b-s.a)/2
		add := func(i int, x float64) bool {
			if !f(x, s.late, value) {
				return false
			}
			for j, v := range value {
				kronrod[j] += half * rule.kronrod[i] * v
				gauss[j] += half * rule.gauss[i] * v
				size[j] += half * rule.kronrod[i] * math.Abs(v)
			}
			return true
		}
		for i, x := range rule.node {
			if !add(i, middle-half*x) || x != 0 && !add(i, middle+half*x) {
				return false
			}
		}
		here, err := 0.0, 0.0
		for j, c := range counts {
			here += c * size[j]
			err += c * estimate(kronrod[j]-gauss[j], size[j])
		}
		switch {
		case err <= tolerance*(here+total):
			for j, k := range kronrod {
				sum[j] += k
			}
			total += here
		case used > mostSpans || middle == s.a || middle == s.b:
			return false
		case s.late: // the half that is nearer to the end first
			todo = append(todo, span{middle, s.b, true}, span{s.a, middle, true})
		default:
			todo = append(todo, span{s.a, middle, false}, span{middle, s.b, false})
		}
	}
	return true
}

// estimate is QUADPACK's of the error of Kronrod's rule, which is better than its
// difference d from Gauss's says, for an integral of the given absolute size.
func estimate(d, size float64) float64 {
	if size == 0 {
		return 0
	}
	return size * math.Min(1, math.Pow(200*math.Abs(d)/size, 1.5))
}
