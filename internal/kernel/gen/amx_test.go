package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The bytes that Go's assembler is given for instructions it does not know mean
// to GNU binutils what stands beside them.
func TestEncodedInstructionsAreWhatTheySay(t *testing.T) {
	for _, tool := range []string{"as", "objdump"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: there is no %s of GNU binutils", tool)
		}
	}
	var source bytes.Buffer
	var want []string
	for _, text := range generate() {
		for _, m := range regexp.MustCompile(`(?m)^\t(BYTE .*) // (.*)$`).FindAllStringSubmatch(string(text), -1) {
			source.WriteString(strings.NewReplacer("BYTE $", ".byte ").Replace(m[1]) + "\n")
			want = append(want, strings.ReplaceAll(m[2], ", ", ","))
		}
	}
	if len(want) < 50 {
		t.Fatalf("only %d instructions are encoded", len(want))
	}
	object := filepath.Join(t.TempDir(), "encoded.o")
	assemble := exec.Command("as", "--64", "-o", object)
	assemble.Stdin = &source
	if out, err := assemble.CombinedOutput(); err != nil {
		t.Skipf("skipped: as does not assemble for amd64: %v %s", err, out)
	}
	out, err := exec.Command("objdump", "-d", "-M", "intel", "--no-show-raw-insn", object).Output()
	if err != nil {
		t.Skipf("skipped: objdump does not know amd64: %v", err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^ +[0-9a-f]+:\t(.*)$`).FindAllStringSubmatch(string(out), -1) {
		got = append(got, strings.Join(strings.Fields(m[1]), " "))
	}
	if len(got) != len(want) {
		t.Fatalf("%d instructions are read as %d", len(want), len(got))
	}
	for i, w := range want {
		if got[i] == "(bad)" || strings.HasPrefix(got[i], ".byte") {
			t.Skipf("skipped: this objdump does not know %s", w)
		}
		if got[i] != w {
			t.Errorf("%q is read as %q", w, got[i])
		}
	}
}
