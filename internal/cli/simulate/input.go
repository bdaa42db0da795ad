package simulate

import (
	"fmt"

	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/internal/npz"
)

// Input is one head's activations and, where given, the domains of its hidden
// neurons.
type Input struct {
	attend.Input
	Domains []int // [m], nil where absent
}

// Arrays lists the arrays that Read knows.
func Arrays() []string { return append(attend.Arrays(), "domains") }

// Read takes the arrays that package attend reads and, where present, domains [m]
// from an archive. The name stands for the file in errors.
func Read(archive *npz.Archive, name string) (*Input, error) {
	in, err := attend.Read(archive, name, attend.Float64)
	if err != nil {
		return nil, err
	}
	out := &Input{Input: *in}
	if !archive.Has("domains") {
		return out, nil
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
	out.Domains = make([]int, len(of))
	for i, j := range of {
		if j < 0 || j >= int64(len(of)) {
			return nil, fmt.Errorf("%s: %s is %d; number the domains of %d neurons from 0, without gaps", name, a.Place(i), j, len(of))
		}
		out.Domains[i] = int(j)
	}
	return out, nil
}
