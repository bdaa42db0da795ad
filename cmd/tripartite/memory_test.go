package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// memories saves the memories of two halves of a text and of the whole, and
// returns a function that names files in their folder.
func memories(t *testing.T, flags ...string) func(string) string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, p := range []struct {
		name   string
		lo, hi int
	}{{"first", 0, 6}, {"second", 6, 10}, {"whole", 0, 10}} {
		var arrays []array
		for _, a := range head(10) {
			w := a.shape[1]
			arrays = append(arrays, array{a.name, []int{p.hi - p.lo, w}, a.data[p.lo*w : p.hi*w]})
		}
		in := writeNpz(t, at(p.name+".npz"), arrays...)
		must(t, append([]string{"attend", in, "--neurons", "20", "-o", at(p.name + "-out.npz"), "--save-memory", at(p.name)}, flags...)...)
	}
	return at
}

func TestMemoriesAdd(t *testing.T) {
	for _, flags := range [][]string{nil, {"--forget", "0.2"}, {"--precision", "float32"}} {
		at := memories(t, flags...)
		o := must(t, "memory", "merge", at("first"), at("second"), "-o", at("both"))
		if !strings.Contains(o.stdout, "tokens       10\n") {
			t.Errorf("merged to\n%s", o.stdout)
		}
		if one := must(t, "memory", "info", at("both")).stdout; one != o.stdout || one != must(t, "memory", "info", at("whole")).stdout {
			t.Errorf("the merged memory is described as\n%s", one)
		}
		// Reading both memories gives the same: one more token, causal, is read.
		next := writeNpz(t, at("next.npz"), head(1)...)
		tolerance := 1e-12
		if len(flags) > 0 && flags[0] == "--precision" {
			tolerance = 1e-5
		}
		for _, m := range []string{"whole", "both"} {
			must(t, append([]string{"attend", next, "--neurons", "20", "--memory", at(m), "-o", at(m + "-next.npz")}, flags...)...)
		}
		got, want := readNpz(t, at("both-next.npz")), readNpz(t, at("whole-next.npz"))
		near(t, "read from the merged memory", got["y"], want["y"].Float64(), tolerance)
		near(t, "gain of the merged memory", got["gain"], want["gain"].Float64(), tolerance)
	}
}

func TestMemoryInfoInWordsAndJSON(t *testing.T) {
	at := memories(t)
	o := must(t, "memory", "info", at("first"))
	for _, words := range []string{"tripartite.memory/1", "tokens       6\n", "exp curves, d=3, forgetting 0", "20 hidden neurons, 2 output neurons, float64, 640 bytes"} {
		if !strings.Contains(o.stdout, words) {
			t.Errorf("lacks %q:\n%s", words, o.stdout)
		}
	}
	var info struct {
		Schema, Program, Precision      string
		Tokens, Neurons, Outputs, Bytes int
		Circuit                         struct{ Tuning, Fingerprint string }
	}
	if err := json.Unmarshal([]byte(must(t, "memory", "info", at("first"), "--json").stdout), &info); err != nil {
		t.Fatal(err)
	}
	if info.Schema != "tripartite.memory/1" || info.Program == "" || info.Precision != "float64" || info.Tokens != 6 || info.Neurons != 20 || info.Outputs != 2 ||
		info.Bytes != 8*(20*2+20+20) || info.Circuit.Tuning != "exp" || len(info.Circuit.Fingerprint) != 32 {
		t.Errorf("%+v", info)
	}
	data, err := os.ReadFile(at("first"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	if piped := commandWith(t.Context(), strings.NewReader(string(data)), "memory", "info", "-"); piped.stdout != o.stdout {
		t.Errorf("from standard input:\n%s%s", piped.stdout, piped.stderr)
	}
	wantNoFiles(t, os.Getenv("TMPDIR"))
}

func TestMergeWritesToStandardOutput(t *testing.T) {
	at := memories(t)
	must(t, "memory", "merge", at("first"), at("second"), "-o", at("both"))
	want, err := os.ReadFile(at("both"))
	if err != nil {
		t.Fatal(err)
	}
	if o := must(t, "memory", "merge", at("first"), at("second"), "-o", "-"); o.stdout != string(want) {
		t.Error("standard output differs from the file")
	}
}

func TestForeignMemoriesAreRefused(t *testing.T) {
	at := memories(t)
	other := func(name string, flags ...string) string {
		must(t, append([]string{"attend", at("first.npz"), "-o", at("out.npz"), "--save-memory", at(name)}, flags...)...)
		return at(name)
	}
	text := write(t, t.TempDir(), "text", "no memory at all, but text")
	for _, c := range []struct {
		file  string
		words []string
	}{
		{other("seed", "--neurons", "20", "--seed", "2"), []string{"tuning curves"}},
		{other("neurons", "--neurons", "21"), []string{"20", "21"}},
		{other("forget", "--neurons", "20", "--forget", "0.5"), []string{"forget"}},
		{other("precision", "--neurons", "20", "--precision", "float32"), []string{"float32", "float64"}},
		{text, []string{"text"}},
		{at("nosuch"), []string{"nosuch"}},
	} {
		out := t.TempDir()
		o := command("memory", "merge", at("first"), c.file, "-o", filepath.Join(out, "both"))
		wantFailure(t, o, exitFailed, append(c.words, filepath.Base(c.file))...)
		wantNoFiles(t, out)
	}
	for _, file := range []string{text, at("nosuch"), at("first.npz"), t.TempDir()} {
		wantFailure(t, command("memory", "info", file), exitFailed, filepath.Base(file))
	}
}
