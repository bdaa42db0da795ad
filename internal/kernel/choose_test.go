package kernel

import (
	"os"
	"strings"
	"testing"
)

func TestKernelsAreChosenByName(t *testing.T) {
	available := []*Kernels{{Name: "fast"}, {Name: "portable"}}
	for name, want := range map[string]string{"": "fast", "fast": "fast", "portable": "portable"} {
		if ks, err := choose(name, available); err != nil || ks.Name != want {
			t.Errorf("%q gives %s and %v, want %s", name, ks.Name, err, want)
		}
	}
}

func TestAnUnknownKernelIsNamedWithItsRemedy(t *testing.T) {
	ks, err := choose("sse", []*Kernels{{Name: "fast"}, {Name: "portable"}})
	if ks.Name != "fast" {
		t.Errorf("the choice is %s", ks.Name)
	}
	for _, part := range []string{Variable + "=sse", "fast, portable"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error %v does not say %q", err, part)
		}
	}
}

// The variable leaves AMX out where it names something else, and there is never a
// choice without a reason.
func TestFastProductsFollowTheEnvironment(t *testing.T) {
	if plan := planFast("portable"); plan.err != nil || plan.kernels.Name != "portable-fast" || plan.permit != nil {
		t.Errorf("portable gives %+v", plan)
	}
	for _, name := range []string{"avx2", "avx512", "neon"} {
		if plan := planFast(name); plan.err == nil || !strings.Contains(plan.err.Error(), Variable+"="+name) {
			t.Errorf("%s gives %+v", name, plan)
		}
	}
	plan := planFast("")
	ks, err := choose(amxName, Available())
	if plan.err == nil {
		if plan.kernels.Name != amxName || plan.permit == nil || err != nil || ks.Name != "avx512" {
			t.Errorf("with AMX, fast is %+v, and %s=amx gives %s, %v", plan, Variable, ks.Name, err)
		}
	} else if err == nil || !strings.Contains(err.Error(), plan.err.Error()) || ks.Name != Available()[0].Name {
		t.Errorf("without AMX (%v), %s=amx gives %s, %v", plan.err, Variable, ks.Name, err)
	}
	supported, why := FastSupport()
	got, reason := Fast()
	if reason == nil && got.Name != supported || why != nil && got != Choose() {
		t.Errorf("%q is supported (%v), fast is %s (%v)", supported, why, got.Name, reason)
	}
}

func TestChoiceFollowsTheEnvironment(t *testing.T) {
	ks, err := choose(os.Getenv(Variable), Available())
	if got := Choose(); got.Name != ks.Name || (ChoiceError() == nil) != (err == nil) {
		t.Errorf("the choice is %s with error %v, want %s with %v", got.Name, ChoiceError(), ks.Name, err)
	}
	first := Choose()
	if second := Choose(); second != first {
		t.Error("the choice was made twice")
	}
}

func TestAvailableKernelsAreDistinctAndComplete(t *testing.T) {
	list := Available()
	if list[len(list)-1].Name != Portable().Name {
		t.Error("the portable kernels are not the last")
	}
	seen := map[string]bool{}
	for _, ks := range list {
		if seen[ks.Name] {
			t.Errorf("two kernels are called %s", ks.Name)
		}
		seen[ks.Name] = true
		if ks.Panel < 1 || ks.Product == nil || ks.Peak(1) < 1 {
			t.Errorf("%s is incomplete", ks.Name)
		}
	}
}
