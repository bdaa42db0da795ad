package main

import "fmt"

// AMX: tiles of 16 rows of 64 bytes, and TDPBF16PS, which adds to a tile the
// product of two others that hold pairs of bfloat16. Package kernel says what a
// fast product is and how its operands lie.
const (
	stepBytes = 4096          // one step of A or of a panel of B: high parts, then low
	lowPart   = stepBytes / 2 // where the low parts begin
	tileBytes = 1024
	mostSteps = 12 // blockDepth / stepDepth
)

// encoded writes an instruction that Go's assembler does not know, with its text.
func (f *file) encoded(text string, code []byte) {
	f.body.WriteString("\t")
	for i, b := range code {
		if i > 0 {
			f.body.WriteString("; ")
		}
		fmt.Fprintf(&f.body, "BYTE $%#02x", b)
	}
	fmt.Fprintf(&f.body, " // %s\n", text)
}

// General registers by their number, for addresses.
const (
	rax = iota
	rcx
	rdx
	rbx
)

// vex is an instruction of the map 0F38 with three-byte prefix, 128 bits, W0, and
// registers below 8. pp stands for the mandatory prefix: 0 none, 2 F3, 3 F2.
func vex(pp, vvvv, opcode byte, rest ...byte) []byte {
	return append([]byte{0xc4, 0xe2, (^vvvv&15)<<3 | pp, opcode}, rest...)
}

// strided is the operand [base + index + offset] of a tile that lies in memory,
// where index holds the distance of its rows.
func strided(tile, base, index byte, offset int32) []byte {
	return []byte{0x80 | tile<<3 | 4, index<<3 | base, byte(offset), byte(offset >> 8), byte(offset >> 16), byte(offset >> 24)}
}

func names(r byte) string { return []string{"rax", "rcx", "rdx", "rbx"}[r] }

func (f *file) ldtilecfg(base byte) {
	f.encoded(fmt.Sprintf("ldtilecfg [%s]", names(base)), vex(0, 0, 0x49, base))
}

func (f *file) tilerelease() { f.encoded("tilerelease", vex(0, 0, 0x49, 0xc0)) }

func (f *file) tilezero(t byte) {
	f.encoded(fmt.Sprintf("tilezero tmm%d", t), vex(3, 0, 0x49, 0xc0|t<<3))
}

func (f *file) tileloadd(t, base, index byte, offset int32) {
	f.encoded(fmt.Sprintf("tileloadd tmm%d, [%s+%s*1+%#x]", t, names(base), names(index), offset), vex(3, 0, 0x4b, strided(t, base, index, offset)...))
}

func (f *file) tilestored(t, base, index byte, offset int32) {
	f.encoded(fmt.Sprintf("tilestored [%s+%s*1+%#x], tmm%d", names(base), names(index), offset, t), vex(2, 0, 0x4b, strided(t, base, index, offset)...))
}

// tdpbf16ps is c += a·b.
func (f *file) tdpbf16ps(c, a, b byte) {
	f.encoded(fmt.Sprintf("tdpbf16ps tmm%d, tmm%d, tmm%d", c, a, b), vex(2, b, 0x5c, 0xc0|c<<3|a))
}

// vcvtneps2bf16 rounds 16 float32 to bfloat16; registers below 8.
func (f *file) vcvtneps2bf16(from, to byte) {
	f.encoded(fmt.Sprintf("vcvtneps2bf16 ymm%d, zmm%d", to, from), []byte{0x62, 0xf2, 0x7e, 0x48, 0x72, 0xc0 | to<<3 | from})
}

// amxFunctions writes the arithmetic of fast products.
func amxFunctions(f *file) *file {
	f.body.WriteString("\n// amxRows<>: which words of a packed panel the pairs of a column go to.\n")
	for i := range 16 {
		fmt.Fprintf(&f.body, "DATA amxRows<>+%d(SB)/4, $%d\n", 4*i, 16*i)
	}
	f.body.WriteString("GLOBL amxRows<>(SB), RODATA|NOPTR, $64\n")
	amxColumn(f)
	amxAcross(f)
	amxPanels(f)
	return f
}

// limits loads what apart compares with.
func (f *file) limits() {
	for i, bits := range []uint32{0x7f7f7fff, 0x7f7fff7f} {
		f.op("MOVL", fmt.Sprintf("$%#x", bits), "AX")
		f.op("VPBROADCASTD", "AX", fmt.Sprintf("Z%d", 30+i))
	}
}

