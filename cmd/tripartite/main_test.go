package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/internal/npz"
)

// asCommand is set in the environment of test binaries that are to behave as the
// command itself.
const asCommand = "TRIPARTITE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// outcome is what one run of the command left.
type outcome struct {
	code           int
	stdout, stderr string
}

// lastLine is the line that says why a run failed.
func (o outcome) lastLine() string {
	lines := strings.Split(strings.TrimSuffix(o.stderr, "\n"), "\n")
	return lines[len(lines)-1]
}

// command runs a command line in this process.
func command(args ...string) outcome { return commandWith(context.Background(), nil, args...) }

func commandWith(ctx context.Context, stdin io.Reader, args ...string) outcome {
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, stdin, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// must runs a command line that is expected to succeed.
func must(t *testing.T, args ...string) outcome {
	t.Helper()
	o := command(args...)
	if o.code != exitDone {
		t.Fatalf("tripartite %s: exit code %d: %s", strings.Join(args, " "), o.code, o.stderr)
	}
	return o
}

// wantFailure checks the exit code and the last line of a run, which must be the
// only one.
func wantFailure(t *testing.T, o outcome, code int, words ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d; stderr: %s", o.code, code, o.stderr)
	}
	line := o.lastLine()
	if !strings.HasPrefix(line, "tripartite: ") || strings.Contains(o.stderr, "Usage:") {
		t.Errorf("stderr ends with %q, want one line of the program", line)
	}
	for _, w := range words {
		if !strings.Contains(line, w) {
			t.Errorf("last line %q lacks %q", line, w)
		}
	}
}

