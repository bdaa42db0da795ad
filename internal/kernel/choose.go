package kernel

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// Variable is the environment variable that names the implementation to use
// instead of the fastest: portable, avx2, avx512, amx or neon. With amx, which is
// avx512 but for fast products (see Fast), there must be AMX.
const Variable = "TRIPARTITE_KERNEL"

// chosen is the choice of this process, made on first use.
var chosen = sync.OnceValues(func() (*Kernels, error) { return choose(os.Getenv(Variable), Available()) })

// Choose returns the implementation for this process: what the environment
// variable Variable names, else the fastest that the CPU has. A name that cannot
// be had gives the fastest too, and an error from ChoiceError.
func Choose() *Kernels {
	ks, _ := chosen()
	return ks
}

// ChoiceError returns why Choose could not do what the environment variable
// Variable asks for, nil where it did. Programs should ask once at their start,
// lest somebody measure one implementation and believe it another.
func ChoiceError() error {
	_, err := chosen()
	return err
}

// Available returns every implementation that this CPU can run, the fastest
// first and the portable one last.
func Available() []*Kernels { return append(native(), Portable()) }

// choose returns the implementation of that name, the first for no name, and
// the first with an error for a name that is not there.
func choose(name string, available []*Kernels) (*Kernels, error) {
	if name == "" {
		return available[0], nil
	}
	if name == amxName {
		if plan := planAMX(); plan.err != nil {
			return available[0], fmt.Errorf("%s=%s: %w; leave it unset for %s", Variable, name, plan.err, available[0].Name)
		}
		name = "avx512"
	}
	var names []string
	for _, ks := range available {
		if ks.Name == name {
			return ks, nil
		}
		names = append(names, ks.Name)
	}
	return available[0], fmt.Errorf("%s=%s: this build has no such kernel for this CPU; set it to one of %s, or leave it unset for %s",
		Variable, name, strings.Join(names, ", "), names[0])
}
