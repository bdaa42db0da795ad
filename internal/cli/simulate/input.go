package simulate

import (
	"fmt"

	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/internal/npz"
)

// Input is one head's activations and, where given, the domains of its hidden
// neurons and how they are coupled.
type Input struct {
	attend.Input
	Domains  []int     // [m], nil where absent
	Coupling []float64 // [K, K] strengths, nil where absent
}

// Arrays lists the arrays that Read knows.
func Arrays() []string { return append(attend.Arrays(), "domains", "coupling") }

// Read takes the arrays that package attend reads and, where present, domains [m]
// and coupling [K, K] from an archive. The name stands for the file in errors.
func Read(archive *npz.Archive, name string) (*Input, error) {
	in, err := attend.Read(archive, name, attend.Float64)
	if err != nil {
		return nil, err
	}
	out := &Input{Input: *in}
	if out.Domains, err = domainsOf(archive, name); err != nil {
		return nil, err
	}
	if archive.Has("coupling") {
		a, err := archive.Array("coupling")
		if err != nil {
			return nil, err
		}
		if len(a.Shape) != 2 || a.Shape[0] != a.Shape[1] || a.Len() == 0 {
			return nil, fmt.Errorf("%s: coupling has shape %v, want [K,K], the strength between every two domains", name, a.Shape)
		}
		out.Coupling = a.Float64()
	}
	return out, nil
}

// domainsOf returns the array domains, nil where it is absent.
func domainsOf(archive *npz.Archive, name string) ([]int, error) {
	if !archive.Has("domains") {
		return nil, nil
	}
	a, err := archive.Array("domains")
	if err != nil {
		return nil, err
	}
	if len(a.Shape) != 1 {
		return nil, fmt.Errorf("%s: domains has %d axes, want [m], the domain of every hidden neuron, from 0", name, len(a.Shape))
	}
	of, err := a.Int64()
	if err != nil {
		return nil, err
	}
	out := make([]int, len(of))
	for i, j := range of {
		if j < 0 || j >= int64(len(of)) {
			return nil, fmt.Errorf("%s: %s is %d; number the domains of %d neurons from 0, without gaps", name, a.Place(i), j, len(of))
		}
		out[i] = int(j)
	}
	return out, nil
}
