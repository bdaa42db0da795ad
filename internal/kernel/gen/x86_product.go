package main

import "fmt"

// name of the function of a tile, e.g. avx512Tile12x1.
func (x x86) name(t tile) string { return fmt.Sprintf("%sTile%dx%d", x.prefix, t.rows, t.panels) }

var productParams = []param{{"c", "*float32"}, {"ldc", "int"}, {"a", "*float32"}, {"lda", "int"},
	{"b", "*float32"}, {"ldb", "int"}, {"ahead", "int"}, {"k", "int"}, {"cols", "int"},
	{"from", "*float32"}, {"ldfrom", "int"}}

// Rows of A are reached from a pointer to every third of them, at 0, 1 and 2
// times the stride in R11; panels of B from DX, at 0 to 3 times the stride in BX.
var rowPointers = []string{"SI", "R8", "R9", "R10"}

const unrolled = 4 // steps along k in one turn of the loop

// product writes the function of one tile: C is the sum over k of the products
// of a column of A and a row of B, taken in order, one fused multiply-add at a
// time for every element, and then plus from, unless that is nil.
func (x x86) product(f *file, t tile) {
	at := f.function(x.name(t), fmt.Sprintf("multiplies %d rows of a and %d panels of b.", t.rows, t.panels), "", productParams...)
	f.op("MOVQ", at["c"], "DI")
	f.op("MOVQ", at["a"], "SI")
	f.op("MOVQ", at["lda"], "R11")
	f.op("SHLQ", "$2", "R11")
	f.op("MOVQ", at["b"], "DX")
	f.op("MOVQ", at["ahead"], "AX")
	f.op("LEAQ", "(DX)(AX*4)", "AX")
	if t.panels > 1 {
		f.op("MOVQ", at["ldb"], "BX")
		f.op("SHLQ", "$2", "BX")
	}
	if t.panels > 3 {
		f.op("LEAQ", "(BX)(BX*2)", "R13")
	}
	f.op("MOVQ", at["k"], "R12")
	for i := 3; i < t.rows; i += 3 {
		f.op("LEAQ", fmt.Sprintf("(%s)(R11*2)", rowPointers[i/3-1]), rowPointers[i/3])
		f.op("ADDQ", "R11", rowPointers[i/3])
	}
	for i := range t.sums() {
		f.op("VXORPS", x.v(i), x.v(i), x.v(i))
	}
	f.op("SUBQ", fmt.Sprintf("$%d", unrolled), "R12")
	f.op("JLT", "rest")
	f.label("loop")
	x.prefetch(f, t)
	x.steps(f, t, unrolled)
	f.op("SUBQ", fmt.Sprintf("$%d", unrolled), "R12")
	f.op("JGE", "loop")
	f.label("rest")
	f.op("ADDQ", fmt.Sprintf("$%d", unrolled), "R12")
	f.op("JZ", "done")
	f.label("single")
	x.steps(f, t, 1)
	f.op("DECQ", "R12")
	f.op("JNZ", "single")
	f.label("done")
	if x.masks {
		x.storeMasked(f, t, at)
	} else {
		x.storeBranching(f, t, at)
	}
}

// prefetch asks for what lies ahead, while the loop goes through as many bytes
// of B: for every other line, since many processors fetch lines in pairs and the
// next tile asks for those between.
func (x x86) prefetch(f *file, t tile) {
	const line = 64
	bytes := unrolled * x.panel() * 4
	for at := 0; at < bytes; at += 2 * line {
		f.op("PREFETCHT1", fmt.Sprintf("%d(AX)", at))
	}
	f.op("ADDQ", fmt.Sprintf("$%d", bytes), "AX")
}

// sums is the number of registers that hold C.
func (t tile) sums() int { return t.rows * t.panels * 2 }

// steps writes some steps along k and moves the pointers on.
func (x x86) steps(f *file, t tile, count int) {
	for s := range count {
		x.step(f, t, s)
	}
	f.op("ADDQ", fmt.Sprintf("$%d", count*x.panel()*4), "DX")
	for i := 0; i < t.rows; i += 3 {
		f.op("ADDQ", fmt.Sprintf("$%d", count*4), rowPointers[i/3])
	}
}

func (x x86) step(f *file, t tile, s int) {
	wide := 2 * t.panels
	first := t.sums() // registers of B, then those of A
	inB := func(j int) string {
		return panelAddress(j/2, s*x.panel()*4+j%2*x.bytes())
	}
	free := first
	if t.rows > 1 {
		for j := range wide {
			f.op("VMOVUPS", inB(j), x.v(first+j))
		}
		free += wide
	}
	for i := range t.rows {
		value := x.v(free + i%min(4, x.regs-free))
		f.op("VBROADCASTSS", rowAddress(i, s*4), value)
		for j := range wide {
			b := x.v(first + j)
			if t.rows == 1 { // used once
				b = inB(j)
			}
			f.op("VFMADD231PS", b, value, x.v(i*wide+j))
		}
	}
}

