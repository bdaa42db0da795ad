package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// notRun lists the commands of the documentation that its test does not run, by
// their beginning, and why. Everything else in a block marked sh is run.
var notRun = map[string]string{
	"go test ./...":                       "it is what runs this test",
	"go install github":                   "installs from the network",
	"go get github":                       "installs from the network",
	"git clone":                           "installs from the network",
	"pip install":                         "installs from the network",
	"make":                                "runs the tests, fuzzers and benchmarks again",
	"go test -run '^$'":                   "benchmarks take minutes",
	"python3 tools/":                      "needs PyTorch and transformers; what it makes is committed",
	"pip download":                        "installs from the network",
	"export TRIPARTITE_":                  "names a folder of the reader's",
	"tripartite transfer --model path/to": "needs a folder of the reader's",
	"tripartite run path/to":              "needs a folder of the reader's",
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
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, doc := range append([]string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}, docs...) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		commands := shellCommands(string(text))
		total += len(commands)
		t.Run(filepath.Base(doc), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(dir, "testdata")); err != nil {
				t.Fatal(err)
			}
			for _, c := range commands {
				if reason := skipped(c); reason != "" {
					t.Logf("not run: %s (%s)", c, reason)
					continue
				}
				run := exec.Command("sh", "-ec", strings.ReplaceAll(c, "go run ./cmd/tripartite", "tripartite"))
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
