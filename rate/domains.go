package rate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Assignment is how hidden neurons are assigned to domains.
type Assignment string

// The assignments.
const (
	ByTurns    Assignment = "interleaved" // neuron i to domain i mod K
	ByPlace    Assignment = "contiguous"  // neighbours to the same one
	ByLikeness Assignment = "similar"     // those of similar tuning to the same one
)

// Assignments lists them.
func Assignments() []Assignment { return []Assignment{ByTurns, ByPlace, ByLikeness} }

// Assign assigns hidden neurons to K domains. Rows of x [m, n] are what is compared
// by likeness; otherwise it may be nil.
func Assign(a Assignment, x []float64, neurons, domains int) ([]int, error) {
	if domains < 1 || domains > neurons {
		return nil, fmt.Errorf("rate: %d domains for %d hidden neurons; every domain needs a neuron: choose 1 to %d", domains, neurons, neurons)
	}
	switch a {
	case ByTurns:
		return Interleaved(neurons, domains), nil
	case ByPlace:
		return Contiguous(neurons, domains), nil
	case ByLikeness:
		return Similar(x, neurons, domains), nil
	}
	panic(fmt.Sprintf("rate: no such assignment: %q", string(a)))
}

// Interleaved assigns hidden neuron i to domain i mod K.
func Interleaved(neurons, domains int) []int {
	of := make([]int, neurons)
	for i := range of {
		of[i] = i % domains
	}
	return of
}

// Contiguous assigns neighbours to the same of K domains, which differ by one
// neuron at most.
func Contiguous(neurons, domains int) []int {
	of := make([]int, neurons)
	for i := range of {
		of[i] = i * domains / neurons
	}
	return of
}

// Similar assigns neurons of similar tuning to the same of K domains, which differ
// by one neuron at most. What is compared are the rows of x [m, n], such as input
// weights or rates over tokens: they are divided along the axis in which they differ
// most, and each part again.
func Similar(x []float64, neurons, domains int) []int {
	if len(x) == 0 || len(x)%neurons != 0 {
		panic(fmt.Sprintf("rate: %d numbers for %d neurons", len(x), neurons))
	}
	if domains < 1 || domains > neurons {
		panic(fmt.Sprintf("rate: %d domains for %d neurons", domains, neurons))
	}
	of, all := make([]int, neurons), make([]int, neurons)
	for i := range all {
		all[i] = i
	}
	divide(x, len(x)/neurons, all, 0, domains, of)
	return of
}

// divide assigns the neurons in members to domains first to first+n-1.
func divide(x []float64, width int, members []int, first, n int, of []int) {
	if n == 1 || len(members) < 2 {
		for _, i := range members {
			of[i] = first
		}
		return
	}
	along := principal(x, width, members)
	slices.SortStableFunc(members, func(a, b int) int { return cmp.Compare(along[a], along[b]) })
	half, cut := n/2, len(members)*(n/2)/n
	if other := n - half; other != half { // an odd number divides where there is the larger gap
		gap := func(cut int) float64 { return along[members[cut]] - along[members[cut-1]] }
		if at := len(members) * other / n; gap(at) > gap(cut) {
			half, cut = other, at
		}
	}
	divide(x, width, members[:cut], first, half, of)
	divide(x, width, members[cut:], first+half, n-half, of)
}

// principal returns where the members lie along the axis of their largest
// variance, whose largest coordinate is positive.
func principal(x []float64, width int, members []int) map[int]float64 {
	mean := make([]float64, width)
	for _, i := range members {
		for j := range mean {
			mean[j] += x[i*width+j] / float64(len(members))
		}
	}
	cov := mat.NewSymDense(width, nil)
	row := mat.NewVecDense(width, nil)
	for _, i := range members {
		for j := range mean {
			row.SetVec(j, x[i*width+j]-mean[j])
		}
		cov.SymRankOne(cov, 1, row)
	}
	axis := make([]float64, width)
	var e mat.EigenSym
	if e.Factorize(cov, true) { // otherwise it does not converge, and the order stays
		var v mat.Dense
		e.VectorsTo(&v)
		mat.Col(axis, width-1, &v)
	}
	largest := slices.MaxFunc(axis, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	along := map[int]float64{}
	for _, i := range members {
		for j, a := range axis {
			along[i] += math.Copysign(1, largest) * a * (x[i*width+j] - mean[j])
		}
	}
	return along
}

// count returns K.
func (d *Domains) count() int {
	if len(d.Of) == 0 {
		return 1
	}
	return slices.Max(d.Of) + 1
}

func (d *Domains) check(neurons int) error {
	k := 1
	if d.Of != nil {
		if len(d.Of) != neurons {
			return fmt.Errorf("rate: domains are given for %d neurons, and there are %d", len(d.Of), neurons)
		}
		for i, j := range d.Of {
			if j < 0 {
				return fmt.Errorf("rate: neuron %d is in domain %d; domains are numbered from 0", i, j)
			}
			if j >= neurons {
				return fmt.Errorf("rate: neuron %d is in domain %d, so that there are more domains than the %d neurons; each needs one", i, j, neurons)
			}
		}
		k = d.count()
		sizes := make([]int, k)
		for _, j := range d.Of {
			sizes[j]++
		}
		if empty := slices.Index(sizes, 0); empty >= 0 {
			return fmt.Errorf("rate: domain %d of %d has no neurons; number domains without gaps", empty, k)
		}
	}
	if n := d.Coupling.n; n != 0 && n != k {
		return fmt.Errorf("rate: the coupling is between %d domains, and there are %d", n, k)
	}
	return nil
}
