package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/tuning"
)

// activationFlags are the flags of commands that run one head on a user's own
// activations.
type activationFlags struct {
	opt       attend.Options
	calibrate string
}

func newActivationFlags() activationFlags {
	return activationFlags{opt: attend.Options{Tuning: tuning.Exp, Draw: tuning.IID, Precision: attend.Float64}}
}

// ownConstants is the value of --calibrate without a file: no file is called so.
const ownConstants = "\x00"

// neurons adds the flags of the hidden neurons.
func (f *activationFlags) neurons(c *cobra.Command) {
	flags := c.Flags()
	choiceVar(c, &f.opt.Tuning, "tuning", "tuning curves of the hidden neurons: "+list(tuning.Maps()), tuning.Maps()...)
	intVar(flags, &f.opt.Neurons, "neurons", 1, fmt.Sprintf("rows of W to draw; trig and hyperbolic have two hidden neurons per row (default %d)", attend.DefaultNeurons))
	choiceVar(c, &f.opt.Draw, "draw", "how rows of W are drawn: iid or orthogonal", tuning.IID, tuning.Orthogonal)
	flags.StringVar(&f.calibrate, "calibrate", "", "shrink |q+k| by a change of variables that leaves softmax as it is; constants from the input, or from arrays q, k [n,d] of a calibration set in `FILE`")
	flags.Lookup("calibrate").NoOptDefVal = ownConstants
	group(c, "Hidden neurons", "tuning", "neurons", "draw", "calibrate")
}

// causal adds --causal.
func (f *activationFlags) causal(c *cobra.Command) {
	c.Flags().BoolVar(&f.opt.Causal, "causal", false, "write a token, read it, then the next; otherwise all are written, then read")
}

// sigma adds --sigma.
func (f *activationFlags) sigma(c *cobra.Command) {
	floatVar(c.Flags(), &f.opt.Sigma, "sigma", func(x float64) bool { return x >= 0 },
		"a finite number of at least 0", "half-saturation of the astrocyte, in units of calcium (default 0)")
}

// arguments checks that there is one input.
func (f *activationFlags) arguments(c *cobra.Command, args []string) error {
	if len(args) > 1 && f.calibrate == ownConstants {
		return fmt.Errorf("%s: unexpected argument %q after IN.npz; a calibration set needs an equals sign: --calibrate=FILE", c.Name(), args[1])
	}
	return arguments("IN.npz")(c, args)
}

// check resolves where the constants of a calibration come from.
func (f *activationFlags) check(c *cobra.Command) error {
	if c.Flags().Changed("calibrate") && f.calibrate == "" {
		return usagef("%s: --calibrate= has no file; write --calibrate=FILE.npz, or --calibrate alone for the input's own constants", c.Name())
	}
	f.opt.Calibration = attend.Uncalibrated
	switch f.calibrate {
	case "":
	case ownConstants:
		f.opt.Calibration = attend.CalibratedOn
		if f.opt.Causal {
			return usagef("%s: --calibrate with --causal: %w; give --calibrate=FILE.npz", c.Name(), attend.ErrOwnConstants)
		}
	default:
		f.opt.Calibration = attend.CalibratedSet
	}
	return nil
}

// options returns the options of a run on an input, with its calibration set.
func (f *activationFlags) options(e *env, in *attend.Input) (attend.Options, error) {
	opt := f.opt
	opt.Seed, opt.Cores = e.seed, e.cores()
	if in.GerfA != nil && opt.Tuning == tuning.Gerf && opt.Calibration != attend.Uncalibrated {
		e.warnf("gerf_A of the input is not used: it was made for queries and keys without calibration, which computes its own")
	}
	var err error
	if opt.Calibration == attend.CalibratedSet {
		opt.Set, err = readArrays(e, f.calibrate, attend.ReadSet)
	}
	return opt, err
}
