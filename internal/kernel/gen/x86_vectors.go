package main

import (
	"fmt"
	"math"
	"strings"
)

var x86Pointers = []string{"DI", "SI", "DX", "R8"}

// row writes a function over a row: a loop over several vectors where it has
// several accumulators, a loop over vectors, and a pass over what is left, under
// a mask. So the order of a sum is a function of the length alone.
func (x x86) row(f *file, fn function) {
	at := f.function(x.prefix+fn.name, fn.doc, fn.returns.kind(), fn.params()...)
	ways, sums := fn.accumulators()
	registers := x.regs
	if !x.masks {
		registers-- // the last one holds the mask
	}
	b, plan := layout(x, fn, registers, sums)

	for i, s := range fn.slots {
		f.op("MOVQ", at[s], x86Pointers[i])
	}
	f.op("MOVQ", at["n"], "CX")
	for i := range sums {
		if fn.returns == largest {
			x.loadConstant(f, math.Float32bits(float32(math.Inf(-1))), x.v(i))
		} else {
			f.op("VXORPS", x.v(i), x.v(i), x.v(i))
		}
	}
	for i, s := range b.steps {
		r, ok := plan.reg[value(i)]
		switch {
		case ok && s.op == opScalar:
			f.op("VBROADCASTSS", at[fn.scalars[s.slot]], x.v(r))
		case ok:
			x.loadConstant(f, s.bits, x.v(r))
		}
	}

	loop := func(name, next string, count int) {
		elements := fmt.Sprintf("$%d", count*x.lanes)
		f.op("SUBQ", elements, "CX")
		f.op("JLT", next)
		f.label(name)
		for way := range count {
			e := plan.fresh(f)
			e.way = way
			e.pass()
		}
		for i := range fn.slots {
			f.op("ADDQ", fmt.Sprintf("$%d", count*x.bytes()), x86Pointers[i])
		}
		f.op("SUBQ", elements, "CX")
		f.op("JGE", name)
		f.label(next)
		f.op("ADDQ", elements, "CX")
	}
	if ways > 1 {
		loop("wide", "narrow", ways)
	}
	loop("loop", "last", 1)
	f.op("JZ", "done")
	if x.masks {
		f.op("MOVQ", "$1", "AX")
		f.op("SHLQ", "CX", "AX")
		f.op("DECQ", "AX")
		f.op("KMOVW", "AX", "K1")
	} else {
		f.op("LEAQ", "avx2Masks<>(SB)", "AX")
		f.op("NEGQ", "CX")
		f.op("VMOVUPS", fmt.Sprintf("%d(AX)(CX*4)", x.bytes()), x.mask())
	}
	e := plan.fresh(f)
	e.tail = true
	e.pass()
	f.label("done")
	x.result(f, fn.returns, ways, at["ret"])
	x.end(f)
}

// mask is the register that selects lanes where there are no mask registers.
func (x x86) mask() string { return x.v(x.regs - 1) }

// result adds the accumulators up and returns them.
func (x x86) result(f *file, kind accumulator, ways int, ret string) {
	if kind == nothing {
		return
	}
	add := map[accumulator]string{largest: "VMAXPS", sum32: "VADDPS", sum64: "VADDPD"}[kind]
	if kind == sum64 {
		ways *= 2
	}
	for w := 1; w < ways; w *= 2 {
		for i := 0; i < ways; i += 2 * w {
			f.op(add, x.v(i+w), x.v(i), x.v(i))
		}
	}
	if x.lanes == 16 {
		f.op("VEXTRACTF64X4", "$1", "Z0", "Y1")
		f.op(add, "Y1", "Y0", "Y0")
	}
	f.op("VEXTRACTF128", "$1", "Y0", "X1")
	f.op(add, "X1", "X0", "X0")
	f.op("VUNPCKHPD", "X0", "X0", "X1")
	f.op(add, "X1", "X0", "X0")
	if kind == sum64 {
		f.op("VMOVSD", "X0", ret)
		return
	}
	f.op("VMOVSHDUP", "X0", "X1")
	f.op(add, "X1", "X0", "X0")
	f.op("VMOVSS", "X0", ret)
}

func (x x86) loadConstant(f *file, bits uint32, reg string) {
	f.op("VBROADCASTSS", f.constant(x.table(), bits, x.copies()), reg)
}

func (x x86) table() string { return x.prefix + "Constants<>" }

// copies is how often a constant stands in memory: AVX2 has no operands that are
// spread over the lanes.
func (x x86) copies() int {
	if x.masks {
		return 1
	}
	return x.lanes
}

func (x x86) constantInMemory(f *file, bits uint32) string {
	if x.masks {
		return ""
	}
	return f.constant(x.table(), bits, x.copies())
}

