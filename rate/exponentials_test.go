package rate

import (
	"math"
	"math/big"
	"testing"
)

const digits = 700 // binary

// difference is a divided difference of exp(-x) at the points, by its definition.
// Points are moved apart by 1e-36, which changes it by as little.
func difference(points ...float64) *big.Float {
	x := make([]*big.Float, len(points))
	table := make([]*big.Float, len(points))
	for i, p := range points {
		x[i] = new(big.Float).SetPrec(digits).SetFloat64(p)
		x[i].Add(x[i], new(big.Float).SetPrec(digits).SetMantExp(big.NewFloat(float64(i)), -120))
		table[i] = bigExp(x[i])
	}
	for order := 1; order < len(points); order++ {
		for i := 0; i+order < len(points); i++ {
			d := new(big.Float).SetPrec(digits).Sub(table[i], table[i+1])
			table[i] = d.Quo(d, new(big.Float).SetPrec(digits).Sub(x[i+order], x[i]))
		}
	}
	return table[0]
}

func exact(points ...float64) float64 {
	v, _ := difference(points...).Float64()
	return v
}

// bigExp is exp(-x), by squaring the series of a small part.
func bigExp(x *big.Float) *big.Float {
	const halvings = 40
	part := new(big.Float).SetPrec(digits).SetMantExp(x, -halvings)
	part.Neg(part)
	sum, term := big.NewFloat(1).SetPrec(digits), big.NewFloat(1).SetPrec(digits)
	for k := 1; k < 60; k++ {
		term.Mul(term, part)
		term.Quo(term, new(big.Float).SetPrec(digits).SetInt64(int64(k)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// Divided differences keep their digits, wherever their points lie.
func TestDividedDifferencesDoNotCancel(t *testing.T) {
	points := []float64{0, 1e-12, 1e-6, 1e-3, 0.1, 0.4999, 0.5, 0.9, 1, 1.5, 3, 10, 100, 650}
	near := []float64{0, 1e-14, 1e-9, 1e-5, 1e-2}
	check := func(name string, got, want float64) {
		// Rounding an argument x changes exp(-x) by x 2^-53 of itself.
		if !(math.Abs(got-want) <= 4e-14*want+1e-305) {
			t.Errorf("%s is %v, want %v: off by %.1e", name, got, want, (got-want)/want)
		}
	}
	for _, x := range points {
		check("psi", psi(x), exact(0, x, x))
		for _, p := range points {
			for _, e := range near {
				y := p * (1 + e)
				check("mean1", mean1(x, y), exact(x, y))
				check("mean3", mean3(x, y), exact(0, 0, x, y))
				first, second := means(falling(x), falling(y))
				check("the first of means", first, exact(x, y))
				check("the second of means", second, exact(x, 0, y))
				for _, z := range []float64{x, y, x * (1 + e), 0, 2.5} {
					check("mean2", mean2(x, y, z), exact(x, y, z))
				}
			}
		}
	}
	for _, x := range []float64{1e4, 1e8, 1e12} { // where exp(-x) is 0
		check("psi far", psi(x), 1/(x*x))
		check("mean2 far", mean2(0, x, x*(1+1e-10)), 1/(x*x*(1+1e-10)))
		check("mean3 far", mean3(x, x), (1-2/x)/(x*x))
	}
}

// The integral of two inputs that rise is that of 1 - e^-as - e^-bs + e^-(a+b)s.
func TestRisingTogetherDoesNotCancel(t *testing.T) {
	rates := []float64{0x1p-30, 0x1p-10, 0.3125, 0x1.ffp-2, 0.5, 5, 512} // whose sums are exact
	for _, lambda := range []float64{0, 0.3, 5, 30, 600} {
		for _, a := range rates {
			for _, b := range rates {
				sum := difference(lambda, 0)
				sum.Sub(sum, difference(lambda, a))
				sum.Sub(sum, difference(lambda, b))
				sum.Add(sum, difference(lambda, a+b))
				want, _ := sum.Float64()
				if got := risingTogether(lambda, a, b, 1); !(math.Abs(got-want) <= 2e-14*want) {
					t.Errorf("lambda %g, a %g, b %g: %v, want %v", lambda, a, b, got, want)
				}
			}
		}
	}
}
