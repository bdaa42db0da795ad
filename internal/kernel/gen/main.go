// Gen writes the assembly of package kernel and the Go declarations that belong
// to it. One description of a function is written out for every instruction
// set:
//
//	go generate ./internal/kernel
//
// A test compares the committed files with what the descriptions give.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("o", ".", "folder of package kernel")
	flag.Parse()
	for name, text := range generate() {
		if err := os.WriteFile(filepath.Join(*dir, name), text, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// generate returns the text of every generated file by its name.
func generate() map[string][]byte {
	amd64 := []*file{
		x86Functions(newFile("avx512_amd64.s", "AVX-512 (F, BW, DQ, VL)"), avx512),
		x86Functions(newFile("avx2_amd64.s", "AVX2 and FMA"), avx2),
	}
	files := map[string][]byte{"declarations_amd64.go": declarations(amd64)}
	for _, f := range amd64 {
		files[f.name] = f.text()
	}
	return files
}

// x86Functions writes every function for one instruction set.
func x86Functions(f *file, set x86) *file {
	set.data(f)
	for _, t := range set.tiles {
		set.product(f, t)
	}
	set.dispatch(f)
	set.peak(f)
	for _, fn := range functions() {
		set.row(f, fn)
	}
	table(f, set.prefix)
	return f
}
