package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// examplesFolder makes a folder with all that the examples in help speak of, and
// goes there.
func examplesFolder(t *testing.T) {
	t.Helper()
	serveHub(t, "../../model/testdata/sentence-mean")
	dir := t.TempDir()
	writeNpz(t, filepath.Join(dir, "head.npz"), head(12)...)
	for i, name := range []string{"first", "second"} {
		in := writeNpz(t, filepath.Join(dir, name+".npz"), head(4+i)...)
		must(t, "attend", in, "-o", filepath.Join(dir, "out.npz"), "--save-memory", filepath.Join(dir, name+".safetensors"))
	}
	write(t, dir, "texts.jsonl", `{"text": "In the beginning"}`+"\n"+`{"text": ""}`+"\n")
	write(t, dir, "texts.txt", "Jesus wept.\nThe LORD is my shepherd.\n")
	write(t, dir, "more-texts.txt", "In the beginning God created the heaven and the earth.\nAnd God said, Let there be light.\n")
	write(t, dir, "passages.txt", strings.Join(some(60), "\n"))
	writeNpz(t, filepath.Join(dir, "ids.npz"), array{"input_ids", []int{4}, []float64{2, 20, 30, 3}})
	for name, folder := range map[string]string{
		"model": "../../zoo/language", "gpt2": answering + "gpt2", "bloom": answering + "bloom", "vit": answering + "vit",
		"zoo/vision/samples": "../../zoo/vision/samples", "zoo/audition/samples": "../../zoo/audition/samples",
	} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	for folder, picture := range map[string]string{"pictures": "text.png", "more-pictures": "rings.png"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		copyOf(t, pictures+picture, filepath.Join(dir, folder, picture))
	}
	write(t, dir, "ids.txt", idText(1, 300))
	writeRows(t, filepath.Join(dir, "rows.npy"), rowsOf(1, 20))
	copyOf(t, recordings+"stereo-44100.wav", filepath.Join(dir, "speech.wav"))
	copyOf(t, recordings+"telephone-8000.wav", filepath.Join(dir, "more.wav"))
	t.Chdir(dir)
}

// words splits a command line as a shell does, as far as the examples need it.
func words(line string) []string {
	var out []string
	var word strings.Builder
	var quote rune
	flush := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && r == ' ':
			flush()
		default:
			word.WriteRune(r)
		}
	}
	flush()
	return out
}

// shortFit is a fit of a few steps and neurons in place of minutes.
func shortFit(args []string) []string {
	if i := slices.Index(args, "--minutes"); i >= 0 {
		args = slices.Delete(args, i, i+2)
	}
	return append(args, "--head-steps", "2", "--joint-steps", "1", "--neurons", "16")
}

// The examples in help work as they stand, one after the other, but for those of
// notRun.
func TestExamplesInHelpWork(t *testing.T) {
	examplesFolder(t)
	ran := map[string]bool{} // some stand in the help of several commands
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, line := range strings.Split(c.Example, "\n") {
			line = strings.TrimSpace(line)
			if ran[line] || skipped(line) != "" {
				continue
			}
			ran[line] = true
			stdin := ""
			if echo, rest, piped := strings.Cut(line, " | "); piped {
				stdin, line = strings.Join(words(strings.TrimPrefix(echo, "echo ")), " ")+"\n", rest
			}
			args := words(line)
			if len(args) == 0 || args[0] != "tripartite" {
				t.Errorf("%s: %q is no example of the program", c.CommandPath(), line)
				continue
			}
			if args[1] == "transfer" && !slices.Contains(args, "--input") { // on two texts in place of all verses, to save time
				args = append(args, "--input", "texts.txt", "--calibrate", "more-texts.txt")
			}
			if args[1] == "experiment" && args[2] != "list" { // once, on two texts
				args = append(args, "--input", "texts.txt", "--calibrate", "more-texts.txt", "--seeds", "1")
			}
			if args[1] == "fit" { // for a few steps
				args = shortFit(args)
			}
			if args[1] == "bench" { // on a few products
				args = append(slices.DeleteFunc(args, func(a string) bool { return a == "--full" }), "--work", "product", "--seconds", "0.1")
			}
			if o := commandWith(t.Context(), strings.NewReader(stdin), args[1:]...); o.code != exitDone {
				t.Errorf("%s: exit code %d: %s", line, o.code, o.stderr)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(newEnv(t.Context(), nil, io.Discard, io.Discard)))
	if len(ran) < 15 {
		t.Errorf("only %d examples", len(ran))
	}
}