// files lists what is in a folder, hidden files included.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantNoFiles checks that a folder is empty.
func wantNoFiles(t *testing.T, dir string) {
	t.Helper()
	if names := files(t, dir); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// write puts a file into a folder and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// array is an array to be put into an .npz file.
type array struct {
	name  string
	shape []int
	data  []float64
}

func writeNpz(t *testing.T, path string, arrays ...array) string {
	t.Helper()
	err := npz.WriteFile(path, func(w *npz.Writer) error {
		for _, a := range arrays {
			if err := w.Float64(a.name, a.shape, a.data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// readNpz reads every array of a file.
func readNpz(t *testing.T, path string) map[string]*npz.Array {
	t.Helper()
	a, err := npz.Open(path, npz.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	arrays := map[string]*npz.Array{}
	for _, name := range a.Names() {
		if arrays[name], err = a.Array(name); err != nil {
			t.Fatal(err)
		}
	}
	return arrays
}

func TestWrongCommandLinesAreUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"nosuch", []string{`unknown command "nosuch"`, `"tripartite --help"`}},
		{"atend", []string{`unknown command "atend"`, "did you mean attend?"}},
		{"memory nosuch", []string{`memory: unknown command "nosuch"`}},
		{"help nosuch", []string{`no command "nosuch"`}},
		{"completion nosuch", []string{"nosuch"}},
		{"--nosuch", []string{"unknown flag --nosuch"}},
		{"attend -x", []string{"attend: unknown flag -x", `"tripartite attend --help"`}},
		{"attend --sgma 1", []string{"unknown flag --sgma", "did you mean --sigma?"}},
		{"attend", []string{"attend: IN.npz is missing"}},
		{"attend a.npz b.npz -o c.npz", []string{`unexpected argument "b.npz"`}},
		{"attend --calibrate b.npz a.npz -o c.npz", []string{"--calibrate=FILE"}},
		{"attend a.npz", []string{"nowhere to write to", "-o OUT.npz"}},
		{"attend a.npz -o", []string{"--output needs a value"}},
		{"attend a.npz -o b.npz --tuning nosuch", []string{"--tuning", "nosuch", "exp, cosine", "gerf"}},
		{"attend a.npz -o b.npz --draw nosuch", []string{"--draw", "iid, orthogonal"}},
		{"attend a.npz -o b.npz --precision float16", []string{"--precision", "float64, float32"}},
		{"attend a.npz -o b.npz --sigma -1", []string{"--sigma", "at least 0"}},
		{"attend a.npz -o b.npz --sigma NaN", []string{"--sigma", "finite"}},
		{"attend a.npz -o b.npz --forget 1", []string{"--forget", "[0, 1)"}},
		{"attend a.npz -o b.npz --neurons 0", []string{"--neurons", "at least 1"}},
		{"attend a.npz -o b.npz --neurons 1e3", []string{"--neurons", "whole number"}},
		{"attend a.npz -o b.npz --seed -1", []string{"--seed", "18446744073709551615"}},
		{"attend a.npz -o b.npz --threads -1", []string{"--threads", "0 to 1024"}},
		{"attend a.npz -o b.npz --threads 1000000", []string{"--threads", "0 to 1024"}},
		{"attend a.npz -o b.npz --causal --calibrate", []string{"--calibrate=FILE.npz"}},
		{"attend a.npz -o b.npz --calibrate=", []string{"--calibrate= has no file"}},
		{"attend - -o b.npz --memory -", []string{"standard input"}},
		{"attend a.npz -o - --save-memory -", []string{"standard output"}},
		{"attend a.npz -o - --json", []string{"--json", "standard output"}},
		{"memory info", []string{"memory info: FILE is missing"}},
		{"memory info a b", []string{`unexpected argument "b"`}},
		{"memory merge a", []string{"1 file to merge"}},
		{"memory merge a b", []string{"nowhere to write to"}},
		{"memory merge - - -o c", []string{"standard input"}},
		{"memory merge a b -o - --json", []string{"standard output"}},
		{"version now", []string{`unexpected argument "now"`}},
		{"tokenize", []string{"tokenize: PATH is missing"}},
		{"tokenize language --max-length 0", []string{"--max-length", "at least 1"}},
		{"tokenize language --max-length 1", []string{"--max-length 1", "2 special tokens"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			o := command(strings.Fields(c.args)...)
			wantFailure(t, o, exitUsage, c.words...)
			if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("want one line on stderr alone, got %q and %q", o.stdout, o.stderr)
			}
		})
	}
}

func TestWithoutArgumentsItSaysHowToStart(t *testing.T) {
	o := must(t)
	for _, words := range []string{"Usage:", "attend", "tokenize", "tripartite run --text"} {
		if !strings.Contains(o.stdout, words) {
			t.Errorf("lacks %q:\n%s", words, o.stdout)
		}
	}
	if o.stderr != "" {
		t.Errorf("stderr: %q", o.stderr)
	}
}

// Every command explains itself: what it does, an example, and every flag.
func TestEveryCommandHasHelp(t *testing.T) {
	root := newRoot(newEnv(t.Context(), nil, io.Discard, io.Discard))
	var visit func(path []string)
	visit = func(path []string) {
		c, _, err := root.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		o := must(t, append(path, "--help")...)
		if other := must(t, append([]string{"help"}, path...)...); other.stdout != o.stdout {
			t.Errorf("help %v differs from %v --help", path, path)
		}
		if c.Long == "" || c.Short == "" || c.Example == "" {
			t.Errorf("%v lacks a description or an example", path)
		}
		for _, line := range strings.Split(o.stdout, "\n") {
			ours := len(path) == 0 || path[0] != "completion"
			if ours && len(line) > helpWidth && !strings.HasPrefix(line, "  tripartite ") {
				t.Errorf("%v: longer than %d columns: %q", path, helpWidth, line)
			}
		}
		for _, words := range []string{"Usage:", "Examples:", "Global flags:", "--threads N"} {
			if !strings.Contains(o.stdout, words) {
				t.Errorf("%v: help lacks %q", path, words)
			}
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				visit(append(append([]string{}, path...), sub.Name()))
			}
		}
	}
	visit(nil)
}

func TestVersionSaysWhatTheProgramIs(t *testing.T) {
	var v versionInfo
	if err := json.Unmarshal([]byte(must(t, "version", "--json").stdout), &v); err != nil {
		t.Fatal(err)
	}
	if v.Schema != "tripartite.version/1" || v.Version == "" || v.Go == "" || v.OS == "" || v.Arch == "" || v.Kernel == "" || v.Cores < 1 || v.Features == nil {
		t.Errorf("incomplete: %+v", v)
	}
	if (v.Fast == "") == (v.FastReason == "") {
		t.Errorf("fast products: %q, %q", v.Fast, v.FastReason)
	}
	if text := must(t, "version").stdout; !strings.Contains(text, v.Kernel) || !strings.Contains(text, v.Version) || !strings.Contains(text, v.Fast+v.FastReason) {
		t.Errorf("%q lacks kernel, fast products or version", text)
	}
	if text := must(t, "--version").stdout; text != "tripartite "+v.Version+"\n" {
		t.Errorf("--version prints %q", text)
	}
}

func TestColorsCanBeRefused(t *testing.T) {
	for _, c := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"0", "xterm", false}, {"", "dumb", false}} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := takesColors(); got != c.want {
			t.Errorf("NO_COLOR=%q TERM=%q: %v", c.noColor, c.term, got)
		}
	}
}

// elsewhere is what another operating system says of a file that is not there.
type elsewhere struct{}

func (elsewhere) Error() string        { return "The system cannot find the file specified." }
func (elsewhere) Is(target error) bool { return target == fs.ErrNotExist }