func rowAddress(row, offset int) string {
	return fmt.Sprintf("%d(%s)%s", offset, rowPointers[row/3], []string{"", "(R11*1)", "(R11*2)"}[row%3])
}

func panelAddress(panel, offset int) string {
	return fmt.Sprintf("%d(DX)%s", offset, []string{"", "(BX*1)", "(BX*2)", "(R13*1)"}[panel])
}

// storeMasked stores the sums under a mask, the same way for whole and partial
// panels. A tile of several panels is always whole.
func (x x86) storeMasked(f *file, t tile, at map[string]string) {
	f.op("MOVQ", at["ldc"], "R8")
	f.op("SHLQ", "$2", "R8")
	f.op("MOVQ", at["cols"], "CX")
	f.op("MOVQ", "$1", "AX")
	f.op("SHLQ", "CX", "AX")
	f.op("DECQ", "AX")
	f.op("KMOVW", "AX", "K1")
	f.op("SHRQ", "$16", "AX")
	f.op("KMOVW", "AX", "K2")
	x.from(f, at, "store")
	x.eachVector(f, t, "R9", "R10", func(reg, mem string, half int) {
		f.op("VADDPS", mem, reg, fmt.Sprintf("K%d", 1+half), reg)
	})
	f.label("store")
	x.eachVector(f, t, "DI", "R8", func(reg, mem string, half int) {
		f.op("VMOVUPS", reg, fmt.Sprintf("K%d", 1+half), mem)
	})
	x.end(f)
}

// storeBranching stores whole panels plainly, since masked stores of AVX2 are
// slow on some processors, and the last columns under masks.
func (x x86) storeBranching(f *file, t tile, at map[string]string) {
	f.op("MOVQ", at["ldc"], "R8")
	f.op("SHLQ", "$2", "R8")
	if t.panels == 1 {
		f.op("MOVQ", at["cols"], "CX")
		f.op("CMPQ", "CX", fmt.Sprintf("$%d", x.panel()))
		f.op("JLT", "partial")
	}
	x.from(f, at, "store")
	x.eachVector(f, t, "R9", "R10", func(reg, mem string, _ int) { f.op("VADDPS", mem, reg, reg) })
	f.label("store")
	x.eachVector(f, t, "DI", "R8", func(reg, mem string, _ int) { f.op("VMOVUPS", reg, mem) })
	x.end(f)
	if t.panels > 1 {
		return
	}

	f.label("partial")
	f.comment("masks for the %d columns of either vector", x.lanes)
	masks := []string{x.v(t.sums()), x.v(t.sums() + 1)}
	scratch := x.v(t.sums() + 2)
	f.op("LEAQ", "avx2Masks<>(SB)", "AX")
	f.op("MOVQ", fmt.Sprintf("$%d", x.lanes), "R9")
	f.op("MOVQ", "CX", "R10")
	f.op("CMPQ", "R10", "R9")
	f.op("CMOVQGT", "R9", "R10")
	f.op("SUBQ", "R10", "CX")
	for i, count := range []string{"R10", "CX"} {
		f.op("NEGQ", count)
		f.op("VMOVUPS", fmt.Sprintf("%d(AX)(%s*4)", x.bytes(), count), masks[i])
	}
	x.from(f, at, "storePartial")
	x.eachVector(f, t, "R9", "R10", func(reg, mem string, half int) {
		f.op("VMASKMOVPS", mem, masks[half], scratch)
		f.op("VADDPS", scratch, reg, reg)
	})
	f.label("storePartial")
	x.eachVector(f, t, "DI", "R8", func(reg, mem string, half int) { f.op("VMASKMOVPS", reg, masks[half], mem) })
	x.end(f)
}

// from loads what is added to the sums: a pointer into R9, a stride into R10. It
// jumps over where nothing is.
func (x x86) from(f *file, at map[string]string, over string) {
	f.op("MOVQ", at["from"], "R9")
	f.op("MOVQ", at["ldfrom"], "R10")
	f.op("SHLQ", "$2", "R10")
	f.op("TESTQ", "R9", "R9")
	f.op("JEQ", over)
}

// eachVector calls write with every register of the tile and its place in a
// matrix, row after row; pointer moves along by the stride.
func (x x86) eachVector(f *file, t tile, pointer, stride string, write func(reg, mem string, half int)) {
	wide := 2 * t.panels
	for i := range t.rows {
		for j := range wide {
			write(x.v(i*wide+j), fmt.Sprintf("%d(%s)", j*x.bytes(), pointer), j%2)
		}
		if i < t.rows-1 {
			f.op("ADDQ", stride, pointer)
		}
	}
}
