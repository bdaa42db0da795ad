package nn

import (
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/tensor"
)

// Activation is the nonlinearity of the ordinary neurons of a feed-forward
// layer. The zero value is GELU.
type Activation int

const (
	GELU     Activation = iota // x·Phi(x), Phi the normal distribution function
	GELUTanh                   // x/2·(1 + tanh(sqrt(2/pi)(x + 0.044715 x³)))
	ReLU                       // max(0, x)
	SiLU                       // x/(1 + exp(-x))
	Tanh                       // tanh(x)
)

// activations lists the names of Hugging Face's configurations; several name
// one function.
var activations = []struct {
	name       string
	activation Activation
}{
	{"gelu", GELU},
	{"gelu_python", GELU},
	{"gelu_new", GELUTanh},
	{"gelu_pytorch_tanh", GELUTanh},
	{"gelu_python_tanh", GELUTanh},
	{"gelu_fast", GELUTanh},
	{"gelu_accurate", GELUTanh},
	{"relu", ReLU},
	{"silu", SiLU},
	{"swish", SiLU},
	{"tanh", Tanh},
}

// ParseActivation finds an activation by the name that Hugging Face's
// configurations use (hidden_act, activation_function).
func ParseActivation(name string) (Activation, error) {
	known := make([]string, len(activations))
	for i, a := range activations {
		if a.name == name {
			return a.activation, nil
		}
		known[i] = a.name
	}
	return 0, fmt.Errorf("activation %q is not supported; supported are %s", name, strings.Join(known, ", "))
}

// String returns the first of the activation's names.
func (a Activation) String() string {
	for _, e := range activations {
		if e.activation == a {
			return e.name
		}
	}
	return fmt.Sprintf("activation %d", int(a))
}

// Apply is dst = a(x); dst may be x.
func (a Activation) Apply(dst, x []float32) {
	switch a {
	case GELU:
		tensor.GELU(dst, x)
	case GELUTanh:
		tensor.GELUTanh(dst, x)
	case ReLU:
		tensor.ReLU(dst, x)
	case SiLU:
		tensor.SiLU(dst, x)
	case Tanh:
		tensor.Tanh(dst, x)
	default:
		panic("nn: " + a.String() + " does not exist")
	}
}
