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
	files := map[string][]byte{}
	for arch, list := range map[string][]*file{
		"amd64": {
			x86Functions(newFile("avx512_amd64.s", "AVX-512 (F, BW, DQ, VL)"), avx512),
			x86Functions(newFile("avx2_amd64.s", "AVX2 and FMA"), avx2),
			amxFunctions(newFile("amx_amd64.s", "AMX (TILE, BF16) and AVX-512 (F, BW, DQ, BF16)")),
		},
		"arm64": {neonFunctions(newFile("neon_arm64.s", "NEON"))},
	} {
		for _, f := range list {
			files[f.name] = f.text()
		}
		files["declarations_"+arch+".go"] = declarations(list)
	}
	return files
}

// x86Functions writes every function for one instruction set of amd64.
func x86Functions(f *file, set x86) *file {
	if !set.masks {
		masks(f, set.prefix, set.lanes)
	}
	for _, t := range set.tiles {
		set.product(f, t)
	}
	dispatch(f, set.prefix, set.panel(), 2*set.lanes*set.peakSums(), set.tiles)
	set.peak(f)
	for _, fn := range functions() {
		set.row(f, fn)
	}
	set.transpose(f)
	table(f, set.prefix, "transpose8")
	return f
}

// neonFunctions writes every function for arm64.
func neonFunctions(f *file) *file {
	var set neon
	masks(f, "neon", neonLanes)
	for _, t := range neonTiles {
		set.product(f, t)
	}
	f.frame = 0
	dispatch(f, "neon", neonPanel, 2*neonLanes*neonPeakSums, neonTiles)
	set.peak(f)
	for _, fn := range functions() {
		set.row(f, fn)
	}
	table(f, "neon")
	return f
}

// masks writes a table that, loaded n float32 before its middle, selects the
// first n lanes of a vector.
func masks(f *file, prefix string, lanes int) {
	name := prefix + "Masks<>"
	fmt.Fprintf(&f.body, "\n// %s: loaded n float32 before its middle, it selects the first n lanes.\n", name)
	for i := range 2 * lanes {
		fmt.Fprintf(&f.body, "DATA %s+%d(SB)/4, $%#08x\n", name, 4*i, []uint32{0xffffffff, 0}[i/lanes])
	}
	fmt.Fprintf(&f.body, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", name, 8*lanes)
}
