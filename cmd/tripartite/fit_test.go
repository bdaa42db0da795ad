package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	if !strings.Contains(o.stderr, "there is little to fit to, 90 pictures of 4,500 tokens in all") || !strings.Contains(o.stderr, "more by --input") {
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

// some returns different short texts.
func some(n int) []string {
	verses := make([]string, n)
	for i := range verses {
		verses[i] = fmt.Sprintf("And it came to pass in the year %d, that Jesus wept.", i)
	}
	return verses
}

// pairs returns lines of which each is two of the given texts: as many as there are
// pairs, all different.
func pairs(texts ...string) string {
	var out strings.Builder
	for _, a := range texts {
		for _, b := range texts {
			fmt.Fprintf(&out, "%s %s\n", a, b)
		}
	}
	return out.String()
}

// A text that no model could read whole is one to fit to, as far as --length goes,
// and equal texts, whose likeness has no order, are some to judge by.
func TestFitCutsOffLongTextsAndTakesEqualOnes(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", strings.Join(some(9), "\n")+"\n"+strings.Repeat("and it came to pass ", 2000)+"\n")
	equal := write(t, dir, "equal.txt", strings.Repeat("Jesus wept.\n", 3))
	o := must(t, "fit", "--input", texts, "--validation", equal, "--length", "12", "--neurons", "16", "--head-steps", "1", "--joint-steps", "1", "-q",
		"-o", filepath.Join(dir, "tuning.safetensors"))
	if !strings.Contains(o.stdout, "—") {
		t.Errorf("ranks equal texts:\n%s", o.stdout)
	}
}

// What comes more than once is fitted to once, what is judged by not at all; JSON
// lines are texts, too.
func TestFitTakesNothingTwice(t *testing.T) {
	dir := t.TempDir()
	verses := some(40)
	var lines strings.Builder
	for _, v := range append(verses, verses[:7]...) {
		fmt.Fprintf(&lines, `{"text": %q, "year": 1611}`+"\n", v)
	}
	texts := write(t, dir, "texts.jsonl", lines.String())
	fit := func(more ...string) outcome {
		args := []string{"fit", "--model", pretrained + "sentence-mean", "--input", texts, "--length", "20", "--neurons", "16", "--head-steps", "1", "--joint-steps", "1", "-o", filepath.Join(dir, "curves")}
		return command(append(args, more...)...)
	}
	o := fit()
	for _, words := range []string{"note: 7 of 47 texts are the same as others, and left out", "there is little to fit to, 36 texts of 720 tokens in all"} {
		if o.code != exitDone || !strings.Contains(o.stderr, words) {
			t.Errorf("exit code %d, %q, want %q", o.code, o.stderr, words)
		}
	}
	o = fit("--validation", write(t, dir, "judge.txt", strings.Join(append(verses[:2:2], "Jesus wept."), "\n")))
	for _, words := range []string{"note: 2 texts to fit to are also in --validation, and left out", "there is little to fit to, 38 texts"} {
		if o.code != exitDone || !strings.Contains(o.stderr, words) {
			t.Errorf("exit code %d, %q, want %q", o.code, o.stderr, words)
		}
	}
	wantFailure(t, fit("--validation", write(t, dir, "all.txt", strings.Join(verses, "\n"))), exitFailed, "every text to fit to is also one of --validation", "give others")
	// Pictures are told apart by what is in their files.
	twice := labelled(t, map[string]string{"a/1.png": "alpha.png", "a/2.png": "alpha.png", "b/1.png": "alpha.png"})
	wantFailure(t, command("fit", "--model", "vision", "--input", twice, "-q", "-o", filepath.Join(dir, "curves")), exitFailed, "1 different picture;")
}

// What would leave nothing that could be fitted to says so, and what to do.
func TestTooLittleToFitTo(t *testing.T) {
	dir := t.TempDir()
	model := pretrained + "sentence-mean"
	for name, c := range map[string]struct {
		texts string
		words []string
	}{
		"one text":      {strings.Repeat("neurons and astrocytes\n", 1000), []string{"1 different text;", "give some thousand"}},
		"one token":     {"a\na a\na a a\na a a a\na a a a a\na a a a a a\na a a a a a a\n", []string{`one token, "a", again and again`, "give passages"}},
		"no token":      {"\u2603\n\u2603 \u2603\n\u2603 \u2603 \u2603\n\u2604\n\u2605\n\u2606\n", []string{"nothing that sentence-mean has tokens for", "give passages"}},
		"few tokens":    {"a\nan\nthe\nin\nat\nof\n", []string{"too little to fit to: 3 texts of", "a head needs 16", "give 50,000 or more by --input"}},
		"an empty text": {"", []string{"text 2 is empty", "leave it out"}},
	} {
		file := write(t, dir, strings.ReplaceAll(name, " ", "-")+".txt", c.texts)
		if c.texts == "" {
			file = write(t, dir, "empty.jsonl", "{\"text\": \"neurons\"}\n{\"text\": \" \"}\n")
		}
		out := t.TempDir()
		o := command("fit", "--model", model, "--input", file, "-q", "-o", filepath.Join(out, "curves"))
		wantFailure(t, o, exitFailed, c.words...)
		if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("%s: want one line on stderr alone, got %q and %q", name, o.stdout, o.stderr)
		}
		wantNoFiles(t, out)
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
		{"fit --input one.txt", exitFailed, "judge the fit by: 1 different text; give some thousand"},
		{"fit --input empty.txt", exitFailed, "it is empty"},
		{"fit --input nosuch.txt", exitFailed, "there is no such file"},
		{"fit --model nosuch", exitFailed, "bundled are: language"},
		{"fit --model vision --total 20", exitFailed, "give at least"},
		{"fit -o one.txt/curves", exitFailed, "cannot write into one.txt"},
		{"fit -o nosuch/curves", exitFailed, "there is no folder nosuch; create it first"},
		{"fit --model vision --input one.txt", exitFailed, "one.txt: "},
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

// What is left of a fit that ended early is said, and how it goes on.
func TestHowAFitThatEndedEarlyGoesOn(t *testing.T) {
	full := &fit.SaveError{Err: errors.New("no space left on device")}
	for _, c := range []struct {
		err         error
		state       bool
		interrupted bool
		want        string
	}{
		{context.Canceled, true, true, "interrupted; the state of the fit is kept in curves.state, and the same command with --resume goes on from there"},
		{context.Canceled, false, true, "interrupted; there was no state of the fit to keep yet; begin anew"},
		{errors.Join(context.Canceled, full), true, true, "interrupted; save the state of the fit: no space left on device; make room: the state that was saved before is kept in curves.state, and the same command with --resume goes on from there"},
		{errors.Join(context.Canceled, full), false, true, "interrupted; save the state of the fit: no space left on device; nothing is kept of the fit: make room, and begin anew"},
		{full, true, false, "save the state of the fit: no space left on device; make room: the state that was saved before is kept in curves.state, and the same command with --resume goes on from there"},
		{full, false, false, "save the state of the fit: no space left on device; nothing is kept of the fit: make room, and begin anew"},
		{errors.New("the loss is NaN"), true, false, "the loss is NaN"},
	} {
		t.Chdir(t.TempDir())
		if c.state {
			write(t, ".", "curves.state", "state")
		}
		err := (&fitFlags{output: "curves"}).ended(c.err)
		var i interruptedError
		if err.Error() != c.want || errors.As(err, &i) != c.interrupted {
			t.Errorf("%v, state %v: %q, interrupted %v; want %q", c.err, c.state, err, errors.As(err, &i), c.want)
		}
	}
}

// The disk that the curves are to go to is full, and that of the state is not.
func TestCurvesThatCannotBeSavedAreKept(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("skipped: there is no /dev/full")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "curves")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, command(shortVision("-o", path)...), exitFailed, "no space left on device", "kept in "+path+".state", "--resume")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	must(t, shortVision("--resume", "-o", path)...)
	want := fitVision(t)
	if !bytes.Equal(read(t, path), read(t, want)) {
		t.Error("curves that were saved later are others")
	}
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}
