package main

import (
	"fmt"
	"strconv"
)

// neon writes for arm64, whose vectors hold four float32. Go's assembler has few
// of the instructions on them: the others are written as the words that the
// Arm Architecture Reference Manual (section C7.2) gives.
type neon struct{}

const neonLanes = 4

// Instructions of the form "name Vd, Vn, Vm" and "name Vd, Vn", by their words
// with all registers 0.
var neonWords = map[string]uint32{
	"FADD.4S": 0x4E20D400, "FSUB.4S": 0x4EA0D400, "FMUL.4S": 0x6E20DC00, "FDIV.4S": 0x6E20FC00,
	"FMIN.4S": 0x4EA0F400, "FMAX.4S": 0x4E20F400, "FCMGT.4S": 0x6EA0E400,
	"FMLA.4S": 0x4E20CC00, "FMLS.4S": 0x4EA0CC00,
	"ADD.4S": 0x4EA08400, "SUB.4S": 0x6EA08400,
	"FADD.2D": 0x4E60D400, "FMLA.2D": 0x4E60CC00,
	"AND.16B": 0x4E201C00, "ORR.16B": 0x4EA01C00, "EOR.16B": 0x6E201C00, "BSL.16B": 0x6E601C00, "BIT.16B": 0x6EA01C00,
	"FRINTN.4S": 0x4E218800, "FSQRT.4S": 0x6EA1F800, "FCVTNS.4S": 0x4E21A800, "SCVTF.4S": 0x4E21D800,
	"SSHR1.4S": 0x4F3F0400, "SHL23.4S": 0x4F375400,
	"FCVTL.2D": 0x0E617800, "FCVTL2.2D": 0x4E617800,
	"FADDP.4S": 0x6E20D400, "FADDP.S": 0x7E30D800, "FADDP.D": 0x7E70D800, "FMAXV.S": 0x6E30F800,
}

// word writes an instruction: destination first, as the manual has it.
func (neon) word(f *file, name string, d string, sources ...string) {
	w, ok := neonWords[name]
	if !ok {
		panic("gen: no word for " + name)
	}
	number := func(reg string) uint32 {
		n, err := strconv.ParseUint(reg[1:], 10, 5)
		if err != nil {
			panic("gen: " + err.Error())
		}
		return uint32(n)
	}
	w |= number(d)
	text := name + " " + d
	for i, s := range sources {
		w |= number(s) << (5 + 11*i)
		text += ", " + s
	}
	f.op("WORD", fmt.Sprintf("$%#08x // %s", w, text))
}

// element writes FMLA Vd.4S, Vn.4S, Vm.S[i]: d += n times one lane of m.
func (neon) element(f *file, d, n, m, i int) {
	w := 0x4F801000 | uint32(i&1)<<21 | uint32(i>>1)<<11 | uint32(m)<<16 | uint32(n)<<5 | uint32(d)
	f.op("WORD", fmt.Sprintf("$%#08x // FMLA.4S V%d, V%d, V%d[%d]", w, d, n, m, i))
}

func (neon) v(i int) string { return fmt.Sprintf("V%d", i) }

func (n neon) zero(f *file, i int) { n.word(f, "EOR.16B", n.v(i), n.v(i), n.v(i)) }

const neonPeakSums = 28

// peak is x86.peak.
func (n neon) peak(f *file) {
	at := f.function("neonPeak", fmt.Sprintf("runs n steps of %d independent vector multiply-adds in registers.", neonPeakSums), "", param{"n", "int"})
	f.op("MOVD", at["n"], "R0")
	for i := range 32 {
		n.zero(f, i)
	}
	f.label("loop")
	for i := range neonPeakSums {
		n.word(f, "FMLA.4S", n.v(i), n.v(28+i%2), n.v(30+i%2))
	}
	f.op("SUBS", "$1", "R0", "R0")
	f.op("BNE", "loop")
	f.ret()
}
