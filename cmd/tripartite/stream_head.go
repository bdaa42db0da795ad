package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/stream"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// headFlags are the flags of a stream through one head.
type headFlags struct {
	path          string // of its weights, or identityHead
	forget, sigma float64
	outputs       bool
}

// identityHead is the value of --head for the head without weights.
const identityHead = "identity"

// headOnly are the flags that have no meaning without --head.
var headOnly = []string{"forget", "sigma", "outputs"}

// maxCalibrationRows bounds what --calibrate reads: enough for constants, whatever
// the length of a sound.
const maxCalibrationRows = 1 << 14

func (f *headFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.path, "head", "", "run one head on arrays or sound: `HEAD.npz` with its weights, or identity")
	floatVar(flags, &f.forget, "forget", func(x float64) bool { return x >= 0 && x < 1 },
		"a fraction in [0, 1)", "fraction of the memory lost at every row, in [0, 1) (default 0)")
	floatVar(flags, &f.sigma, "sigma", func(x float64) bool { return x >= 0 },
		"a finite number of at least 0", "half-saturation of the astrocyte, in units of calcium (default 0)")
	flags.BoolVar(&f.outputs, "outputs", false, "print the outputs y of a row in its line, too")
	group(c, "One head", "head", "forget", "sigma", "outputs")
}

// check refuses flags that are for networks.
func (f *headFlags) check(c *cobra.Command, all *streamFlags) error {
	for _, name := range []string{"attention", "ids"} {
		if c.Flags().Changed(name) {
			return usagef("stream: --%s is for a network, and --head runs one head; leave one of them out", name)
		}
	}
	if all.precision == streamPrecision(tensor.Fast.String()) {
		return usagef("stream: --precision fast is for a network; a head computes in float64 or float32")
	}
	if all.circuits.tuning == network.Calibrated {
		return usagef("stream: --tuning %s is for a network; with --head, give --calibrate ROWS and curves such as gerf", network.Calibrated)
	}
	if t := all.circuits.tuning; t != "" && !slices.Contains(tuning.Maps(), tuning.Map(t)) {
		return usagef("stream: --tuning %s: fitted curves are those of a network's heads; with --head, choose one of %s", t, list(mapNames()))
	}
	return nil
}

// options are those of attend, with its defaults.
func (f *streamFlags) options(e *env, c *cobra.Command) attend.Options {
	opt := attend.Options{
		Tuning: tuning.Exp, Draw: tuning.IID, Precision: attend.Float64, Causal: true, Calibration: attend.Uncalibrated,
		Forget: f.single.forget, Sigma: f.single.sigma, Seed: e.seed,
	}
	if c.Flags().Changed("tuning") {
		opt.Tuning = tuning.Map(f.circuits.tuning)
	}
	if c.Flags().Changed("neurons") {
		opt.Neurons = f.circuits.neurons
	}
	if c.Flags().Changed("draw") {
		opt.Draw = f.circuits.draw
	}
	if f.precision != "" {
		opt.Precision = attend.Precision(f.precision)
	}
	return opt
}

func runStreamHead(e *env, c *cobra.Command, f *streamFlags, input string) error {
	opt := f.options(e, c)
	if opt.Precision == attend.Float32 {
		return streamHead[float32](e, c, f, opt, input)
	}
	return streamHead[float64](e, c, f, opt, input)
}