// apart splits Z0 into 16 high parts in a register Y and as many low parts in
// another, below 8. It uses K6, K7 and Z1.
func (f *file) apart(high, low byte) {
	const notFinite = "$0x99"
	z := func(r byte) string { return fmt.Sprintf("Z%d", r) }
	f.op("VFPCLASSPSZ", notFinite, "Z0", "K6")
	f.op("KNOTW", "K6", "K7")
	f.op("VMOVAPS", "Z0", "Z1")
	f.op("VRANGEPS", "$2", "Z30", "Z0", "K7", "Z1")
	f.vcvtneps2bf16(1, high)
	f.op("VPMOVZXWD", fmt.Sprintf("Y%d", high), "Z1")
	f.op("VPSLLD", "$16", "Z1", "Z1")
	f.op("VRANGEPS", "$2", "Z31", "Z0", z(low))
	f.op("VSUBPS.Z", "Z1", z(low), "K7", z(low))
	f.vcvtneps2bf16(low, low)
}

// firstLanes sets K1 and K2 for the first n lanes of two vectors, n up to 32. It
// uses BX.
func (f *file) firstLanes(n string) {
	f.op("MOVQ", "$-1", "BX")
	f.op("BZHIQ", n, "BX", "BX")
	f.op("KMOVW", "BX", "K1")
	f.op("SHRQ", "$16", "BX")
	f.op("KMOVW", "BX", "K2")
}

// smaller puts the smaller of a number and x into x.
func (f *file) smaller(number int, than, x string) {
	f.op("MOVQ", fmt.Sprintf("$%d", number), x)
	f.op("CMPQ", than, x)
	f.op("CMOVQLT", than, x)
}

func amxColumn(f *file) {
	at := f.function("amxColumn", "packs a column of n numbers.", "", param{"dst", "*uint32"}, param{"x", "*float32"}, param{"n", "int"})
	f.op("MOVQ", at["dst"], "DI")
	f.op("MOVQ", at["x"], "SI")
	f.op("MOVQ", at["n"], "DX")
	f.limits()
	f.op("VMOVDQU32", "amxRows<>(SB)", "Z8")
	f.label("step")
	f.smaller(32, "DX", "R12")
	f.firstLanes("R12")
	f.op("VMOVUPS.Z", "(SI)", "K1", "Z0")
	f.apart(2, 3)
	f.op("VMOVUPS.Z", "64(SI)", "K2", "Z0")
	f.apart(4, 5)
	f.op("VINSERTI64X4", "$1", "Y4", "Z2", "Z2")
	f.op("VINSERTI64X4", "$1", "Y5", "Z3", "Z3")
	f.op("INCQ", "R12")
	f.op("SHRQ", "$1", "R12")
	f.firstLanes("R12")
	f.op("KMOVW", "K1", "K3")
	f.op("VPSCATTERDD", "Z2", "K1", "(DI)(Z8*4)")
	f.op("VPSCATTERDD", "Z3", "K3", fmt.Sprintf("%d(DI)(Z8*4)", lowPart))
	f.op("ADDQ", "$128", "SI")
	f.op("ADDQ", fmt.Sprintf("$%d", stepBytes), "DI")
	f.op("SUBQ", "$32", "DX")
	f.op("JGT", "step")
	f.op("VZEROUPPER")
	f.ret()
}

func amxAcross(f *file) {
	at := f.function("amxAcross", "packs n numbers, up to 16, of each of two rows.", "",
		param{"high", "*uint32"}, param{"low", "*uint32"}, param{"x", "*float32"}, param{"y", "*float32"}, param{"n", "int"})
	f.op("MOVQ", at["n"], "DX")
	f.firstLanes("DX")
	f.limits()
	for i, rows := range []string{"x", "y"} {
		f.op("MOVQ", at[rows], "SI")
		f.op("VMOVUPS.Z", "(SI)", "K1", "Z0")
		f.apart(byte(2+2*i), byte(3+2*i))
	}
	for i, part := range []string{"high", "low"} {
		x, y := fmt.Sprint(2+i), fmt.Sprint(4+i)
		f.op("VPMOVZXWD", "Y"+x, "Z"+x)
		f.op("VPMOVZXWD", "Y"+y, "Z"+y)
		f.op("VPSLLD", "$16", "Z"+y, "Z"+y)
		f.op("VPORD", "Z"+x, "Z"+y, "Z"+y)
		f.op("MOVQ", at[part], "DI")
		f.op("VMOVDQU32", "Z"+y, "K1", "(DI)")
	}
	f.op("VZEROUPPER")
	f.ret()
}

// Tiles: four of sums, two of A, two of B.
const (
	sum00, sum01, sum10, sum11 = 0, 1, 2, 3
	upper, lower               = 4, 5 // rows of A
	left, right                = 6, 7 // columns of B
)

