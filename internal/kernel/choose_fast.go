package kernel

import (
	"fmt"
	"os"
	"sync"
)

// fast is the choice of this process, made on first use.
var fast = sync.OnceValues(func() (*Kernels, error) {
	plan := planFast(os.Getenv(Variable))
	if plan.err == nil && plan.permit != nil {
		plan.err = plan.permit()
	}
	if plan.err != nil {
		return Choose(), plan.err
	}
	return plan.kernels, nil
})

// Fast returns the kernels with fast products: AMX where the CPU has it and the
// operating system permits it, which is asked for on the first call and holds for
// the whole process. Otherwise it returns those of Choose, whose products are
// float32, and an error that says why.
//
// Where the environment variable Variable names an implementation other than
// amx, that is kept to: portable has fast products of its own, in plain Go, to
// test with; the others have none.
func Fast() (*Kernels, error) { return fast() }

// FastSupport returns what Fast would, but for the permission, which it does not
// ask for: the name of the kernels, or why products stay float32.
func FastSupport() (name string, err error) {
	plan := planFast(os.Getenv(Variable))
	if plan.err != nil {
		return "", plan.err
	}
	return plan.kernels.Name, nil
}

// fastPlan is what fast products would be made of.
type fastPlan struct {
	kernels *Kernels
	permit  func() error // asks the operating system; nil where that is not needed
	err     error        // why there are none
}

func planFast(name string) fastPlan {
	switch name {
	case "portable":
		return fastPlan{kernels: portableHalves.fast("portable-fast", Portable())}
	case "", amxName:
		return planAMX()
	}
	return fastPlan{err: fmt.Errorf("%s=%s leaves AMX out", Variable, name)}
}

// amxName is the name of the kernels with products by AMX.
const amxName = "amx"
