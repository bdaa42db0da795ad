package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/stream"
	"github.com/tripartite-go/tripartite/zoo"
)

// settled parses a command line of transfer and decides its curves for a model.
func settled(t *testing.T, m modelFiles, args ...string) (circuitFlags, string, error) {
	t.Helper()
	var stderr bytes.Buffer
	e := newEnv(t.Context(), strings.NewReader(""), &stderr, &stderr)
	f := &circuitFlags{}
	c := newTokenize(e) // any command
	f.add(c, attention.KindAlgebraic)
	if err := c.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	err := f.settle(e, c, m, "neurons", "draw")
	return *f, stderr.String(), err
}

// bundledWith is the bundled classifier of pictures with a file of curves, "" for
// none, beside its weights.
func bundledWith(t *testing.T, curves string) modelFiles {
	t.Helper()
	m, ok := zoo.Find("vision")
	if !ok {
		t.Fatal("no vision")
	}
	files := fstest.MapFS{}
	for _, name := range []string{"config.json", "model.safetensors", "preprocessor_config.json"} {
		data, err := fs.ReadFile(m.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	if curves != "" {
		data, err := os.ReadFile(curves)
		if err != nil {
			t.Fatal(err)
		}
		files[network.TuningFile] = &fstest.MapFile{Data: data}
	}
	return modelFiles{files, m.Name, &m}
}

// Fitted curves are the default of a bundled model that brings them, and of no
// other; what is for drawn curves chooses calibrated ones.
func TestWhichCurvesAreTheDefault(t *testing.T) {
	curves := fitVision(t)
	with, without := bundledWith(t, curves), bundledWith(t, "")
	foreign := with
	foreign.bundled = nil
	for _, c := range []struct {
		name   string
		model  modelFiles
		args   []string
		tuning string
		note   string // on stderr
	}{
		{"bundled", with, nil, "fitted", ""},
		{"bundled without", without, nil, "calibrated", ""},
		{"foreign", foreign, nil, "calibrated", ""},
		{"by name", foreign, []string{"--tuning", "fitted"}, "fitted", ""},
		{"by file", without, []string{"--tuning", curves}, "fitted", ""},
		{"others", with, []string{"--tuning", "calibrated"}, "calibrated", ""},
		{"maps", with, []string{"--tuning", "exp", "--neurons", "8"}, "exp", ""},
		{"neurons", with, []string{"--neurons", "8"}, "calibrated", "--neurons: fitted curves, the default of vision, have neurons of their own, and calibrated ones take their place"},
		{"neurons and draw", with, []string{"--neurons", "8", "--draw", "iid"}, "calibrated", "--neurons, --draw: fitted"},
		{"neurons without", without, []string{"--neurons", "8"}, "calibrated", ""},
		{"no circuit", with, []string{"--attention", "exact"}, "calibrated", ""},
		{"no circuit for a file", with, []string{"--attention", "exact", "--tuning", "nosuch.safetensors"}, "calibrated", ""},
	} {
		f, stderr, err := settled(t, c.model, c.args...)
		if err != nil || f.tuning != c.tuning || (f.fitted != nil) != (c.tuning == "fitted") {
			t.Errorf("%s: %s curves, file %v, %v; want %s", c.name, f.tuning, f.fitted, err, c.tuning)
		}
		if c.note == "" && stderr != "" || !strings.Contains(stderr, c.note) {
			t.Errorf("%s: says %q, want %q", c.name, stderr, c.note)
		}
	}
	for _, args := range [][]string{{"--tuning", "fitted", "--neurons", "8"}, {"--tuning", curves, "--draw", "iid"}} {
		if _, _, err := settled(t, with, args...); err == nil || !isUsage(err) || !strings.Contains(err.Error(), "neurons of their own") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, _, err := settled(t, without, "--tuning", "fitted"); err == nil || !strings.Contains(err.Error(), "vision brings no fitted tuning curves") {
		t.Errorf("none: %v", err)
	}
	if got := weightBytes(with.files); got != weightBytes(without.files) || got < 100_000 {
		t.Errorf("the weights of a model with curves are %d bytes, of one without %d", got, weightBytes(without.files))
	}
}

// Whatever is no file of this model's curves is refused, with the reason.
func TestFilesOfCurvesThatAreRefused(t *testing.T) {
	good := fitVision(t)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	broken := func(name string, change func([]byte) []byte) string {
		return write(t, dir, name, string(change(bytes.Clone(data))))
	}
	other := filepath.Join(dir, "vision")
	if err := os.CopyFS(other, os.DirFS("../../zoo/vision")); err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(filepath.Join(other, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	weights[len(weights)-1] ^= 1
	write(t, other, "model.safetensors", string(weights))
	picture := "../../zoo/vision/samples/bag.png"
	for _, c := range []struct {
		name, model, file string
		words             []string
	}{
		{"another model", "audition", good, []string{good, "other weights, vision", "not audition"}},
		{"other weights", other, good, []string{good, "other weights", "fit these"}},
		{"cut off", "vision", broken("cut.safetensors", func(b []byte) []byte { return b[:len(b)-8] }), []string{"cut.safetensors"}},
		{"not finite", "vision", broken("nan.safetensors", func(b []byte) []byte { copy(b[len(b)-4:], "\x00\x00\xc0\x7f"); return b }), []string{"nan.safetensors", "NaN"}},
		{"weights", "vision", "../../zoo/vision/model.safetensors", []string{"no file of tuning curves"}},
		{"a text", "vision", write(t, dir, "text.txt", "curves"), []string{"text.txt"}},
		{"a folder", "vision", dir + "/", []string{dir}},
		{"nothing", "vision", filepath.Join(dir, "nosuch.safetensors"), []string{"there is no such file"}},
	} {
		o := command("run", c.model, picture, "--attention", "algebraic", "--tuning", c.file)
		wantFailure(t, o, exitFailed, c.words...)
		if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("%s: want one line on stderr alone, got %q and %q", c.name, o.stdout, o.stderr)
		}
	}
	report := filepath.Join(dir, "report")
	wantFailure(t, command("transfer", "--model", "audition", "--compare", good, "-o", report), exitFailed, good, "not audition")
	wantFailure(t, command("stream", "--head", "identity", "--tuning", "fitted", "rows.npy"), exitUsage, "fitted curves are those of a network's heads")
	wantFailure(t, command("run", "vision", picture, "--attention", "algebraic", "--tuning", "nosuch"), exitUsage, "want one of fitted, calibrated, exp", "a file of fitted curves")
}

// Results name fitted curves by their fingerprint and never by a path.
func TestResultsNameFittedCurvesByTheirFingerprint(t *testing.T) {
	path := fitVision(t)
	curves, err := network.OpenTuning(path)
	if err != nil {
		t.Fatal(err)
	}
	o := must(t, "run", "vision", "../../zoo/vision/samples/bag.png", "--attention", "algebraic,0.1=exact", "--tuning", path, "--json")
	var r runResult
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	want := curves.Info.Neurons - curves.At(0, 1).Neurons()
	if c := r.Config; c.Tuning != "fitted" || c.Curves != curves.Fingerprint() || c.TotalNeurons != want || c.Neurons != 0 || c.Draw != "" || c.CalibrationInputs != 0 {
		t.Errorf("%+v, want %d neurons", c, want)
	}
	if strings.Contains(o.stdout, "zebra") {
		t.Error("the path is told")
	}
}

// A stream through fitted circuits is saved, described and resumed like any other,
// and not by other curves.
func TestStreamsThroughFittedCircuits(t *testing.T) {
	dir := t.TempDir()
	curves, memory := filepath.Join(dir, "bloom.safetensors"), filepath.Join(dir, "memory")
	passages := write(t, dir, "passages.txt", pairs("And God said, Let there be light.", "Jesus wept.", "He is risen."))
	model := answering + "bloom"
	must(t, "fit", "--model", model, "--input", passages, "--neurons", "16", "--head-steps", "4", "--joint-steps", "2", "-q", "-o", curves)
	args := []string{"stream", model, "-q", "--ids", "--tuning", curves}
	whole := commandWith(t.Context(), strings.NewReader("5 6 7 8 9 10 11"), args...)
	part := commandWith(t.Context(), strings.NewReader("5 6 7 8 "), append(args, "--save", memory)...)
	rest := commandWith(t.Context(), strings.NewReader("9 10 11"), append(args, "--resume", memory)...)
	if whole.code != exitDone || part.stdout+rest.stdout != whole.stdout || part.stdout == "" || rest.stdout == "" {
		t.Errorf("resumed:\n%s%s\nwhole:\n%s%s%s", part.stdout, rest.stdout, whole.stdout, rest.stderr, whole.stderr)
	}
	info, err := stream.Inspect(memory)
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := network.OpenTuning(curves)
	if err != nil {
		t.Fatal(err)
	}
	if id := info.Identity; id.Tuning != "fitted" || id.Curves != fitted.Fingerprint() || id.TotalNeurons != fitted.Info.Neurons || id.Neurons != 0 || id.Draw != "" {
		t.Errorf("%+v", id)
	}
	if o := must(t, "memory", "info", memory); !strings.Contains(o.stdout, "circuits     fitted curves ("+fitted.Fingerprint()[:8]+"), ") {
		t.Errorf("info\n%s", o.stdout)
	}
	o := commandWith(t.Context(), strings.NewReader("1"), "stream", model, "-q", "--ids", "--tuning", "exp", "--neurons", "4", "--resume", memory)
	wantFailure(t, o, exitFailed, "it belongs to other circuits: fitted curves (", "now they are exp curves")
}
