package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/task"
)

// Small random models as people have them, each with what transformers answers.
const (
	answering = "../../task/testdata/"
	pictures  = "../../input/image/testdata/"
)

// result runs a command line with --json.
func result(t *testing.T, args ...string) runResult {
	t.Helper()
	var r runResult
	if err := json.Unmarshal([]byte(must(t, append(args, "--json")...).stdout), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestACausalModelGoesOn(t *testing.T) {
	const one, two = "In the beginning", " a"
	r := result(t, "run", answering+"gpt2", "--text", one, "--text", two)
	if r.Schema != "tripartite.run/1" || r.Task != taskGenerate || len(r.Generated) != 2 || len(r.Generated[0].IDs) != 50 || r.Generated[1].Prompt != two {
		t.Fatalf("%+v", r)
	}
	want := one + r.Generated[0].Text + "\n\n" + two + r.Generated[1].Text + "\n"
	if o := must(t, "run", answering+"gpt2", "--text", one, "--text", two); o.stdout != want || o.stderr != "" {
		t.Errorf("prints %q and %q, want %q", o.stdout, o.stderr, want)
	}
	texts := write(t, t.TempDir(), "texts", one+"\n"+two+"\n")
	if o := must(t, "run", answering+"gpt2", "--file", texts); o.stdout != want {
		t.Errorf("from a file: %q", o.stdout)
	}
	if o := commandWith(t.Context(), strings.NewReader(one+"\n"+two), "run", answering+"gpt2", "--task", "generate"); o.stdout != want {
		t.Errorf("from standard input: %q", o.stdout)
	}
	if r := result(t, "run", answering+"gpt2", "--text", one, "--max-new-tokens", "3"); len(r.Generated[0].IDs) != 3 || r.Generated[0].Finish != task.FinishLength {
		t.Errorf("%+v", r.Generated)
	}
	o := must(t, "run", answering+"gpt2", "--text", strings.Repeat("z", 60))
	for _, w := range []string{"note: text 1 goes on for 4 tokens only", "positions for 64", "BLOOM"} {
		if !strings.Contains(o.stderr, w) {
			t.Errorf("where positions end: %q lacks %q", o.stderr, w)
		}
	}
}

func TestWhatIsDrawnDependsOnTheSeedAlone(t *testing.T) {
	text := func(flags ...string) string {
		return must(t, append([]string{"run", answering + "bloom", "--text", "In", "--temperature", "1", "--top-k", "40", "--top-p", "0.9"}, flags...)...).stdout
	}
	want := text()
	for _, threads := range []string{"1", "2", "3"} {
		if got := text("--threads", threads); got != want {
			t.Errorf("%s threads: %q, want %q", threads, got, want)
		}
	}
	if text("--seed", "2") == want {
		t.Error("another seed gives the same text")
	}
	greedy := must(t, "run", answering+"bloom", "--text", "In").stdout
	if greedy == want || text("--top-k", "1") != greedy {
		t.Error("the likeliest alone is not the greedy text")
	}
	if o := must(t, "run", answering+"bloom", "--text", "In", "--top-k", "3"); o.stdout != greedy || !strings.Contains(o.stderr, "--top-k has no effect") || !strings.Contains(o.stderr, "--temperature") {
		t.Errorf("without a temperature: %q", o.stderr)
	}
}

func TestAlgebraicGenerationCarriesAMemoryOfOneSize(t *testing.T) {
	args := []string{"run", answering + "bloom", "--text", "In", "--attention", "algebraic", "--tuning", "exp", "--neurons", "16"}
	few, many := result(t, append(args, "--max-new-tokens", "1")...).Generated[0], result(t, append(args, "--max-new-tokens", "300")...).Generated[0]
	if few.BytesAfterPrompt == 0 || few.BytesAtEnd != few.BytesAfterPrompt || many.BytesAtEnd != few.BytesAtEnd || len(many.IDs) != 300 {
		t.Errorf("%d bytes after the prompt, %d after 1 token, %d after %d", few.BytesAfterPrompt, few.BytesAtEnd, many.BytesAtEnd, len(many.IDs))
	}
	if o := must(t, args...); !strings.Contains(o.stderr, fmt.Sprintf("heads carry %d bytes", few.BytesAtEnd)) {
		t.Errorf("says %q", o.stderr)
	}
}

// until cancels once so many bytes were written.
type until struct {
	strings.Builder
	bytes int
	end   context.CancelFunc
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Builder.Write(p)
	if u.Len() >= u.bytes {
		u.end()
	}
	return n, err
}

func TestCtrlCWhileATextIsWrittenKeepsWhatThereIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, stderr := &until{bytes: 60, end: cancel}, new(strings.Builder)
	code := run(ctx, []string{"run", answering + "bloom", "--text", "In", "--temperature", "1", "--max-new-tokens", "1000000000"}, strings.NewReader(""), stdout, stderr)
	wantFailure(t, outcome{code: code, stderr: stderr.String()}, exitInterrupted, "interrupted")
	whole := must(t, "run", answering+"bloom", "--text", "In", "--temperature", "1", "--max-new-tokens", "400").stdout
	if got := strings.TrimSuffix(stdout.String(), "\n"); len(got) < 60 || !strings.HasPrefix(whole, strings.TrimRight(got, "\ufffd")) || got == stdout.String() {
		t.Errorf("wrote %q of %q", stdout.String(), whole)
	}
}

func TestCtrlCLeavesWholeJSON(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond) // the text ends by itself after some 300
	defer cancel()
	o := commandWith(ctx, nil, "run", answering+"bloom", "--text", "In", "--temperature", "1", "--max-new-tokens", "1000000000", "--json")
	wantFailure(t, o, exitInterrupted, "interrupted")
	if o.stdout == "" {
		return // before the first token
	}
	var r runResult
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if g := r.Generated; len(g) != 1 || g[0].Finish != task.FinishInterrupted {
		t.Errorf("%d texts: %+v", len(g), g)
	}
}

