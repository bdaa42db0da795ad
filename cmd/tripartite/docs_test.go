package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// notRun lists the commands of the documentation that its test does not run, by
// their beginning, and why. Everything else in a block marked sh is run.
var notRun = map[string]string{
	"go test ./...":      "it is what runs this test",
	"go install github":  "installs from the network",
	"go get github":      "installs from the network",
	"git clone":          "installs from the network",
	"pip install":        "installs from the network",
	"make":               "runs the tests, fuzzers and benchmarks again",
	"go test -run '^$'":  "benchmarks take minutes",
	"TRIPARTITE_KILLS":   "kills hundreds of processes; twenty are killed without it",
	"sox ":               "needs SoX, or a microphone",
	"ffmpeg ":            "needs FFmpeg",
	"python3 tools/":     "needs PyTorch and transformers; what it makes is committed",
	"pip download":       "installs from the network",
	"export TRIPARTITE_": "names a folder of the reader's",

	"tripartite transfer --model causal -o":   transferredElsewhere,
	"tripartite transfer --model vision -o":   transferredElsewhere,
	"tripartite transfer --model audition -o": transferredElsewhere,
}

const transferredElsewhere = "TestEveryBundledModelIsTransferred runs it"

// documents are the texts that a reader meets, README first.
func documents(t *testing.T, root string) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}, docs...)
}

// TestDocumentedCommandsWork runs every command of README and docs in the order
// in which a reader meets them, each document in a folder of its own.
func TestDocumentedCommandsWork(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: the documented commands are for a POSIX shell")
	}
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "tripartite"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	serveHub(t, filepath.Join(root, "model", "testdata", "sentence-mean"))
	total := 0
	for _, doc := range documents(t, root) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		commands := shellCommands(string(text))
		total += len(commands)
		t.Run(filepath.Base(doc), func(t *testing.T) {
			dir := readersFolder(t, root)
			for _, c := range commands {
				if reason := skipped(c); reason != "" {
					t.Logf("not run: %s (%s)", c, reason)
					continue
				}
				run := exec.Command("sh", "-ec", briefly(strings.ReplaceAll(c, "go run ./cmd/tripartite", "tripartite"), c))
				run.Dir = dir
				run.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
				var stderr bytes.Buffer
				run.Stderr = &stderr
				if out, err := run.Output(); err != nil {
					t.Errorf("%s: %v\n%s%s", c, err, out, stderr.Bytes())
				}
			}
		})
	}
	if total < 10 {
		t.Errorf("only %d commands found in README and docs", total)
	}
}

// readersFolder makes a folder with all that the documents speak of: the
// repository's arrays, pictures and sounds, a model under the name of a real one, and texts.
func readersFolder(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"testdata", "zoo"} {
		if err := os.Symlink(filepath.Join(root, folder), filepath.Join(dir, folder)); err != nil {
			t.Fatal(err)
		}
	}
	for name, folder := range map[string]string{
		"all-MiniLM-L6-v2": "model/testdata/sentence-mean",
		"gpt2":             "task/testdata/gpt2",
		"bloom-560m":       "task/testdata/bloom",
		"bloom":            "model/testdata/bloom",
		"vit":              "task/testdata/vit",
		"ast":              "task/testdata/ast",
	} {
		if err := os.CopyFS(filepath.Join(dir, "path", "to", name), os.DirFS(filepath.Join(root, filepath.FromSlash(folder)))); err != nil {
			t.Fatal(err)
		}
	}
	for folder, picture := range map[string]string{"photos": "420.jpg", "other-photos": "444.jpg"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		copyOf(t, filepath.Join(root, "input", "image", "testdata", picture), filepath.Join(dir, folder, "one.jpg"))
	}
	copyOf(t, filepath.Join(root, "input", "audio", "testdata", "tone.wav"), filepath.Join(dir, "speech.wav"))
	copyOf(t, filepath.Join(root, "input", "audio", "testdata", "telephone-8000.wav"), filepath.Join(dir, "more-speech.wav"))
	writeRows(t, filepath.Join(dir, "rows.npy"), rowsOf(1, 20))
	writeRows(t, filepath.Join(dir, "more-rows.npy"), rowsOf(2, 20))
	write(t, dir, "texts.txt", "an astrocyte\nneurons and astrocytes\n")
	write(t, dir, "other-texts.txt", "a synapse\ncalcium, calcium!\n")
	write(t, dir, "passages.txt", pairs("an astrocyte", "neurons", "a synapse", "calcium", "astrocytes and"))
	return dir
}

