package rate

import (
	"fmt"
	"math"
)

// Shape is a graph of domains.
type Shape string

// The shapes.
const (
	AllToAll Shape = "all"   // every two
	Chain    Shape = "chain" // each and the next
	Ring     Shape = "ring"  // a chain whose ends meet
	Grid     Shape = "grid"  // four neighbours, in rows as many as divide n up to its root
)

// Shapes lists them.
func Shapes() []Shape { return []Shape{AllToAll, Chain, Ring, Grid} }

// Coupling holds the strengths A [K, K], symmetric, with which calcium flows
// between domains: tau_astro c_j' = ... + sum_i A_ij (c_i - c_j). They have no
// unit: 1 exchanges as fast as calcium decays. The zero value couples nothing.
type Coupling struct {
	n int
	a []float64 // [n, n]
}

// Couple couples n domains in a shape, with one strength.
func Couple(shape Shape, n int, strength float64) Coupling {
	c := empty(n)
	for _, e := range edges(shape, n) {
		c.add(e[0], e[1], strength)
	}
	return c
}

// CoupleAstrocytes couples the domains of several astrocytes, numbered one
// astrocyte after another: within each by diffusion, and where two astrocytes are
// neighbours by a gap junction between the last domain of the one and the first
// of the other, that is, where their territories meet.
func CoupleAstrocytes(astrocytes, domainsEach int, within Shape, diffusion float64, between Shape, gap float64) Coupling {
	c := empty(astrocytes * domainsEach)
	for a := range astrocytes {
		for _, e := range edges(within, domainsEach) {
			c.add(a*domainsEach+e[0], a*domainsEach+e[1], diffusion)
		}
	}
	for _, e := range edges(between, astrocytes) {
		c.add((e[0]+1)*domainsEach-1, e[1]*domainsEach, gap)
	}
	return c
}

// CoupleBy couples n domains by the strengths a [n, n], which must be symmetric
// and not negative. The diagonal means nothing.
func CoupleBy(n int, a []float64) (Coupling, error) {
	if len(a) != n*n {
		return Coupling{}, fmt.Errorf("rate: %d strengths between %d domains, want %d", len(a), n, n*n)
	}
	c := empty(n)
	for i := range n {
		for j := range n {
			x := a[i*n+j]
			switch {
			case i == j:
			case !(x >= 0) || math.IsInf(x, 0):
				return Coupling{}, fmt.Errorf("rate: the strength between domains %d and %d is %v, want a finite number of at least 0", i, j, x)
			case x != a[j*n+i]:
				return Coupling{}, fmt.Errorf("rate: the strength between domains %d and %d is %v one way and %v the other; what leaves one must reach the other", i, j, x, a[j*n+i])
			default:
				c.a[i*n+j] = x
			}
		}
	}
	return c, nil
}

func empty(n int) Coupling { return Coupling{n, make([]float64, n*n)} }

func (c *Coupling) add(i, j int, strength float64) {
	if !(strength >= 0) || math.IsInf(strength, 0) {
		panic(fmt.Sprintf("rate: coupling of %v, want a finite number of at least 0", strength))
	}
	c.a[i*c.n+j] += strength
	c.a[j*c.n+i] += strength
}

// At returns the strength between domains i and j.
func (c Coupling) At(i, j int) float64 { return c.a[i*c.n+j] }

// edges lists each pair of neighbours once.
func edges(shape Shape, n int) [][2]int {
	var out [][2]int
	switch shape {
	case AllToAll:
		for i := range n {
			for j := i + 1; j < n; j++ {
				out = append(out, [2]int{i, j})
			}
		}
	case Chain, Ring:
		for i := 1; i < n; i++ {
			out = append(out, [2]int{i - 1, i})
		}
		if shape == Ring && n > 2 {
			out = append(out, [2]int{n - 1, 0})
		}
	case Grid:
		rows := 1
		for r := 2; r*r <= n; r++ {
			if n%r == 0 {
				rows = r
			}
		}
		cols := n / rows
		for i := range n {
			if i%cols+1 < cols {
				out = append(out, [2]int{i, i + 1})
			}
			if i+cols < n {
				out = append(out, [2]int{i, i + cols})
			}
		}
	default:
		panic(fmt.Sprintf("rate: no such shape: %q", shape))
	}
	return out
}
