package main

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tripartite-go/tripartite/tensor"
)

// value is a flag of any type, checked while it is parsed, so that a bad value
// is a usage error.
type value[T any] struct {
	to      *T
	initial T      // the default
	kind    string // what help calls the value
	parse   func(string) (T, error)
}

func (v *value[T]) Set(s string) error {
	x, err := v.parse(s)
	if err == nil {
		*v.to = x
	}
	return err
}

func (v *value[T]) String() string {
	if v.to == nil { // pflag compares with a zero value
		return ""
	}
	return fmt.Sprint(*v.to)
}

func (v *value[T]) Type() string { return v.kind }

// showDefault is what help says of the default, which is the value before
// anything is parsed. Zero is left to the flag's own words.
func (v *value[T]) showDefault() string {
	switch s := fmt.Sprint(v.initial); s {
	case "", "0":
		return ""
	default:
		return " (default " + s + ")"
	}
}

// intVar adds a flag for a whole number from low up.
func intVar(f *pflag.FlagSet, to *int, name string, low int, usage string) {
	rangeVar(f, to, name, low, math.MaxInt, fmt.Sprintf("of at least %d", low), usage)
}

// rangeVar adds a flag for a whole number from low to high; want says in words
// what that is.
func rangeVar(f *pflag.FlagSet, to *int, name string, low, high int, want, usage string) {
	f.Var(&value[int]{to, *to, "N", func(s string) (int, error) {
		x, err := strconv.Atoi(s)
		if err != nil || x < low || x > high {
			return 0, fmt.Errorf("want a whole number %s", want)
		}
		return x, nil
	}}, name, usage)
}

// floatVar adds a flag for a finite number for which ok holds; want says in
// words what that is.
func floatVar(f *pflag.FlagSet, to *float64, name string, ok func(float64) bool, want, usage string) {
	f.Var(&value[float64]{to, *to, "X", func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || !ok(x) {
			return 0, fmt.Errorf("want %s", want)
		}
		return x, nil
	}}, name, usage)
}

// seedVar adds a flag for a seed.
func seedVar(f *pflag.FlagSet, to *uint64, name, usage string) {
	f.Var(&value[uint64]{to, *to, "N", func(s string) (uint64, error) {
		x, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("want a whole number from 0 to %d", uint64(math.MaxUint64))
		}
		return x, nil
	}}, name, usage)
}

// choiceVar adds a flag that takes one of a few names, which shells complete.
func choiceVar[T ~string](c *cobra.Command, to *T, name, usage string, choices ...T) {
	names := make([]string, len(choices))
	for i, x := range choices {
		names[i] = string(x)
	}
	c.Flags().Var(&value[T]{to, *to, "NAME", func(s string) (T, error) {
		if !slices.Contains(choices, T(s)) {
			return "", fmt.Errorf("want one of %s", strings.Join(names, ", "))
		}
		return T(s), nil
	}}, name, usage)
	// The error would be a flag that is not there, or done twice.
	_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// precisionVar adds --precision for the products of a network.
func precisionVar(c *cobra.Command, to *tensor.Precision) {
	c.Flags().Var(&value[tensor.Precision]{to, *to, "NAME", func(s string) (tensor.Precision, error) {
		p, err := tensor.ParsePrecision(s)
		if err != nil {
			err = fmt.Errorf("want one of %s", strings.Join(tensor.Precisions(), ", "))
		}
		return p, err
	}}, "precision", "products: float32, or fast, which takes Intel's AMX where the CPU has it (largest error about 2e-5 of rms)")
	_ = c.RegisterFlagCompletionFunc("precision", cobra.FixedCompletions(tensor.Precisions(), cobra.ShellCompDirectiveNoFileComp))
}

// arithmetic notes what becomes of --precision.
func (e *env) arithmetic(p tensor.Precision) {
	a := p.Arithmetic()
	if a.Reason != "" {
		e.warnf("--precision %s: products are float32, since %s", a.Precision, a.Reason)
	}
	e.logf("products: %s (%s)", a.Precision, a.Products)
}

// outputVar adds -o, --output, a path whose default is what to points at.
func outputVar(c *cobra.Command, to *string, usage string) {
	c.Flags().StringVarP(to, "output", "o", *to, usage)
}

// pathCompletions completes the arguments of a command by files of one kind.
func pathCompletions(extensions ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

// groupAnnotation is where a flag's heading in help is kept.
const groupAnnotation = "tripartite_group"

// group puts flags under a heading in help, in the order given.
func group(c *cobra.Command, heading string, names ...string) {
	for _, name := range names {
		f := c.Flags().Lookup(name)
		if f == nil {
			panic("no flag --" + name)
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[groupAnnotation] = []string{heading}
	}
}

// cause is what the operating system said, without operation and file name.
func cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.SyscallError:
		return e.Err
	}
	return err
}
