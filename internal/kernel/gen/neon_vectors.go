package main

import (
	"fmt"
	"math"
)

const (
	neonTable = "neonConstants<>"
	neonMask  = 31 // register that selects the lanes of the tail
	neonBytes = 4 * neonLanes
)

// Pointers to the slices, and to the copies of their last elements in the frame.
var (
	neonPointers = []string{"R0", "R1", "R2", "R3"}
	neonCopies   = []string{"R8", "R9", "R10", "R11"}
)

// row writes a function over a row as x86.row does. What is left at the end is
// copied to the frame, filled up with zeros, and the result copied back.
func (n neon) row(f *file, fn function) {
	f.frame = neonBytes * len(fn.slots)
	at := f.function("neon"+fn.name, fn.doc, fn.returns.kind(), fn.params()...)
	ways, sums := fn.accumulators()
	b, plan := layout(n, fn, neonMask, sums)

	for i, s := range fn.slots {
		f.op("MOVD", at[s], neonPointers[i])
	}
	f.op("MOVD", at["n"], "R4")
	f.op("MOVD", "$"+f.constant(neonTable, 0, neonLanes), "R5") // 0 is its first entry
	for i := range sums {
		if fn.returns == largest {
			n.loadConstant(f, math.Float32bits(float32(math.Inf(-1))), n.v(i))
		} else {
			n.zero(f, i)
		}
	}
	for i, s := range b.steps {
		r, ok := plan.reg[value(i)]
		switch {
		case ok && s.op == opScalar:
			f.op("FMOVS", at[fn.scalars[s.slot]], fmt.Sprintf("F%d", r))
			f.op("VDUP", fmt.Sprintf("V%d.S[0]", r), fmt.Sprintf("V%d.S4", r))
		case ok:
			n.loadConstant(f, s.bits, n.v(r))
		}
	}

	loop := func(name, next string, count int) {
		elements := fmt.Sprintf("$%d", count*neonLanes)
		f.op("SUBS", elements, "R4", "R4")
		f.op("BLT", next)
		f.label(name)
		for way := range count {
			e := plan.fresh(f)
			e.way = way
			e.pass()
		}
		for i := range fn.slots {
			f.op("ADD", fmt.Sprintf("$%d", count*neonBytes), neonPointers[i])
		}
		f.op("SUBS", elements, "R4", "R4")
		f.op("BGE", name)
		f.label(next)
		f.op("ADDS", elements, "R4", "R4")
	}
	if ways > 1 {
		loop("wide", "narrow", ways)
	}
	loop("loop", "last", 1)
	f.op("BEQ", "done")
	n.tail(f, fn, b, plan)
	f.label("done")
	n.result(f, fn.returns, ways, at["ret"])
	f.ret()
}

// tail writes the pass over the last elements, of which there are R4.
func (n neon) tail(f *file, fn function, b *body, plan *emitter) {
	f.op("MOVD", "$neonMasks<>(SB)", "R6")
	f.op("SUB", "R4<<2", "R6", "R6")
	f.op("FMOVQ", fmt.Sprintf("%d(R6)", neonBytes), fmt.Sprintf("F%d", neonMask))
	copies := func(o op, name string, move func()) {
		done := map[int]bool{}
		for _, s := range b.steps {
			if s.op != o || done[s.slot] {
				continue
			}
			done[s.slot] = true
			i := s.slot
			f.op("MOVD", neonPointers[i], "R6")
			f.op("MOVD", neonCopies[i], "R12")
			f.op("MOVD", "R4", "R7")
			f.label(fmt.Sprintf("%s%d", name, i))
			move()
			f.op("SUBS", "$1", "R7", "R7")
			f.op("BNE", fmt.Sprintf("%s%d", name, i))
		}
	}
	for i := range fn.slots {
		f.op("MOVD", fmt.Sprintf("$tail-%d(SP)", neonBytes*(i+1)), neonCopies[i])
		f.op("STP", "(ZR, ZR)", fmt.Sprintf("(%s)", neonCopies[i]))
	}
	copies(opLoad, "get", func() {
		f.op("MOVWU.P", "4(R6)", "R13")
		f.op("MOVWU.P", "R13", "4(R12)")
	})
	e := plan.fresh(f)
	e.tail = true
	e.pass()
	copies(opStore, "put", func() {
		f.op("MOVWU.P", "4(R12)", "R13")
		f.op("MOVWU.P", "R13", "4(R6)")
	})
}

// result adds the accumulators up and returns them.
func (n neon) result(f *file, kind accumulator, ways int, ret string) {
	if kind == nothing {
		return
	}
	add := map[accumulator]string{largest: "FMAX.4S", sum32: "FADD.4S", sum64: "FADD.2D"}[kind]
	if kind == sum64 {
		ways *= 2
	}
	for w := 1; w < ways; w *= 2 {
		for i := 0; i < ways; i += 2 * w {
			n.word(f, add, n.v(i), n.v(i), n.v(i+w))
		}
	}
	switch kind {
	case largest:
		n.word(f, "FMAXV.S", "V0", "V0")
		f.op("FMOVS", "F0", ret)
	case sum32:
		n.word(f, "FADDP.4S", "V0", "V0", "V0")
		n.word(f, "FADDP.S", "V0", "V0")
		f.op("FMOVS", "F0", ret)
	case sum64:
		n.word(f, "FADDP.D", "V0", "V0")
		f.op("FMOVD", "F0", ret)
	}
}

