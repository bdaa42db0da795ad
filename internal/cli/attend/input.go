package attend

import (
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/internal/npz"
)

// Input is one head's activations and, where given, the weights of its hidden
// neurons. Matrices are row-major; optional arrays are nil where absent.
type Input struct {
	Tokens  int // N
	Inputs  int // d, width of queries and keys
	Outputs int // dv, width of values
	Rows    int // of W; 0 where absent

	Q, K  []float64 // [N, d], scaled so that q.k is the attention logit
	V     []float64 // [N, dv]
	W     []float64 // [Rows, d] input weights of the hidden neurons
	B     []float64 // [Rows] phases in radians
	GerfA []float64 // gerf's parameter, one value or [d]
}

// Arrays lists the arrays that Read knows.
func Arrays() []string { return []string{"q", "k", "v", "W", "b", "gerf_A"} }

// Read takes the arrays q, k, v and, where present, W, b and gerf_A from an
// archive, and checks shapes and values; other arrays are ignored. The name
// stands for the file in errors.
func Read(archive *npz.Archive, name string, precision Precision) (*Input, error) {
	r := reader{archive: archive, name: name, precision: precision}
	if err := r.require("save queries and keys [N,d] and values [N,dv]: np.savez(path, q=q, k=k, v=v)", "q", "k", "v"); err != nil {
		return nil, err
	}
	in := &Input{}
	var err error
	if in.Q, in.K, in.Tokens, in.Inputs, err = r.queriesAndKeys(); err != nil {
		return nil, err
	}
	v, shape, err := r.matrix("v", "N, dv")
	if err != nil {
		return nil, err
	}
	if shape[0] != in.Tokens {
		return nil, r.failf("v is %s but q is %s; give one value for every token", dims(shape), dims([]int{in.Tokens, in.Inputs}))
	}
	in.V, in.Outputs = v, shape[1]
	if err := in.readNeurons(&r, "q is "+dims([]int{in.Tokens, in.Inputs})); err != nil {
		return nil, err
	}
	return in, nil
}

// readNeurons reads the optional arrays that describe the hidden neurons. What
// makes their width d is said in words.
func (in *Input) readNeurons(r *reader, since string) error {
	if r.archive.Has("W") {
		w, shape, err := r.matrix("W", "m, d")
		if err != nil {
			return err
		}
		if shape[1] != in.Inputs {
			return r.failf("W is %s but %s; every row of W needs d=%d weights", dims(shape), since, in.Inputs)
		}
		in.W, in.Rows = w, shape[0]
	}
	if r.archive.Has("b") {
		b, shape, err := r.array("b")
		if err != nil {
			return err
		}
		switch {
		case len(shape) != 1:
			return r.failf("b is %s, want [m], one phase for every row of W", dims(shape))
		case in.W == nil:
			return r.failf("there are phases b %s but no weights W; give both, or neither and both are drawn", dims(shape))
		case shape[0] != in.Rows:
			return r.failf("b is %s but W is %s; give one phase for every row of W", dims(shape), dims([]int{in.Rows, in.Inputs}))
		}
		in.B = b
	}
	if r.archive.Has("gerf_A") {
		a, shape, err := r.array("gerf_A")
		if err != nil {
			return err
		}
		if len(shape) > 1 || len(a) != 1 && len(a) != in.Inputs {
			return r.failf("gerf_A is %s, want a single number, or [%d], one for every axis", dims(shape), in.Inputs)
		}
		for i, x := range a {
			if x > 0 {
				return r.failf("gerf_A[%d] is %g, it must be at most 0; leave the array out to have the best value computed", i, x)
			}
		}
		in.GerfA = a
	}
	return nil
}

// Set is a calibration set: queries and keys of the same head on other text.
type Set struct {
	Inputs int       // d
	Q, K   []float64 // [n, d]
}

// ReadSet takes the arrays q and k from an archive.
func ReadSet(archive *npz.Archive, name string) (*Set, error) {
	r := reader{archive: archive, name: name, precision: Float64}
	if err := r.require("save queries and keys [n,d] of calibration text: np.savez(path, q=q, k=k)", "q", "k"); err != nil {
		return nil, err
	}
	q, k, _, d, err := r.queriesAndKeys()
	if err != nil {
		return nil, err
	}
	return &Set{Inputs: d, Q: q, K: k}, nil
}

// reader reads arrays and words what is wrong with them.
type reader struct {
	archive   *npz.Archive
	name      string
	precision Precision
}

func (r *reader) failf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", r.name, fmt.Sprintf(format, args...))
}

// require reports all arrays that are missing at once.
func (r *reader) require(remedy string, names ...string) error {
	var missing []string
	for _, n := range names {
		if !r.archive.Has(n) {
			missing = append(missing, n)
		}
	}
	if missing == nil {
		return nil
	}
	present := "it is empty"
	if has := r.archive.Names(); len(has) > 0 {
		present = "it has " + strings.Join(has, ", ")
	}
	noun := "array"
	if len(missing) > 1 {
		noun = "arrays"
	}
	return r.failf("%s %s missing (%s); %s", noun, strings.Join(missing, ", "), present, remedy)
}

// queriesAndKeys reads q and k, both [n, d].
func (r *reader) queriesAndKeys() (q, k []float64, n, d int, err error) {
	q, qs, err := r.matrix("q", "N, d")
	if err != nil {
		return nil, nil, 0, 0, err
	}
	k, ks, err := r.matrix("k", "N, d")
	if err != nil {
		return nil, nil, 0, 0, err
	}
	if qs[0] != ks[0] || qs[1] != ks[1] {
		return nil, nil, 0, 0, r.failf("q is %s but k is %s; both must be [N,d]", dims(qs), dims(ks))
	}
	return q, k, qs[0], qs[1], nil
}

// matrix reads an array of two axes with at least one element.
func (r *reader) matrix(name, axes string) ([]float64, []int, error) {
	x, shape, err := r.array(name)
	if err != nil {
		return nil, nil, err
	}
	if len(shape) != 2 {
		return nil, nil, r.failf("%s is %s, want two axes [%s]; select one head and one sequence", name, dims(shape), axes)
	}
	if len(x) == 0 {
		return nil, nil, r.failf("%s is %s, which is empty; give at least one row and one column", name, dims(shape))
	}
	return x, shape, nil
}

// array reads an array whose values must be finite, also in the arithmetic of
// the circuit.
func (r *reader) array(name string) ([]float64, []int, error) {
	a, err := r.archive.Array(name)
	if err != nil {
		return nil, nil, err // names the file
	}
	x := a.Float64()
	if i := npz.FirstNonFinite(x); i >= 0 {
		return nil, nil, r.failf("%s is %v; every value must be finite: find what produced it with np.argwhere(~np.isfinite(%s))", a.Place(i), x[i], name)
	}
	if r.precision == Float32 {
		if _, err := a.Float32(); err != nil {
			return nil, nil, err
		}
	}
	return x, a.Shape, nil
}

// dims writes a shape as Python would, without spaces.
func dims(shape []int) string {
	s := make([]string, len(shape))
	for i, n := range shape {
		s[i] = fmt.Sprint(n)
	}
	return "[" + strings.Join(s, ",") + "]"
}
