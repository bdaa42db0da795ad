package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/transfer"
	"github.com/tripartite-go/tripartite/zoo"
)

const sounds = "../../input/audio/testdata/"

// labelled makes a folder of pictures, DIR/LABEL/FILE, from some of the test
// pictures.
func labelled(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for to, from := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(to)), 0o755); err != nil {
			t.Fatal(err)
		}
		copyOf(t, pictures+from, filepath.Join(dir, to))
	}
	return dir
}

// transferred runs a transfer with --json.
func transferred(t *testing.T, args ...string) transfer.Report {
	t.Helper()
	var r transfer.Report
	o := must(t, append([]string{"transfer", "--json", "-o", filepath.Join(t.TempDir(), "report")}, args...)...)
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRightLabelsAreThoseOfFolders(t *testing.T) {
	labels := []string{"tench, Tinca tinca", "T-shirt/top", "ankle boot", "crane", "Crane"}
	sep := string(filepath.Separator)
	for _, c := range []struct {
		from string
		file string
		want int
	}{
		{"in", "in/ankle boot/1.png", 2},
		{"in", "in/Ankle_Boot/deep/1.png", 2},
		{"./in", "in/tench/1.png", 0},
		{"in", "in/Tench, tinca TINCA/1.png", 0},
		{"in", "in/t-shirt-top/1.png", 1},
		{"in", "in/sandal/1.png", -1},
		{"in", "in/crane/1.png", -1}, // one of two
		{"in", "in/ankle-boot.png", -1},
		{"in/ankle boot/1.png", "in/ankle boot/1.png", -1},
		{"in/ankle boot", "in/ankle boot/1.png", -1},
		{"in", "in/---/1.png", -1},
	} {
		from := strings.ReplaceAll(c.from, "/", sep)
		if got := truth([]string{strings.ReplaceAll(c.file, "/", sep)}, modelFiles{}, tested(from), labels); got[0] != c.want {
			t.Errorf("%s of %s: label %d, want %d", c.file, c.from, got[0], c.want)
		}
	}
}

func TestBundledFilesAreNamedAfterTheirLabels(t *testing.T) {
	for _, name := range []string{"vision", "audition"} {
		m, err := findModel(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, of := range map[string]func(zoo.Model) zoo.Inputs{"sample": tested("").own, "calibration": calibrating("").own} {
			files, _, err := bundledFiles(of(*m.bundled).Files)
			if err != nil {
				t.Fatal(err)
			}
			labels := labelsOf(t, m)
			seen := map[int]bool{}
			for i, id := range truth(files, m, tested(""), labels) {
				if id < 0 {
					t.Errorf("%s %s of %s is named after none of %v", what, files[i], name, labels)
				}
				seen[id] = true
			}
			if len(seen) != len(labels) {
				t.Errorf("%ss of %s have %d labels of %d", what, name, len(seen), len(labels))
			}
		}
	}
}

func labelsOf(t *testing.T, m modelFiles) []string {
	t.Helper()
	c, err := model.ReadConfig(m.files, m.name)
	if err != nil {
		t.Fatal(err)
	}
	return c.Labels
}

// Every bundled model is transferred with no other flags than its name, as README
// and help say, on inputs whose answers are known.
func TestEveryBundledModelIsTransferred(t *testing.T) {
	for _, m := range zoo.Models() {
		t.Run(m.Name, func(t *testing.T) {
			args := []string{"--model", m.Name}
			if m.Samples().Texts != nil { // on few texts, to save time
				dir := t.TempDir()
				args = append(args, "--input", write(t, dir, "texts", strings.Join(m.Samples().Texts[:2], "\n")),
					"--calibrate", write(t, dir, "more", strings.Join(m.Calibration().Texts[:8], "\n")))
			}
			dir := filepath.Join(t.TempDir(), "report")
			o := must(t, append([]string{"transfer", "-o", dir}, args...)...)
			page := contents(t, dir)["report.html"]
			want := map[string][]string{
				"language": {"masked tokens filled as by exact attention", "masked tokens found"},
				"causal":   {"next tokens guessed as by exact attention", "bits per byte", "slope"},
				"vision":   {"10 pictures", "100 pictures", "pictures named as by exact attention", "pictures named right"},
				"audition": {"10 sounds", "20 sounds", "sounds named as by exact attention", "sounds named right"},
			}[m.Name]
			if want == nil {
				t.Fatalf("what does %s do?", m.Name)
			}
			for _, w := range want {
				if !strings.Contains(o.stdout, w) || !strings.Contains(page, w) {
					t.Errorf("no %q in what is printed, or on the page:\n%s", w, o.stdout)
				}
			}
			for name, text := range map[string]string{"print": o.stdout, "page": page} {
				if m.Name != "language" && strings.Contains(text, "masked") || m.Samples().Files != nil && strings.Contains(text, " text") && name == "print" {
					t.Errorf("the %s of %s speaks of masks or texts:\n%s", name, m.Name, o.stdout)
				}
			}
		})
	}
}

// With run and stream, too, bundled models calibrate on what they bring.
func TestBundledModelsCalibrateOnTheirOwnInputs(t *testing.T) {
	vision := result(t, "run", "vision", "../../zoo/vision/samples/bag.png", "--attention", "algebraic", "--tuning", "calibrated")
	if vision.Config.CalibrationInputs != 100 || len(vision.Classified) != 1 || vision.Classified[0].Labels[0].Label != "bag" {
		t.Errorf("%+v", vision)
	}
	audition := result(t, "run", "audition", "../../zoo/audition/samples/six.wav", "--attention", "algebraic", "--tuning", "calibrated")
	if audition.Config.CalibrationInputs != 20 || audition.Classified[0].Labels[0].Label != "six" {
		t.Errorf("%+v", audition)
	}
}

func TestForeignClassifiersAreGivenPictures(t *testing.T) {
	vit := answering + "vit"
	in := labelled(t, map[string]string{"synapse/a.png": "text.png", "synapse/b.png": "rings.png", "other/c.png": "grey.png", "elsewhere/d.png": "dot.png"})
	more := labelled(t, map[string]string{"e.png": "gradient.png", "f.png": "noise.png", "g.png": "wide.png"})
	r := transferred(t, "--model", vit, "--input", in, "--calibrate", more, "--neurons", "16")
	if r.Input.Texts != 4 || r.Input.CalibrationTexts != 3 || r.Network.Task.Known != 3 || r.Config.Tuning != "calibrated" {
		t.Errorf("%+v, %+v", r.Input, r.Network.Task)
	}
	var names []string
	for _, a := range r.Attended.Inputs {
		names = append(names, a.Name+"="+a.Truth)
	}
	if want := []string{"d.png=", "c.png=other", "a.png=synapse", "b.png=synapse"}; !slices.Equal(names, want) {
		t.Errorf("shown are %v, want %v", names, want)
	}
	r = transferred(t, "--model", vit, "--input", in, "--tuning", "exp", "--neurons", "16")
	if r.Input.CalibrationTexts != 0 {
		t.Errorf("%+v", r.Input)
	}
	r = transferred(t, "--model", answering+"ast", "--input", sounds+"tone.wav", "--calibrate", sounds+"speech.flac", "--neurons", "16", "--attention", "exact,1=algebraic,0.1=uniform")
	if r.Input.Texts != 1 || r.Network.Task.Known != 0 || r.Layers[0].Heads[1].Attention != "uniform" || r.Layers[1].Heads[0].Neurons != 16 {
		t.Errorf("%+v, %+v", r.Input, r.Network.Task)
	}
	one := result(t, "run", vit, pictures+"text.png", "--attention", "algebraic", "--calibrate", more)
	if one.Config.CalibrationInputs != 3 {
		t.Errorf("%+v", one.Config)
	}
}

// A picture from standard input is read as often as it is needed.
func TestAPictureFromStandardInput(t *testing.T) {
	vit := answering + "vit"
	args := []string{"transfer", "--model", vit, "--tuning", "exp", "--neurons", "8", "--input", "-", "--json", "-o", filepath.Join(t.TempDir(), "report")}
	o := commandWith(t.Context(), strings.NewReader(string(read(t, pictures+"text.png"))), args...)
	if o.code != exitDone || !strings.Contains(o.stdout, `"texts": 1,`) {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}

// A text may have lines itself, which a file of texts, one a line, cannot hold.
func TestALineOfJSONIsATextWithLines(t *testing.T) {
	file := write(t, t.TempDir(), "texts.jsonl", `{"text": "Jesus wept.\nPray without", "book": "John"}`+"\n")
	run := []string{"run", "causal", "--max-new-tokens", "5"}
	want := must(t, append(run, "--text", "Jesus wept.\nPray without")...).stdout
	if got := must(t, append(run, "--file", file)...).stdout; got != want || got == "" {
		t.Errorf("the file gives %q, the text %q", got, want)
	}
	for line, words := range map[string][]string{
		`Jesus wept.`:         {`line 1 is not {"text": "..."}`, "one JSON object a line"},
		`{"txt": "Jesus"}`:    {`line 1 has no "text"`},
		`{"text": ["Jesus"]}`: {`line 1 is not {"text": "..."}`, `"text" is a JSON array`},
	} {
		o := command(append(run, "--file", write(t, t.TempDir(), "bad.jsonl", line+"\n"))...)
		wantFailure(t, o, exitFailed, append(words, "bad.jsonl")...)
	}
}

func TestInputsThatAModelDoesNotRead(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", "wool\n")
	bad := labelled(t, map[string]string{"a.png": "text.png", "b.png": "rings.png"})
	write(t, bad, "c.png", "no picture")
	vit := answering + "vit"
	for _, c := range []struct {
		name  string
		args  []string
		words []string
	}{
		{"no pictures given", []string{"--model", vit}, []string{"vit brings no pictures", "--input FOLDER"}},
		{"no sounds given", []string{"--model", answering + "ast"}, []string{"ast brings no sounds", "--input FOLDER"}},
		{"none to calibrate on", []string{"--model", vit, "--input", pictures + "text.png"}, []string{"no pictures to calibrate on", "--calibrate FOLDER", "--tuning exp"}},
		{"a file of texts", []string{"--model", "vision", "--input", texts}, []string{"texts.txt: not a picture", "PNG, JPEG and WebP"}},
		{"a sound", []string{"--model", "vision", "--input", sounds + "tone.wav"}, []string{"tone.wav: not a picture"}},
		{"a picture for AST", []string{"--model", "audition", "--input", pictures + "text.png"}, []string{"text.png", "WAV and FLAC"}},
		{"a picture for a model of text", []string{"--input", pictures + "text.png"}, []string{"text.png: language reads texts, one a line"}},
		{"a sound to calibrate a model of text", []string{"--calibrate", sounds + "tone.wav"}, []string{"tone.wav: language reads texts"}},
		{"a folder for a model of text", []string{"--input", bad}, []string{"it is a folder"}},
		{"a folder without pictures", []string{"--model", "vision", "--input", dir}, []string{"no file in it", "PNG, JPEG and WebP"}},
		{"a file that is no picture", []string{"--model", "vision", "--input", bad}, []string{"c.png: not a picture"}},
		{"one to calibrate on", []string{"--model", "vision", "--calibrate", bad}, []string{"c.png: not a picture"}},
		{"no such folder", []string{"--model", "vision", "--input", filepath.Join(dir, "nosuch")}, []string{"nosuch: ", "no such file", "check the path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			o := command(append([]string{"transfer", "-o", filepath.Join(out, "report")}, c.args...)...)
			wantFailure(t, o, exitFailed, c.words...)
			if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("want one line on stderr alone, got %q and %q", o.stdout, o.stderr)
			}
			wantNoFiles(t, out)
		})
	}
	wantFailure(t, command("run", vit, pictures+"text.png", "--attention", "algebraic"), exitFailed, "no pictures to calibrate on", "--calibrate FOLDER", "--tuning exp")
}

// What is run and what is calibrated on may lie side by side, and not in one another.
func TestConstantsComeFromOtherInputs(t *testing.T) {
	dir := t.TempDir()
	a := write(t, dir, "a", "a text\n")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(a, link); err != nil {
		t.Skip("skipped: no symbolic links here")
	}
	for _, c := range []struct {
		run, calibrate string
		apart          bool
	}{
		{a, a, false}, {dir, a, false}, {a, dir, false}, {link, a, false}, {a, filepath.Join(dir, ".", "a"), false},
		{a, filepath.Join(dir, "b"), true}, {filepath.Join(dir, "..a"), filepath.Join(dir, "..ab"), true}, {"-", a, true}, {"", a, true}, {a, "", true},
	} {
		f := &circuitFlags{calibrate: c.calibrate}
		if err := f.apart("run", c.run); (err == nil) != c.apart {
			t.Errorf("%s, calibrated on %s: %v", c.run, c.calibrate, err)
		}
	}
}

// Standard input is called what it is, not the sign for it or its copy.
func TestErrorsNameStandardInput(t *testing.T) {
	samples := "../../zoo/vision/samples"
	for _, args := range [][]string{
		{"run", "vision", "-"},
		{"run", "vision", samples, "--attention", "algebraic", "--calibrate", "-"},
		{"transfer", "--model", "vision", "--input", "-"},
		{"memory", "info", "-"},
		{"memory", "merge", "-", "b", "-o", filepath.Join(t.TempDir(), "both")},
		{"attend", "-", "-o", filepath.Join(t.TempDir(), "out.npz")},
		{"stream", "--head", "identity", "-"},
	} {
		o := commandWith(t.Context(), strings.NewReader("junk"), args...)
		wantFailure(t, o, exitFailed, "standard input: ")
		if strings.Contains(o.stderr, " -:") || strings.Contains(o.stderr, os.TempDir()) {
			t.Errorf("%v: %s", args, o.stderr)
		}
	}
}