func streamHead[F tripartite.Float](e *env, c *cobra.Command, f *streamFlags, opt attend.Options, input string) error {
	ctx := c.Context()
	if f.circuits.calibrate != "" && f.circuits.calibrate == input {
		return usagef("stream: --calibrate %s: %w; give other rows of the same kind", input, attend.ErrOwnConstants)
	}
	var before *stream.HeadInfo
	if f.resume != "" {
		if stream.IsMemory(f.resume) {
			return errors.New("resume " + f.resume + ": it is the memory of a whole network; leave out --head, and name the model")
		}
		var err error
		if before, err = stream.InspectHead(f.resume); err != nil {
			return err
		}
	}
	in, err := openRows(ctx, e, input, before)
	if err != nil {
		return err
	}
	defer in.Close()
	if isStream(input) && e.interactive {
		e.warnf("an array or a sound is expected on standard input, and it is a terminal")
	}
	head, err := f.single.read(e, opt, in.kind.Width)
	if err != nil {
		return err
	}
	if path := f.circuits.calibrate; path != "" {
		if opt.Set, err = calibrationRows(ctx, e, head, path); err != nil {
			return err
		}
		opt.Calibration = attend.CalibratedSet
	}
	cfg, err := attend.StreamHead[F](head, opt)
	if err != nil {
		return err
	}
	cfg.Input, cfg.Every, cfg.ShowY = in.kind, f.every, f.single.outputs
	h, err := stream.NewHead(cfg)
	if err != nil {
		return err
	}
	if f.resume != "" {
		if err := h.Resume(f.resume); err != nil {
			return err
		}
	}
	e.logf("%v, d=%d, dv=%d, %d hidden neurons, %s curves, %s", in.kind, head.Inputs, head.Outputs, cfg.Circuit.Tuning.Neurons(), opt.Tuning, opt.Precision)
	out := stream.HeadOutput[F]{Lines: lineWriter{e}, Save: f.save, SaveEvery: f.between()}
	if f.output != "" {
		if out.States, err = stream.OpenStates[F](f.output, head.Outputs, h.Rows()); err != nil {
			return err
		}
	}
	live, end := e.live("rows", time.Now)
	taken := 0
	out.Live = func(s stream.Status) {
		if taken++; taken == rowsToJudge {
			judge(e, h.MeanSquaredNorm(), cfg.Circuit.Tuning)
		}
		if live != nil {
			live(s)
		}
	}
	err = h.Run(ctx, in.rows, out)
	end()
	if err == nil {
		if 0 < taken && taken < rowsToJudge {
			judge(e, h.MeanSquaredNorm(), cfg.Circuit.Tuning)
		}
		in.ended(e, int(h.Status().Offset))
	}
	return ended(ctx, e, err, out.States)
}

// rowsToJudge is after how many rows a note says that curves are too weak.
const rowsToJudge = 100

// judge notes where random curves cannot estimate the kernels of a head: the
// standard error of one is sqrt((exp(|q+k|²) - 1) / m) of it, by the variance law,
// and is taken as too large from 1 on.
func judge[F tripartite.Float](e *env, norm float64, curves *tuning.Curves[F]) {
	if curves.Calibrated() || !curves.Map().Estimates() || math.Expm1(norm) < float64(curves.Neurons()) {
		return
	}
	e.warnf("the mean |q+k|² is %.3g: %d random neurons estimate a kernel exp(q.k) with an error of its size or more; calibrate (--calibrate ROWS), or make queries and keys shorter (W_Q, W_K of fewer rows)", norm, curves.Neurons())
}

// read reads the weights of the head.
func (f *headFlags) read(e *env, opt attend.Options, width int) (*attend.Head, error) {
	if f.path == identityHead {
		return attend.IdentityHead(width), nil
	}
	return readArrays(e, f.path, func(a *npz.Archive, name string) (*attend.Head, error) {
		e.unread(a, name, attend.HeadArrays())
		return attend.ReadHead(a, name, opt.Precision, width)
	})
}

// calibrationRows reads the rows of --calibrate.
func calibrationRows(ctx context.Context, e *env, head *attend.Head, path string) (*attend.Set, error) {
	in, err := openRows(ctx, e, path, nil)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if in.kind.Width != head.Width {
		return nil, usagef("stream: --calibrate %s has rows of width %d, and the input %d; give rows of the same kind", path, in.kind.Width, head.Width)
	}
	return head.Set(ctx, in.rows, maxCalibrationRows)
}
