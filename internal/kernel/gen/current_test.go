package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCommittedAssemblyIsCurrent(t *testing.T) {
	files := generate()
	if len(files) < 3 {
		t.Fatalf("only %d files are generated", len(files))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its description gives: run go generate ./internal/kernel", name)
		}
	}
}