// briefly saves minutes: a transfer of texts that names none reads two short ones and
// calibrates on two, as an experiment does, with one seed, a fit takes a few steps, and
// bench measures for a moment. The
// first command that the documents advise, original, runs as it stands.
func briefly(command, original string) string {
	switch {
	case strings.HasPrefix(original, "tripartite fit"):
		return command + " --head-steps 2 --joint-steps 1 --neurons 16"
	case strings.HasPrefix(original, "tripartite experiment list"):
		return command
	case strings.HasPrefix(original, "tripartite experiment"):
		command += " --seeds 1"
		if strings.Contains(command, "--model") {
			return command
		}
		return command + " --input texts.txt --calibrate other-texts.txt"
	case strings.HasPrefix(original, "tripartite bench"):
		return regexp.MustCompile(`--seconds \S+`).ReplaceAllString(command, "--seconds 0.1")
	case !strings.HasPrefix(original, "tripartite transfer"), strings.Contains(command, "--input"):
		return command
	}
	return command + " --input texts.txt --calibrate other-texts.txt"
}

var (
	codeBlock = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

// Whatever README and docs point at inside the repository is there, and nothing
// is left to be filled in.
func TestDocumentsPointAtWhatIsThere(t *testing.T) {
	root := filepath.Join("..", "..")
	links := 0
	for _, doc := range documents(t, root) {
		data, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "@@") {
			t.Errorf("%s: a placeholder between @@ is left", filepath.Base(doc))
		}
		for _, m := range link.FindAllStringSubmatch(codeBlock.ReplaceAllString(string(data), "code"), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s points at %s: %v", filepath.Base(doc), target, err)
			}
		}
	}
	if links < 5 {
		t.Errorf("only %d links found", links)
	}
}

var quotedLine = regexp.MustCompile("\\[`([^`]+)`\\]\\(\\.\\./([^)]+\\.go)\\)")

// Every line of code that docs/equations.md quotes is in the file it points to.
func TestEquationsAreWhereTheDocumentSays(t *testing.T) {
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, "docs", "equations.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := quotedLine.FindAllStringSubmatch(string(data), -1)
	if len(quoted) < 40 {
		t.Errorf("only %d lines are quoted", len(quoted))
	}
	for _, m := range quoted {
		code, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m[2])))
		if err != nil {
			t.Fatal(err)
		}
		if m[1] != filepath.Base(m[2]) && !strings.Contains(string(code), m[1]) {
			t.Errorf("%s has no line %q", m[2], m[1])
		}
	}
}

func skipped(command string) string {
	for beginning, reason := range notRun {
		if strings.HasPrefix(command, beginning) {
			return reason
		}
	}
	return ""
}

// shellCommands returns the commands of the blocks marked sh, comments left out
// and continued lines joined.
func shellCommands(markdown string) []string {
	var commands []string
	inside := false
	pending := ""
	for _, line := range strings.Split(markdown, "\n") {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "```"):
			inside = trimmed == "```sh"
		case !inside || trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case strings.HasSuffix(trimmed, `\`):
			pending += strings.TrimSuffix(trimmed, `\`)
		default:
			command := pending + trimmed
			if i := strings.Index(command, "  #"); i >= 0 {
				command = strings.TrimSpace(command[:i])
			}
			commands = append(commands, command)
			pending = ""
		}
	}
	return commands
}
