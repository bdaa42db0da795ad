package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/fit"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/transfer"
)

// shortVision is a fit of the bundled classifier of pictures that takes a second,
// before -o.
func shortVision(more ...string) []string {
	return append([]string{"fit", "--model", "vision", "--neurons", "16", "--head-steps", "4", "--joint-steps", "2", "-q"}, more...)
}

// fitVision returns a file of fitted curves of the bundled classifier of pictures.
func fitVision(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zebra.safetensors")
	must(t, shortVision("-o", path)...)
	return path
}

// The curves depend on inputs, seed and steps alone, and say what they belong to;
// no state and no path is left.
func TestFitGivesTheSameBytesAnywhere(t *testing.T) {
	var first map[string]string
	var result string
	for i, threads := range []string{"1", "2"} {
		dir := t.TempDir()
		o := must(t, shortVision("--threads", threads, "--json", "-o", filepath.Join(dir, "zebra.safetensors"))...)
		all := contents(t, dir)
		if len(all) != 1 {
			t.Errorf("left behind: %v", files(t, dir))
		}
		if i == 0 {
			first, result = all, o.stdout
		} else if all["zebra.safetensors"] != first["zebra.safetensors"] || o.stdout != result {
			t.Error("curves or result differ between 1 and 2 threads")
		}
		if strings.Contains(all["zebra.safetensors"]+o.stdout, "zebra") {
			t.Error("a path is told")
		}
	}
	var r fit.Result
	if err := json.Unmarshal([]byte(result), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != fit.Schema || r.Model != "vision" || r.Neurons != 16*16 || r.HeadSteps != 4 || r.JointSteps != 2 || r.Corpus.Sequences != 90 || r.Validation.Sequences != 10 || len(r.Heads) != 16 {
		t.Errorf("%+v", r)
	}
}

func TestFitPrintsATable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curves.safetensors")
	o := must(t, append(shortVision("--float16", "-o", path), "--quiet=false")...)
	for _, words := range []string{
		"vision: 256 neurons in 16 heads, seed 1\n", "fitted to 90 sequences, 4,500 tokens; judged by 10 sequences, 500 tokens of others\n",
		"uniform attention ", "random (exp) ", "calibrated ", "fitted head by head ", "fitted jointly ",
		"neurons of each layer: ", "--tuning " + path + "\n",
	} {
		if !strings.Contains(o.stdout, words) {
			t.Errorf("lacks %q:\n%s", words, o.stdout)
		}
	}
	if !strings.Contains(o.stderr, "few inputs to fit to, 90 of 4500 tokens") || !strings.Contains(o.stderr, "--input") {
		t.Errorf("stderr %q", o.stderr)
	}
	half, err := network.OpenTuning(path)
	if err != nil {
		t.Fatal(err)
	}
	full, err := network.OpenTuning(fitVision(t))
	if err != nil {
		t.Fatal(err)
	}
	small, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if half.Fingerprint() == full.Fingerprint() || half.Info.Neurons != full.Info.Neurons || small.Size() > 120_000 {
		t.Errorf("float16: %d bytes, %+v", small.Size(), half.Info)
	}
}

// A text that no model could read whole is one to fit to, as far as --length goes,
// and equal texts, whose likeness has no order, are some to judge by.
func TestFitCutsOffLongTextsAndTakesEqualOnes(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", strings.Repeat("Jesus wept.\n", 30)+strings.Repeat("and it came to pass ", 2000)+"\n")
	o := must(t, "fit", "--input", texts, "--length", "12", "--neurons", "16", "--head-steps", "1", "--joint-steps", "1", "-q",
		"-o", filepath.Join(dir, "tuning.safetensors"))
	if !strings.Contains(o.stdout, "—") {
		t.Errorf("ranks equal texts:\n%s", o.stdout)
	}
}

