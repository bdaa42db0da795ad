package main

import "fmt"

// neonTiles: 8 rows and 8 columns take 16 registers for C, 8 for four numbers of
// each row of A, and 8 for B.
var neonTiles = append(tall(8), tile{1, 4}, tile{2, 2})

const (
	neonPanel = 2 * neonLanes
	neonA     = 16 // first register of A
	neonB     = 24 // first register of B
)

// Pointers to the rows of A and to the panels of B.
var (
	neonRows   = []string{"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}
	neonPanels = []string{"R16", "R17", "R19", "R20"}
)

// product writes the function of one tile, in the order of sums of x86.product.
func (n neon) product(f *file, t tile) {
	f.frame = 4 * neonPanel
	at := f.function(fmt.Sprintf("neonTile%dx%d", t.rows, t.panels),
		fmt.Sprintf("multiplies %d rows of a and %d panels of b.", t.rows, t.panels), "", productParams...)
	f.op("MOVD", at["c"], "R0")
	f.op("MOVD", at["ldc"], "R1")
	f.op("LSL", "$2", "R1")
	f.op("MOVD", at["a"], neonRows[0])
	f.op("MOVD", at["b"], neonPanels[0])
	f.op("MOVD", at["k"], "R2")
	f.op("MOVD", at["from"], "R3")
	f.op("MOVD", at["ldfrom"], "R7")
	f.op("LSL", "$2", "R7")
	step := func(parameter string, pointers []string) {
		if len(pointers) > 1 {
			f.op("MOVD", at[parameter], "R4")
			f.op("LSL", "$2", "R4")
		}
		for i := 1; i < len(pointers); i++ {
			f.op("ADD", "R4", pointers[i-1], pointers[i])
		}
	}
	step("lda", neonRows[:t.rows])
	step("ldb", neonPanels[:t.panels])
	for i := range t.sums() {
		n.zero(f, i)
	}
	f.op("SUBS", "$4", "R2", "R2")
	f.op("BLT", "rest")
	f.label("loop")
	for i := range t.rows {
		f.op("VLD1.P", fmt.Sprintf("16(%s)", neonRows[i]), fmt.Sprintf("[V%d.S4]", neonA+i))
	}
	for s := range 4 {
		n.step(f, t, s)
	}
	f.op("SUBS", "$4", "R2", "R2")
	f.op("BGE", "loop")
	f.label("rest")
	f.op("ADDS", "$4", "R2", "R2")
	f.op("BEQ", "done")
	f.label("single")
	for i := range t.rows {
		f.op("FMOVS.P", fmt.Sprintf("4(%s)", neonRows[i]), fmt.Sprintf("F%d", neonA+i))
	}
	n.step(f, t, 0)
	f.op("SUBS", "$1", "R2", "R2")
	f.op("BNE", "single")
	f.label("done")
	n.store(f, t, at)
}

// step multiplies lane s of A.
func (n neon) step(f *file, t tile, s int) {
	wide := 2 * t.panels
	first := func(panel int) int { return neonB + (s*wide+2*panel)%8 }
	for p := range t.panels {
		f.op("VLD1.P", fmt.Sprintf("32(%s)", neonPanels[p]), fmt.Sprintf("[V%d.S4, V%d.S4]", first(p), first(p)+1))
	}
	for i := range t.rows {
		for j := range wide {
			n.element(f, i*wide+j, first(j/2)+j%2, neonA+i, s)
		}
	}
}

// store writes whole panels as vectors and the last columns one by one, by way
// of the frame.
func (n neon) store(f *file, t tile, at map[string]string) {
	wide := 2 * t.panels
	pair := func(i, p int) string {
		return fmt.Sprintf("[V%d.S4, V%d.S4]", i*wide+2*p, i*wide+2*p+1)
	}
	if t.panels == 1 {
		f.op("MOVD", at["cols"], "R4")
		f.op("CMP", fmt.Sprintf("$%d", neonPanel), "R4")
		f.op("BLT", "partial")
	}
	f.op("CBZ", "R3", "store")
	for i := range t.rows {
		f.op("MOVD", "R3", "R6")
		for p := range t.panels {
			f.op("VLD1.P", "32(R6)", fmt.Sprintf("[V%d.S4, V%d.S4]", neonB, neonB+1))
			for j := range 2 {
				n.word(f, "FADD.4S", n.v(i*wide+2*p+j), n.v(i*wide+2*p+j), n.v(neonB+j))
			}
		}
		f.op("ADD", "R7", "R3", "R3")
	}
	f.label("store")
	for i := range t.rows {
		f.op("MOVD", "R0", "R6")
		for p := range t.panels {
			f.op("VST1.P", pair(i, p), "32(R6)")
		}
		f.op("ADD", "R1", "R0", "R0")
	}
	f.ret()
	if t.panels > 1 {
		return
	}
	f.label("partial")
	for i := range t.rows {
		f.op("MOVD", fmt.Sprintf("$row-%d(SP)", 4*neonPanel), "R5")
		f.op("VST1", pair(i, 0), "(R5)")
		f.op("MOVD", "R0", "R6")
		f.op("MOVD", "R4", "R2")
		f.op("MOVD", "R3", "R8")
		f.label(fmt.Sprintf("element%d", i))
		f.op("FMOVS.P", "4(R5)", "F24")
		f.op("CBZ", "R3", fmt.Sprintf("put%d", i))
		f.op("FMOVS.P", "4(R8)", "F25")
		f.op("FADDS", "F25", "F24", "F24")
		f.label(fmt.Sprintf("put%d", i))
		f.op("FMOVS.P", "F24", "4(R6)")
		f.op("SUBS", "$1", "R2", "R2")
		f.op("BNE", fmt.Sprintf("element%d", i))
		f.op("CBZ", "R3", fmt.Sprintf("next%d", i))
		f.op("ADD", "R7", "R3", "R3")
		f.label(fmt.Sprintf("next%d", i))
		f.op("ADD", "R1", "R0", "R0")
	}
	f.ret()
}
