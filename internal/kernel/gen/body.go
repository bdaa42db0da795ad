package main

import (
	"math"
	"slices"
)

// body is what a function does with one vector: a list of steps without
// branches, each naming the steps whose results it takes. It knows no registers
// and no instruction set.
type body struct {
	steps     []step
	constants map[uint32]value
}

// value is the result of a step, by its index.
type value int

type step struct {
	op   op
	args []value
	bits uint32 // of a constant
	slot int    // which pointer, or which scalar parameter
}

type op int

const (
	opConstant op = iota
	opScalar      // a parameter, in all lanes
	opLoad
	opStore
	opAdd
	opSub
	opMul
	opDiv
	opMin   // min(a, b) is b if either is NaN
	opMax   // max(a, b) is b if either is NaN
	opFMA   // a·b + c
	opFNMA  // c - a·b
	opAnd   // bitwise
	opOr    // bitwise
	opXor   // bitwise
	opRound // to the nearest integer
	opSqrt
	opNumber // the integer that the bits are, as a number
	opScale  // a·2^k, for integers |k| <= 160, rounded once
	opSelect // a < b ? c : d
	opKeep   // zero in the lanes beyond the end of the slice
	// What follows adds to the accumulators that the function returns together.
	opKeepMax      // the largest; lanes beyond the end do not count
	opAddProduct   // a·b
	opAdd64        // a, in float64
	opAddSquares64 // a², in float64
)

func (b *body) put(s step) value {
	b.steps = append(b.steps, s)
	return value(len(b.steps) - 1)
}

func (b *body) apply(o op, args ...value) value { return b.put(step{op: o, args: args}) }

// bits is the constant with these bits.
func (b *body) bits(u uint32) value {
	if v, ok := b.constants[u]; ok {
		return v
	}
	if b.constants == nil {
		b.constants = map[uint32]value{}
	}
	v := b.put(step{op: opConstant, bits: u})
	b.constants[u] = v
	return v
}

// number is a constant, rounded to float32.
func (b *body) number(x float64) value { return b.bits(math.Float32bits(float32(x))) }

func (b *body) load(slot int) value         { return b.put(step{op: opLoad, slot: slot}) }
func (b *body) store(slot int, v value)     { b.put(step{op: opStore, slot: slot, args: []value{v}}) }
func (b *body) scalar(slot int) value       { return b.put(step{op: opScalar, slot: slot}) }
func (b *body) add(x, y value) value        { return b.apply(opAdd, x, y) }
func (b *body) sub(x, y value) value        { return b.apply(opSub, x, y) }
func (b *body) mul(x, y value) value        { return b.apply(opMul, x, y) }
func (b *body) div(x, y value) value        { return b.apply(opDiv, x, y) }
func (b *body) min(limit, x value) value    { return b.apply(opMin, limit, x) }
func (b *body) max(limit, x value) value    { return b.apply(opMax, limit, x) }
func (b *body) fma(x, y, z value) value     { return b.apply(opFMA, x, y, z) }
func (b *body) fnma(x, y, z value) value    { return b.apply(opFNMA, x, y, z) }
func (b *body) and(x, y value) value        { return b.apply(opAnd, x, y) }
func (b *body) or(x, y value) value         { return b.apply(opOr, x, y) }
func (b *body) xor(x, y value) value        { return b.apply(opXor, x, y) }
func (b *body) round(x value) value         { return b.apply(opRound, x) }
func (b *body) sqrt(x value) value          { return b.apply(opSqrt, x) }
func (b *body) toNumber(x value) value      { return b.apply(opNumber, x) }
func (b *body) scale(x, k value) value      { return b.apply(opScale, x, k) }
func (b *body) less(x, y, a, c value) value { return b.apply(opSelect, x, y, a, c) }
func (b *body) keep(x value) value          { return b.apply(opKeep, x) }

// abs and sign take a number apart.
func (b *body) abs(x value) value  { return b.and(x, b.bits(1<<31-1)) }
func (b *body) sign(x value) value { return b.and(x, b.bits(1<<31)) }

// polynomial is c[0] + c[1]x + c[2]x² + ..., by Horner's rule.
func (b *body) polynomial(x value, c ...float64) value {
	p := b.number(c[len(c)-1])
	for _, f := range slices.Backward(c[:len(c)-1]) {
		p = b.fma(p, x, b.number(f))
	}
	return p
}

// lastUse returns for every step the last one that takes its result.
func (b *body) lastUse() []int {
	last := make([]int, len(b.steps))
	for i, s := range b.steps {
		for _, a := range s.args {
			last[a] = i
		}
	}
	return last
}