// amxPanels writes the product of a block. A is taken apart into the frame first,
// step by step: 32 rows of high parts, then of low ones. The tiles are configured
// and released here, since Go may move to another thread between functions but not
// within one that is written in assembly.
func amxPanels(f *file) {
	const config = 64
	f.frame = config + mostSteps*stepBytes + 64 // room to align
	at := f.function("amxPanels", "multiplies m rows of a and the panels of b, up to the first with a sum that is not finite, which it leaves in s.", "int",
		param{"s", "*fastSums"}, param{"c", "*float32"}, param{"ldc", "int"}, param{"a", "*float32"}, param{"lda", "int"},
		param{"b", "*float32"}, param{"ldb", "int"}, param{"m", "int"}, param{"n", "int"}, param{"k", "int"}, param{"add", "bool"})
	f.frame = 0
	f.op("LEAQ", "63(SP)", "R13")
	f.op("ANDQ", "$~63", "R13")
	f.op("MOVQ", at["m"], "R11")
	f.splitRows(at, config)

	f.comment("tiles: 16 rows of B; of A and C what there is, rows beyond 16 in the second ones")
	f.op("VPXORD", "Z0", "Z0", "Z0")
	f.op("VMOVUPS", "Z0", "(R13)")
	f.op("MOVB", "$1", "(R13)")
	f.op("MOVQ", "$0x0040004000400040", "AX")
	f.op("MOVQ", "AX", "16(R13)")
	f.op("MOVQ", "AX", "24(R13)")
	f.smaller(16, "R11", "AX")
	f.op("LEAQ", "-16(R11)", "CX")
	f.op("MOVQ", "$1", "BX")
	f.op("CMPQ", "CX", "BX")
	f.op("CMOVQLT", "BX", "CX")
	for tile, rows := range []string{"AX", "AX", "CX", "CX", "AX", "CX", "$16", "$16"} {
		f.op("MOVB", rows, fmt.Sprintf("%d(R13)", 48+tile))
	}
	f.op("MOVQ", "R13", "AX")
	f.ldtilecfg(rax)

	f.op("MOVQ", at["c"], "DI")
	f.op("MOVQ", at["ldc"], "R8")
	f.op("SHLQ", "$2", "R8")
	f.op("MOVQ", at["s"], "R9")
	f.op("MOVQ", at["b"], "DX")
	f.op("MOVQ", at["ldb"], "R10")
	f.op("SHLQ", "$2", "R10")
	f.op("MOVQ", at["n"], "R12")
	f.label("panel")
	f.op("LEAQ", fmt.Sprintf("%d(R13)", config), "AX")
	f.op("MOVQ", "DX", "CX")
	f.op("MOVQ", "$64", "BX")
	f.op("CMPQ", "R11", "$16")
	f.op("JGT", "tall")
	f.steps("step", false)
	f.op("JMP", "write")
	f.label("tall")
	f.steps("tallStep", true)
	f.label("write")
	f.writePanel(at)
	f.op("ADDQ", "R10", "DX")
	f.op("ADDQ", "$128", "DI")
	f.op("SUBQ", "$32", "R12")
	f.op("JGT", "panel")
	f.op("XORL", "R12", "R12")
	f.label("end")
	f.tilerelease()
	f.op("VZEROUPPER")
	f.op("MOVQ", at["n"], "AX")
	f.op("SUBQ", "R12", "AX")
	f.op("MOVQ", "AX", at["ret"])
	f.ret()
}

// splitRows takes A apart, at an offset from R13; SI is left where that ends.
func (f *file) splitRows(at map[string]string, offset int) {
	f.limits()
	f.op("MOVQ", at["a"], "SI")
	f.op("MOVQ", at["lda"], "R9")
	f.op("SHLQ", "$2", "R9")
	f.op("MOVQ", at["k"], "R10")
	f.op("LEAQ", fmt.Sprintf("%d(R13)", offset), "DI")
	f.op("MOVQ", "R11", "R8")
	f.label("row")
	f.op("MOVQ", "SI", "AX")
	f.op("MOVQ", "DI", "CX")
	f.op("MOVQ", "R10", "DX")
	f.label("split")
	f.smaller(32, "DX", "R12")
	f.firstLanes("R12")
	for i := range 2 {
		f.op("VMOVUPS.Z", fmt.Sprintf("%d(AX)", 64*i), fmt.Sprintf("K%d", 1+i), "Z0")
		f.apart(2, 3)
		f.op("VMOVDQU", "Y2", fmt.Sprintf("%d(CX)", 32*i))
		f.op("VMOVDQU", "Y3", fmt.Sprintf("%d(CX)", lowPart+32*i))
	}
	f.op("ADDQ", "$128", "AX")
	f.op("ADDQ", fmt.Sprintf("$%d", stepBytes), "CX")
	f.op("SUBQ", "$32", "DX")
	f.op("JGT", "split")
	f.op("ADDQ", "R9", "SI")
	f.op("ADDQ", "$64", "DI")
	f.op("DECQ", "R8")
	f.op("JNZ", "row")
	f.comment("where the steps end")
	f.op("LEAQ", "31(R10)", "SI")
	f.op("SHRQ", "$5", "SI")
	f.op("SHLQ", "$12", "SI")
	f.op("LEAQ", fmt.Sprintf("%d(R13)(SI*1)", offset), "SI")
}