func (n neon) loadConstant(f *file, bits uint32, reg string) {
	f.constant(neonTable, bits, neonLanes)
	f.op("FMOVQ", fmt.Sprintf("%d(R5)", neonBytes*f.place(bits)), "F"+reg[1:])
}

func (neon) constantInMemory(*file, uint32) string { return "" }

func (n neon) emit(e *emitter, s step, at int) {
	f := e.f
	address := func() string {
		if e.tail {
			return fmt.Sprintf("(%s)", neonCopies[s.slot])
		}
		return fmt.Sprintf("%d(%s)", e.way*neonBytes, neonPointers[s.slot])
	}
	simple := map[op]string{opAdd: "FADD.4S", opSub: "FSUB.4S", opMul: "FMUL.4S", opDiv: "FDIV.4S", opMin: "FMIN.4S", opMax: "FMAX.4S",
		opAnd: "AND.16B", opOr: "ORR.16B", opXor: "EOR.16B"}
	switch s.op {
	case opLoad:
		f.op("FMOVQ", address(), "F"+e.out(at)[1:])
	case opStore:
		f.op("FMOVQ", "F"+e.in(s.args[0])[1:], address())
	case opAdd, opSub, opMul, opDiv, opMin, opMax, opAnd, opOr, opXor:
		a, b := e.in(s.args[0]), e.in(s.args[1])
		n.word(f, simple[s.op], e.out(at, s.args...), a, b)
	case opFMA, opFNMA:
		name := map[op]string{opFMA: "FMLA.4S", opFNMA: "FMLS.4S"}[s.op]
		a, b, c := e.in(s.args[0]), e.in(s.args[1]), e.in(s.args[2])
		if e.dying(s.args[2], at) {
			n.word(f, name, e.into(at, s.args[2]), a, b)
			return
		}
		to := e.out(at)
		n.word(f, "ORR.16B", to, c, c)
		n.word(f, name, to, a, b)
	case opRound:
		a := e.in(s.args[0])
		n.word(f, "FRINTN.4S", e.out(at, s.args...), a)
	case opSqrt:
		a := e.in(s.args[0])
		n.word(f, "FSQRT.4S", e.out(at, s.args...), a)
	case opNumber:
		a := e.in(s.args[0])
		n.word(f, "SCVTF.4S", e.out(at, s.args...), a)
	case opScale:
		n.scaled(e, s.args, at)
	case opSelect:
		a, b, c, d := e.in(s.args[0]), e.in(s.args[1]), e.in(s.args[2]), e.in(s.args[3])
		m := e.scratch()
		n.word(f, "FCMGT.4S", m, b, a)
		n.word(f, "BSL.16B", m, c, d)
		n.word(f, "ORR.16B", e.out(at, s.args...), m, m)
	case opKeep:
		a := e.in(s.args[0])
		switch {
		case e.tail:
			n.word(f, "AND.16B", e.out(at, s.args...), a, n.v(neonMask))
		case e.dying(s.args[0], at):
			e.into(at, s.args[0])
		default:
			n.word(f, "ORR.16B", e.out(at), a, a)
		}
	default:
		n.accumulate(e, s)
	}
}

// scaled writes a·2^k as 2^(k/2) times 2^(k-k/2), of which the first loses
// nothing.
func (n neon) scaled(e *emitter, args []value, at int) {
	f := e.f
	a, k := e.in(args[0]), e.in(args[1])
	whole, half, bias := e.scratch(), e.scratch(), e.scratch()
	n.word(f, "FCVTNS.4S", whole, k)
	n.word(f, "SSHR1.4S", half, whole)
	n.word(f, "SUB.4S", whole, whole, half)
	n.loadConstant(f, 127, bias)
	for _, r := range []string{half, whole} {
		n.word(f, "ADD.4S", r, r, bias)
		n.word(f, "SHL23.4S", r, r)
	}
	to := e.out(at, args...)
	n.word(f, "FMUL.4S", to, a, half)
	n.word(f, "FMUL.4S", to, to, whole)
}

func (n neon) accumulate(e *emitter, s step) {
	f := e.f
	a := e.in(s.args[0])
	sum := n.v(e.way)
	switch s.op {
	case opKeepMax:
		t := e.scratch()
		n.word(f, "FCMGT.4S", t, a, sum) // not for NaN
		if e.tail {
			n.word(f, "AND.16B", t, t, n.v(neonMask))
		}
		n.word(f, "BIT.16B", sum, a, t)
	case opAddProduct:
		n.word(f, "FMLA.4S", sum, a, e.in(s.args[1]))
	case opAdd64, opAddSquares64:
		t := e.scratch()
		for half, convert := range []string{"FCVTL.2D", "FCVTL2.2D"} {
			n.word(f, convert, t, a)
			sum := n.v(2*e.way + half)
			if s.op == opAdd64 {
				n.word(f, "FADD.2D", sum, sum, t)
			} else {
				n.word(f, "FMLA.2D", sum, t, t)
			}
		}
	}
}
