package tensor

import (
	"fmt"
	"sync"

	"github.com/tripartite-go/tripartite/internal/kernel"
)

// Precision is the arithmetic of products. Everything else is float32 always.
type Precision int

const (
	// Float32 rounds every multiplication or addition to float32.
	Float32 Precision = iota
	// Fast takes every float32 apart into two numbers of bfloat16 and computes
	// three of the four products, which Intel's AMX does several times faster. What
	// is left out is at most 2^-15 of the sum of the sizes of the terms, and
	// typically far less (docs/numerics.md). Where the CPU has no AMX, Fast is the
	// same as Float32; Arithmetic says so. The first use asks the operating system
	// for permission, for the whole process.
	Fast
)

// Precisions returns the names of all, for ParsePrecision.
func Precisions() []string { return []string{Float32.String(), Fast.String()} }

// ParsePrecision returns the precision of that name.
func ParsePrecision(name string) (Precision, error) {
	for _, p := range []Precision{Float32, Fast} {
		if p.String() == name {
			return p, nil
		}
	}
	return Float32, fmt.Errorf("there is no precision %q; known are %q", name, Precisions())
}

func (p Precision) String() string {
	switch p {
	case Float32:
		return "float32"
	case Fast:
		return "fast"
	}
	return fmt.Sprintf("Precision(%d)", int(p))
}

// fast is asked for on first use: it may need permission of the operating system.
var fast = sync.OnceValues(kernel.Fast)

// kernels returns the arithmetic of products, nil for float32.
func (p Precision) kernels() *kernel.Kernels {
	switch p {
	case Float32:
		return nil
	case Fast:
		ks, _ := fast()
		return ks
	}
	panic("tensor: there is no precision " + p.String())
}

// Arithmetic says which products were asked for and which are computed. Results
// carry it.
type Arithmetic struct {
	Precision string `json:"precision"`
	// Products is "amx", or, as Kernel, the name of the arithmetic of float32.
	Products string `json:"products"`
	// Reason says why products are float32 where Fast was asked for.
	Reason string `json:"products_reason,omitempty"`
}

// Arithmetic returns what products of this precision are here.
func (p Precision) Arithmetic() Arithmetic {
	a := Arithmetic{Precision: p.String(), Products: Kernel()}
	if p == Fast {
		ks, err := fast()
		a.Products = ks.Name
		if err != nil {
			a.Reason = err.Error()
		}
	}
	return a
}