// classifications reads what transformers says of some files.
func classifications(t *testing.T, name string) (files []string, logits [][]float64) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(answering, name, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		File   string
		Logits []float64
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		files, logits = append(files, filepath.Join("..", "..", a.File)), append(logits, a.Logits)
	}
	return files, logits
}

func TestPicturesAndSoundsAreClassified(t *testing.T) {
	for _, name := range []string{"vit", "deit", "ast"} {
		files, logits := classifications(t, name)
		r := result(t, append([]string{"run", answering + name, "--top", "2"}, files...)...)
		if r.Task != taskClassify || len(r.Classified) != len(files) {
			t.Fatalf("%s: %+v", name, r)
		}
		o := must(t, append([]string{"run", "--task", "classify", answering + name, "--top", "2"}, files...)...)
		out := filepath.Join(t.TempDir(), "labels.csv")
		if saved := must(t, append([]string{"run", answering + name, "--top", "2", "-o", out}, files...)...); saved.stdout != "" {
			t.Errorf("with -o prints %q", saved.stdout)
		}
		f, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil || strings.Join(rows[0], ",") != "file,rank,id,label,probability" || len(rows) != 1+2*len(files) {
			t.Fatal(rows, err)
		}
		for i, one := range r.Classified {
			if one.File != files[i] || len(one.Labels) != 2 || one.Error != "" {
				t.Fatalf("%+v", one)
			}
			if best := slices.Index(logits[i], slices.Max(logits[i])); one.Labels[0].ID != best {
				t.Errorf("%s: %s is label %d, want %d", name, files[i], one.Labels[0].ID, best)
			}
			for k, l := range one.Labels {
				row := rows[1+2*i+k]
				p, err := strconv.ParseFloat(row[4], 64)
				if err != nil || !(math.Abs(p-l.Probability) < 1e-5) || row[0] != files[i] || row[1] != fmt.Sprint(k+1) || row[2] != fmt.Sprint(l.ID) || row[3] != l.Label {
					t.Errorf("%s: CSV has %v, JSON %+v", name, row, l)
				}
				if line := fmt.Sprintf("  %5.1f %%  %s\n", 100*l.Probability, l.Label); !strings.Contains(o.stdout, line) {
					t.Errorf("%s: lacks %q", name, line)
				}
			}
			if !strings.Contains(o.stdout, files[i]+" ") {
				t.Errorf("%s: lacks %s", name, files[i])
			}
		}
	}
}

func TestAFolderIsLookedThroughAndBadFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	for _, at := range []string{"b/two.PNG", "a.png", "c/.hidden.png", ".d/x.png", "b/no picture.txt", "e.webp"} {
		path := filepath.Join(dir, filepath.FromSlash(at))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		source := pictures + "text.png"
		if strings.HasSuffix(at, ".webp") {
			source = pictures + "lossy.webp"
		}
		copyOf(t, source, path)
	}
	o := must(t, "run", answering+"vit", dir, "--top", "1")
	if lines := strings.Split(strings.TrimSpace(o.stdout), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], filepath.Join(dir, "a.png")) || !strings.HasPrefix(lines[1], filepath.Join(dir, "b", "two.PNG")) {
		t.Errorf("prints\n%s", o.stdout)
	}
	bad := write(t, dir, "bad.png", "no picture")
	missing := filepath.Join(dir, "nosuch.png")
	o = command("run", answering+"vit", dir, missing, "--top", "1")
	wantFailure(t, o, exitFailed, "2 of 5 files could not be classified")
	for _, name := range []string{bad, missing} {
		if !strings.Contains(o.stderr, "tripartite: "+name+": ") {
			t.Errorf("stderr %q does not name %s", o.stderr, name)
		}
	}
	if strings.Count(o.stdout, "\n") != 3 {
		t.Errorf("the others:\n%s", o.stdout)
	}
	o = command("run", answering+"vit", dir, missing, "--json")
	var r runResult
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || o.code != exitFailed {
		t.Fatal(o.code, err)
	}
	failed := 0
	for _, one := range r.Classified {
		if (one.Error == "") != (len(one.Labels) > 0) {
			t.Errorf("%+v", one)
		}
		if one.Error != "" {
			failed++
		}
	}
	if failed != 2 || len(r.Classified) != 5 {
		t.Errorf("%d of %d failed", failed, len(r.Classified))
	}
	if link := filepath.Join(t.TempDir(), "link"); os.Symlink(filepath.Join(dir, "b"), link) == nil {
		if o := must(t, "run", answering+"vit", link); !strings.HasPrefix(o.stdout, filepath.Join(link, "two.PNG")) {
			t.Errorf("through a link:\n%s", o.stdout)
		}
	}
	picture, err := os.ReadFile(pictures + "text.png")
	if err != nil {
		t.Fatal(err)
	}
	if o := commandWith(t.Context(), strings.NewReader(string(picture)), "run", answering+"vit", "-"); o.code != exitDone || !strings.HasPrefix(o.stdout, "-   78.1 %  synapse\n") {
		t.Errorf("from standard input: %s%s", o.stdout, o.stderr)
	}
}

func TestHiddenReadsPicturesAndSounds(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.npz")
	for name, tolerance := range map[string]float64{"vit": 1e-3, "ast": 2e-2} { // features differ by 1e-3
		files, logits := classifications(t, name)
		must(t, "run", answering+name, "--task", "hidden", files[0], "-o", out)
		near(t, name, readNpz(t, out)["logits"], logits[0], tolerance)
	}
}
