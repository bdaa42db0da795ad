package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tuning"
)

// curveNames are the names of curves that a user may give; what is none of them
// is a file of fitted ones.
func curveNames() []string {
	return append([]string{string(tuning.Fitted), network.Calibrated}, mapNames()...)
}

func mapNames() []string {
	var names []string
	for _, m := range tuning.Maps() {
		names = append(names, string(m))
	}
	return names
}

// tuningVar adds --tuning.
func tuningVar(c *cobra.Command, to *string) {
	names := curveNames()
	c.Flags().Var(&value[string]{to, *to, "CURVES", func(s string) (string, error) {
		if slices.Contains(names, s) || looksLikeFile(s) {
			return s, nil
		}
		return "", fmt.Errorf("want one of %s, or a file of fitted curves", strings.Join(names, ", "))
	}}, "tuning", "tuning `CURVES` of algebraic and rate heads: "+list(names)+", or a file of fitted ones (default fitted for a bundled model that brings such curves, else calibrated)")
	_ = c.RegisterFlagCompletionFunc("tuning", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		if strings.ContainsAny(begun, "./") {
			return []string{"safetensors"}, cobra.ShellCompDirectiveFilterFileExt
		}
		return names, cobra.ShellCompDirectiveDefault
	})
}

// looksLikeFile reports whether what is no name of curves is meant as a path.
func looksLikeFile(s string) bool {
	if strings.ContainsRune(s, filepath.Separator) || strings.ContainsAny(s, "./") {
		return true
	}
	_, err := os.Stat(s)
	return s != "" && err == nil
}

// fittedCurves are fitted tuning curves and where they were found, for errors.
type fittedCurves struct {
	*network.Tuning
	from string
}

// serves reports why the curves cannot serve a network; checkpoint is the hash of
// its weights.
func (f *fittedCurves) serves(net *network.Network, checkpoint string) error {
	if err := f.Serves(net.Model, checkpoint); err != nil {
		return fmt.Errorf("%s: %w", f.from, err)
	}
	return nil
}

// openTuning opens a file of fitted curves.
func openTuning(path string) (*fittedCurves, error) {
	if isStream(path) {
		return nil, usagef("%s is no file of tuning curves; give the path of one", path)
	}
	t, err := network.OpenTuning(path)
	if err != nil {
		return nil, err
	}
	return &fittedCurves{t, path}, nil
}

// tuningPattern matches network.TuningFile and its like, such as
// tuning-512.safetensors.
const tuningPattern = "tuning*.safetensors"

// tunings returns the files of fitted curves that lie with a model: that of
// network.TuningFile first, if it is there, then others.
func (m *modelFiles) tunings() []string {
	names, _ := fs.Glob(m.files, tuningPattern) // the pattern is right
	slices.SortFunc(names, func(a, b string) int {
		if a == network.TuningFile {
			return -1
		}
		if b == network.TuningFile {
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}

// openTuning opens fitted curves that lie with the model.
func (m *modelFiles) openTuning(name string) (*fittedCurves, error) {
	t, err := network.OpenTuningIn(m.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s brings no fitted tuning curves (%s); give a file of them by --tuning FILE, or choose others: --tuning %s", m.name, name, network.Calibrated)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return &fittedCurves{t, m.name}, nil
}

// settle decides which curves the heads of a model get, and opens fitted ones.
// Flags named in drawn, such as --neurons, are for curves that are drawn at
// random: given alone they choose calibrated ones, given with fitted ones they are
// refused.
func (f *circuitFlags) settle(e *env, c *cobra.Command, m modelFiles, drawn ...string) error {
	var given []string
	for _, name := range drawn {
		if c.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	own := m.bundled != nil && slices.Contains(m.tunings(), network.TuningFile)
	switch {
	case !f.attention.UsesCircuits():
		if !slices.Contains(curveNames()[1:], f.tuning) {
			f.tuning = network.Calibrated // of no head
		}
		return nil
	case f.tuning == "" && own && len(given) == 0:
		f.tuning = string(tuning.Fitted)
	case f.tuning == "":
		if f.tuning = network.Calibrated; own {
			e.warnf("%s: fitted curves, the default of %s, have neurons of their own, and calibrated ones take their place; --tuning %s says that, too", list(given), m.name, network.Calibrated)
		}
	}
	if slices.Contains(curveNames()[1:], f.tuning) {
		return nil
	}
	if len(given) > 0 {
		return usagef("%s: %s and --tuning %s: fitted curves have neurons of their own, and nothing of them is drawn; leave %s out, or choose other curves, such as --tuning %s",
			c.Name(), list(given), f.tuning, list(given), network.Calibrated)
	}
	var err error
	if f.tuning == string(tuning.Fitted) {
		f.fitted, err = m.openTuning(network.TuningFile)
	} else {
		f.fitted, err = openTuning(f.tuning)
	}
	f.tuning = string(tuning.Fitted)
	return err
}

// settleForUse is settle for a command that calibrates for its heads alone, to
// which inputs to calibrate on are otherwise of no use.
func (f *circuitFlags) settleForUse(e *env, c *cobra.Command, m modelFiles) error {
	if err := f.settle(e, c, m, "neurons", "draw", "calibrate"); err != nil {
		return err
	}
	if f.calibrate != "" && f.attention.UsesCircuits() && !f.needsCalibration() {
		e.warnf("--calibrate has no effect on %s curves; use --tuning %s", f.tuning, network.Calibrated)
	}
	return nil
}