func (x x86) emit(e *emitter, s step, at int) {
	f := e.f
	address := func() string { return fmt.Sprintf("%d(%s)", e.way*x.bytes(), x86Pointers[s.slot]) }
	simple := map[op]string{opAdd: "VADDPS", opSub: "VSUBPS", opMul: "VMULPS", opDiv: "VDIVPS", opMin: "VMINPS", opMax: "VMAXPS",
		opAnd: "VANDPS", opOr: "VORPS", opXor: "VXORPS"}
	switch s.op {
	case opLoad:
		switch {
		case !e.tail:
			f.op("VMOVUPS", address(), e.out(at))
		case x.masks:
			f.op("VMOVUPS.Z", address(), "K1", e.out(at))
		default:
			f.op("VMASKMOVPS", address(), x.mask(), e.out(at))
		}
	case opStore:
		switch {
		case !e.tail:
			f.op("VMOVUPS", e.in(s.args[0]), address())
		case x.masks:
			f.op("VMOVUPS", e.in(s.args[0]), "K1", address())
		default:
			f.op("VMASKMOVPS", e.in(s.args[0]), x.mask(), address())
		}
	case opAdd, opSub, opMul, opDiv, opMin, opMax, opAnd, opOr, opXor:
		a, b := e.in(s.args[0]), e.any(s.args[1])
		f.op(simple[s.op], b, a, e.out(at, s.args...))
	case opFMA:
		x.fused(e, "VFMADD", s.args, at)
	case opFNMA:
		x.fused(e, "VFNMADD", s.args, at)
	case opRound:
		a := e.any(s.args[0])
		f.op(x.either("VRNDSCALEPS", "VROUNDPS"), "$8", a, e.out(at, s.args...))
	case opSqrt:
		a := e.any(s.args[0])
		f.op("VSQRTPS", a, e.out(at, s.args...))
	case opNumber:
		a := e.any(s.args[0])
		f.op("VCVTDQ2PS", a, e.out(at, s.args...))
	case opScale:
		x.scaled(e, s.args, at)
	case opSelect:
		a, b, c, d := e.in(s.args[0]), e.any(s.args[1]), e.any(s.args[2]), e.in(s.args[3])
		if x.masks {
			f.op("VCMPPS", "$17", b, a, "K2") // less, ordered, quiet
			f.op("VBLENDMPS", c, d, "K2", e.out(at, s.args...))
			return
		}
		m := e.scratch()
		f.op("VCMPPS", "$17", b, a, m)
		f.op("VBLENDVPS", m, c, d, e.out(at, s.args...))
	case opKeep:
		a := e.in(s.args[0])
		switch {
		case !e.tail && e.dying(s.args[0], at):
			e.into(at, s.args[0])
		case !e.tail:
			f.op("VMOVAPS", a, e.out(at))
		case x.masks:
			f.op("VMOVAPS.Z", a, "K1", e.out(at, s.args...))
		default:
			f.op("VANDPS", x.mask(), a, e.out(at, s.args...))
		}
	default:
		x.accumulate(e, s)
	}
}

// fused writes ±a·b + c into whichever operand is not needed any more.
func (x x86) fused(e *emitter, name string, args []value, at int) {
	a, b, c := args[0], args[1], args[2]
	if e.b.steps[a].op == opConstant {
		a, b = b, a
	}
	switch {
	case e.dying(c, at):
		ra, rb := e.in(a), e.any(b)
		e.f.op(name+"231PS", rb, ra, e.into(at, c))
	case e.dying(a, at):
		rb, rc := e.in(b), e.any(c)
		e.f.op(name+"213PS", rc, rb, e.into(at, a))
	case e.dying(b, at):
		ra, rc := e.in(a), e.any(c)
		e.f.op(name+"213PS", rc, ra, e.into(at, b))
	default:
		ra, rb, rc := e.in(a), e.any(b), e.any(c)
		to := e.out(at)
		e.f.op("VMOVUPS", rc, to)
		e.f.op(name+"231PS", rb, ra, to)
	}
}

// scaled writes a·2^k. AVX2 multiplies with 2^(k/2) and 2^(k-k/2), of which the
// first loses nothing.
func (x x86) scaled(e *emitter, args []value, at int) {
	f := e.f
	a, k := e.in(args[0]), e.in(args[1])
	if x.masks {
		f.op("VSCALEFPS", k, a, e.out(at, args...))
		return
	}
	whole, half := e.scratch(), e.scratch()
	f.op("VCVTPS2DQ", k, whole)
	f.op("VPSRAD", "$1", whole, half)
	f.op("VPSUBD", half, whole, whole)
	bias := f.constant(x.table(), 127, x.copies())
	for _, r := range []string{half, whole} {
		f.op("VPADDD", bias, r, r)
		f.op("VPSLLD", "$23", r, r)
	}
	to := e.out(at, args...)
	f.op("VMULPS", half, a, to)
	f.op("VMULPS", whole, to, to)
}

// accumulate writes the steps that add to what the function returns.
func (x x86) accumulate(e *emitter, s step) {
	f := e.f
	a := e.in(s.args[0])
	sum := x.v(e.way)
	switch s.op {
	case opKeepMax:
		switch {
		case !e.tail:
			f.op("VMAXPS", sum, a, sum)
		case x.masks:
			f.op("VMAXPS", sum, a, "K1", sum)
		default:
			t := e.scratch()
			f.op("VMAXPS", sum, a, t)
			f.op("VBLENDVPS", x.mask(), t, sum, sum)
		}
	case opAddProduct:
		f.op("VFMADD231PS", e.any(s.args[1]), a, sum)
	case opAdd64, opAddSquares64:
		t := e.scratch()
		for half := range 2 {
			from := x.half(a)
			if half == 1 {
				f.op(x.either("VEXTRACTF64X4", "VEXTRACTF128"), "$1", a, x.half(t))
				from = x.half(t)
			}
			f.op("VCVTPS2PD", from, t)
			sum := x.v(2*e.way + half)
			if s.op == opAdd64 {
				f.op("VADDPD", t, sum, sum)
			} else {
				f.op("VFMADD231PD", t, t, sum)
			}
		}
	}
}

// half names the lower half of a register.
func (x x86) half(reg string) string { return x.either("Y", "X") + strings.TrimLeft(reg, "ZY") }

func (x x86) either(avx512, avx2 string) string {
	if x.masks {
		return avx512
	}
	return avx2
}