// steps adds up a panel in tiles: AX and CX point to A and B and move along, up to
// SI, BX holds the distance of rows. The order of the three products lets each
// tile be loaded once.
func (f *file) steps(label string, tall bool) {
	product := func() {
		f.tdpbf16ps(sum00, upper, left)
		f.tdpbf16ps(sum01, upper, right)
		if tall {
			f.tdpbf16ps(sum10, lower, left)
			f.tdpbf16ps(sum11, lower, right)
		}
	}
	loadA := func(offset int32) {
		f.tileloadd(upper, rax, rbx, offset)
		if tall {
			f.tileloadd(lower, rax, rbx, offset+tileBytes)
		}
	}
	loadB := func(offset int32) {
		f.tileloadd(left, rcx, rbx, offset)
		f.tileloadd(right, rcx, rbx, offset+tileBytes)
	}
	sums := byte(2)
	if tall {
		sums = 4
	}
	for t := range sums {
		f.tilezero(t)
	}
	f.label(label)
	loadA(lowPart)
	loadB(0)
	product() // low·high
	loadA(0)
	product() // high·high
	loadB(lowPart)
	product() // high·low
	f.op("ADDQ", fmt.Sprintf("$%d", stepBytes), "AX")
	f.op("ADDQ", fmt.Sprintf("$%d", stepBytes), "CX")
	f.op("CMPQ", "AX", "SI")
	f.op("JLT", label)
	f.op("MOVQ", "R9", "AX")
	f.op("MOVQ", "$128", "BX")
	for t := range sums {
		f.tilestored(t, rax, rbx, int32(t/2)*2048+int32(t%2)*64)
	}
}

// writePanel stores or adds the sums at R9 to C at DI, if all are finite.
func (f *file) writePanel(at map[string]string) {
	const notFinite = "$0x99"
	f.smaller(32, "R12", "CX")
	f.firstLanes("CX")
	f.op("MOVQ", "R9", "AX")
	f.op("MOVQ", "R11", "CX")
	f.op("KXORW", "K5", "K5", "K5")
	f.label("check")
	for i, k := range []string{"K3", "K4"} {
		f.op("VMOVUPS", fmt.Sprintf("%d(AX)", 64*i), "Z0")
		f.op("VFPCLASSPSZ", notFinite, "Z0", fmt.Sprintf("K%d", 1+i), k)
		f.op("KORW", k, "K5", "K5")
	}
	f.op("ADDQ", "$128", "AX")
	f.op("DECQ", "CX")
	f.op("JNZ", "check")
	f.op("KORTESTW", "K5", "K5")
	f.op("JNZ", "end")
	f.op("MOVQ", "R9", "AX")
	f.op("MOVQ", "DI", "BX")
	f.op("MOVQ", "R11", "CX")
	f.op("CMPB", at["add"], "$0")
	f.op("JEQ", "store")
	f.label("add")
	f.eachHalf(func(sums, c, mask string) {
		f.op("VMOVUPS", sums, "Z0")
		f.op("VADDPS", c, "Z0", mask, "Z0")
		f.op("VMOVUPS", "Z0", mask, c)
	}, "add")
	f.op("JMP", "next")
	f.label("store")
	f.eachHalf(func(sums, c, mask string) {
		f.op("VMOVUPS", sums, "Z0")
		f.op("VMOVUPS", "Z0", mask, c)
	}, "store")
	f.label("next")
}

// eachHalf writes a loop over the CX rows at AX and BX, R8 apart.
func (f *file) eachHalf(write func(sums, c, mask string), label string) {
	for i := range 2 {
		write(fmt.Sprintf("%d(AX)", 64*i), fmt.Sprintf("%d(BX)", 64*i), fmt.Sprintf("K%d", 1+i))
	}
	f.op("ADDQ", "$128", "AX")
	f.op("ADDQ", "R8", "BX")
	f.op("DECQ", "CX")
	f.op("JNZ", label)
}