// A fit that was interrupted says how it goes on, and goes on to the bytes that it
// would have come to.
func TestAnInterruptedFitGoesOn(t *testing.T) {
	dir := t.TempDir()
	args := func(name string, more ...string) []string {
		return append([]string{"fit", "--model", "vision", "--neurons", "16", "--head-steps", "300", "--joint-steps", "20", "-q", "-o", filepath.Join(dir, name)}, more...)
	}
	must(t, args("whole")...)
	// The first stage, surveying, keeps no state; nobody knows how long it takes here.
	left := false
	for wait := 100 * time.Millisecond; !left; wait *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		canceled, stop := context.WithCancel(t.Context())
		go func() { <-ctx.Done(); stop() }()
		o := commandWith(canceled, nil, args("broken")...)
		cancel()
		stop()
		if o.code == exitDone {
			t.Skip("this machine finishes the fit between two looks at it")
		}
		wantFailure(t, o, exitInterrupted, "interrupted")
		_, err := os.Stat(filepath.Join(dir, "broken.state"))
		if left = err == nil; left {
			wantFailure(t, o, exitInterrupted, "broken.state", "the same command with --resume")
		}
	}
	wantFailure(t, command(args("broken")...), exitFailed, "broken.state is the state of a fit that was interrupted", "--resume goes on")
	wantFailure(t, command(args("broken", "--resume", "--seed", "2")...), exitFailed, "it belongs to another fit")
	must(t, args("broken", "--resume")...)
	all := contents(t, dir)
	if all["broken"] != all["whole"] || len(all) != 2 {
		t.Errorf("a fit that went on came to something else, or left %v", files(t, dir))
	}
	wantFailure(t, command(args("other", "--resume")...), exitFailed, "no state of a fit to go on with")
}

func TestFitRefusesWhatCannotBeMeant(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	write(t, dir, "one.txt", "Jesus wept.\n")
	write(t, dir, "empty.txt", "")
	if err := os.Mkdir("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  string
		code  int
		words string
	}{
		{"fit vision", exitUsage, "vision"},
		{"fit --neurons 8 --total 400", exitUsage, "--neurons and --total"},
		{"fit --head-steps 8", exitUsage, "belong together"},
		{"fit --head-steps 8 --joint-steps 3 --minutes 2", exitUsage, "--minutes and --head-steps"},
		{"fit --minutes 0", exitUsage, "above 0"},
		{"fit -o -", exitUsage, "is no file"},
		{"fit -o folder", exitUsage, "is a folder"},
		{"fit --input - --validation -", exitUsage, "standard input"},
		{"fit --input one.txt --validation ./one.txt", exitUsage, "holds what is fitted to"},
		{"fit --input one.txt", exitFailed, "judge the fit by: 1 input; give some thousand"},
		{"fit --input empty.txt", exitFailed, "it is empty"},
		{"fit --input nosuch.txt", exitFailed, "there is no such file"},
		{"fit --model nosuch", exitFailed, "bundled are: language"},
		{"fit --model vision --total 20", exitFailed, "give at least"},
		{"fit -o one.txt/curves", exitFailed, "cannot write into one.txt"},
	} {
		o := command(strings.Fields(c.args + " -q")...)
		wantFailure(t, o, c.code, c.words)
		if o.stdout != "" {
			t.Errorf("%s prints %q", c.args, o.stdout)
		}
	}
	if got := files(t, dir); len(got) != 3 {
		t.Errorf("left behind: %v", got)
	}
}

// What was fitted runs in transfer, which shows it beside other curves and more
// fitted ones.
func TestTransferTakesFittedCurves(t *testing.T) {
	path, other := fitVision(t), filepath.Join(t.TempDir(), "more.safetensors")
	must(t, "fit", "--model", "vision", "--total", "400", "--head-steps", "4", "--joint-steps", "2", "-q", "-o", other)
	report := filepath.Join(t.TempDir(), "report")
	o := must(t, "transfer", "--model", "vision", "--tuning", path, "--compare", other, "--json", "-o", report)
	var r transfer.Report
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if c := r.Config; c.Tuning != "fitted" || c.TotalNeurons != 256 || c.Curves == "" || c.Neurons != 0 || c.Draw != "" {
		t.Errorf("%+v", c)
	}
	fitted := r.Fidelity.Curves[len(r.Fidelity.Curves)-1]
	if len(r.Fidelity.Curves) != 3 || fitted.Name != "fitted" || !slices.Contains(fitted.Neurons, 16) || !slices.Contains(fitted.Neurons, 25) {
		t.Errorf("fidelity of %+v", fitted)
	}
	if r.Layers[0].Heads[0].Calibrated == nil || !(r.Layers[0].Heads[0].BudgetCalibrated > 0) {
		t.Errorf("nothing was calibrated: %+v", r.Layers[0].Heads[0])
	}
	if strings.Contains(o.stdout, "zebra") || strings.Contains(o.stdout, "more.safetensors") {
		t.Error("a path is told")
	}
}