func TestMissingFilesAreToldInOurOwnWords(t *testing.T) {
	const want = "in.npz: there is no such file; check the path"
	_, here := os.Open(filepath.Join(t.TempDir(), "nosuch"))
	for _, err := range []error{
		elsewhere{}, fs.ErrNotExist, cause(here),
		fmt.Errorf("%w", errors.Join(errors.New(""), elsewhere{})),
	} {
		if got := plain(fmt.Errorf("in.npz: %w; check the path", err)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := plain(errors.New("a\n  b: file does not exist\n")); got != "a b: file does not exist" {
		t.Errorf("an error about something else became %q", got)
	}
}

func TestShellsComplete(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if o := must(t, "completion", shell); !strings.Contains(o.stdout, "tripartite") {
			t.Errorf("no script for %s", shell)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"__complete", "att"}, "attend"},
		{[]string{"__complete", "attend", "--tuning", ""}, "truncated-exp"},
		{[]string{"__complete", "attend", "--draw", "o"}, "orthogonal"},
		{[]string{"__complete", "attend", ""}, "npz"},
		{[]string{"__complete", "help", "memory", ""}, "merge"},
		{[]string{"__complete", "run", "l"}, "language"},
		{[]string{"__complete", "run", "../../zoo/"}, "../../zoo/language/"},
		{[]string{"__complete", "run", "language", "../../testdata/"}, "algebraic.npz"},
		{[]string{"__complete", "transfer", "--model", ""}, "language"},
		{[]string{"__complete", "transfer", "--model", "../../zoo/l"}, "../../zoo/language/"},
		{[]string{"__complete", "tokenize", "../../zoo/language/"}, "tokenizer.json"},
		{[]string{"__complete", "run", "--task", ""}, "hidden"},
		{[]string{"__complete", "tokenize", ""}, "language"},
		{[]string{"__complete", "pull", ""}, "openai-community/gpt2"},
	} {
		if o := must(t, c.args...); !strings.Contains(o.stdout, c.want) {
			t.Errorf("%v: %q lacks %q", c.args, o.stdout, c.want)
		}
	}
}

// failing is standard output that cannot be written to.
type failing struct{ panics bool }

func (f failing) Write([]byte) (int, error) {
	if f.panics {
		panic("wires crossed")
	}
	return 0, errors.New("no space left on device")
}

func TestStandardOutputThatFailsIsReported(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.jsonl", `{"text":"a"}`)
	for _, args := range [][]string{
		{"version"}, {"version", "--json"}, {"help"}, {"attend", golden, "-o", "-"}, {"tokenize", "language", "--file", texts},
		{"attend", golden, "-o", filepath.Join(dir, "out.npz")},
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(""), failing{}, &stderr)
		wantFailure(t, outcome{code: code, stderr: stderr.String()}, exitFailed, "standard output", "no space left")
	}
}

func TestAPanicIsReportedAsABug(t *testing.T) {
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"version"}, strings.NewReader(""), failing{panics: true}, &stderr)
	wantFailure(t, outcome{code: code, stderr: stderr.String()}, exitFailed, "wires crossed", "bug", "tripartite version")
	if strings.Contains(stderr.String(), "goroutine") {
		t.Error("the stack was printed without being asked for")
	}
}

// waiting is standard input at which nobody types. It calls begun when it is
// first read.
type waiting struct{ begun func() }

func (w waiting) Read([]byte) (int, error) {
	w.begun()
	select {}
}

func TestCtrlCWhileWaitingForInputLeavesNothing(t *testing.T) {
	for _, args := range [][]string{
		{"attend", "-", "-o", "out.npz"}, {"memory", "merge", "-", "b", "-o", "out"}, {"memory", "info", "-"}, {"tokenize", "language"},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		t.Setenv("TMPDIR", dir) // where standard input is kept
		ctx, cancel := context.WithCancel(t.Context())
		o := commandWith(ctx, waiting{cancel}, args...)
		cancel()
		wantFailure(t, o, exitInterrupted, "interrupted")
		wantNoFiles(t, dir)
	}
}

// The same with a process and a signal, as in a terminal.
func TestASignalEndsTheProcessWith130(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := exec.Command(self, "tokenize", "language")
	c.Dir = dir
	c.Env = append(os.Environ(), asCommand+"=1")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	// Once the first line has come back it waits for the second.
	io.WriteString(stdin, "{\"text\": \"Jesus wept.\"}\n")
	if _, err := stdout.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Skipf("no signals here: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
		wantFailure(t, outcome{code: c.ProcessState.ExitCode(), stderr: stderr.String()}, exitInterrupted, "interrupted")
	case <-time.After(30 * time.Second):
		t.Error("it does not end")
	}
}
