package main

import (
	"fmt"
	"slices"
)

// vectors is an instruction set as the body of a function needs it.
type vectors interface {
	// name of register i as a vector.
	v(i int) string
	// loadConstant puts a constant into all lanes of a register.
	loadConstant(f *file, bits uint32, reg string)
	// constantInMemory is an operand that stands for a constant without a
	// register, "" where the instruction set has none.
	constantInMemory(f *file, bits uint32) string
	// emit writes one step.
	emit(e *emitter, s step, at int)
}

// emitter writes one pass of a body over a vector: it gives registers to values
// and takes them back after their last use.
type emitter struct {
	f    *file
	set  vectors
	b    *body
	last []int
	reg  map[value]int // where values are
	free []int
	temp []int
	tail bool // some lanes lie beyond the end of the slice
	way  int  // which vector of several, and which of several accumulators
	full bool // a register was missing
}

// pass writes the body once.
func (e *emitter) pass() {
	for i, s := range e.b.steps {
		if s.op != opConstant && s.op != opScalar {
			e.set.emit(e, s, i)
			e.releaseTemps()
			e.release(i)
		}
	}
}

func (e *emitter) take() int {
	if len(e.free) == 0 {
		e.full = true
		return 0
	}
	r := e.free[0]
	e.free = e.free[1:]
	return r
}

func (e *emitter) give(r int) {
	if !e.full {
		e.free = append([]int{r}, e.free...)
	}
}

// in returns the register of a value, where only a register will do.
func (e *emitter) in(v value) string {
	if r, ok := e.reg[v]; ok {
		return e.set.v(r)
	}
	r := e.take()
	e.temp = append(e.temp, r)
	e.set.loadConstant(e.f, e.b.steps[v].bits, e.set.v(r))
	return e.set.v(r)
}

// any returns the register of a value or the memory that holds it.
func (e *emitter) any(v value) string {
	if _, ok := e.reg[v]; !ok {
		if m := e.set.constantInMemory(e.f, e.b.steps[v].bits); m != "" {
			return m
		}
	}
	return e.in(v)
}

// scratch returns a register for the time of this step.
func (e *emitter) scratch() string {
	r := e.take()
	e.temp = append(e.temp, r)
	return e.set.v(r)
}

// dying says whether a value lies in a register of its own and is not used
// after this step.
func (e *emitter) dying(v value, at int) bool {
	_, ok := e.reg[v]
	return ok && e.last[v] == at && !e.pinned(v)
}

func (e *emitter) pinned(v value) bool {
	o := e.b.steps[v].op
	return o == opConstant || o == opScalar
}

// out returns a register for the result of this step: one of an operand that is
// used for the last time, if any. Instructions read before they write.
func (e *emitter) out(at int, reuse ...value) string {
	for _, v := range reuse {
		if e.dying(v, at) {
			return e.into(at, v)
		}
	}
	r := e.take()
	e.reg[value(at)] = r
	return e.set.v(r)
}

// into gives the register of an operand to the result.
func (e *emitter) into(at int, v value) string {
	r := e.reg[v]
	delete(e.reg, v)
	e.reg[value(at)] = r
	return e.set.v(r)
}

func (e *emitter) releaseTemps() {
	for _, r := range e.temp {
		e.give(r)
	}
	e.temp = e.temp[:0]
}

// release takes back the registers of values that step at was the last to use.
func (e *emitter) release(at int) {
	for _, a := range e.b.steps[at].args {
		if e.dying(a, at) {
			e.give(e.reg[a])
			delete(e.reg, a)
		}
	}
}

// layout gives registers to what lives through all passes: accumulators,
// scalars and as many constants as there is room for, those first that
// instructions want in a register.
func layout(set vectors, fn function, registers, accumulators int) (b *body, plan *emitter) {
	b = &body{}
	fn.body(b)
	wanted := b.wanted()
	for pins := len(wanted); ; pins-- {
		if pins < 0 {
			panic(fmt.Sprintf("gen: %s does not fit %d registers", fn.name, registers))
		}
		e := &emitter{set: set, b: b, last: b.lastUse(), reg: map[value]int{}}
		next := accumulators
		for i, s := range b.steps {
			if s.op == opScalar {
				e.reg[value(i)] = next
				next++
			}
		}
		for _, v := range wanted[:pins] {
			e.reg[v] = next
			next++
		}
		for r := next; r < registers; r++ {
			e.free = append(e.free, r)
		}
		trial := e.fresh(&file{})
		trial.tail = true
		trial.pass()
		if !trial.full {
			return b, e
		}
	}
}

// fresh returns an emitter for one more pass that writes to f.
func (e *emitter) fresh(f *file) *emitter {
	c := *e
	c.f = f
	c.free = slices.Clone(e.free)
	c.temp = nil
	c.reg = map[value]int{}
	for v, r := range e.reg {
		c.reg[v] = r
	}
	return &c
}

// wanted returns the constants in the order in which they should get registers.
func (b *body) wanted() []value {
	var first, others []value
	seen := map[value]bool{}
	for _, s := range b.steps {
		for i, a := range s.args {
			if b.steps[a].op != opConstant {
				continue
			}
			needed := i == 0 && (s.op == opMin || s.op == opMax || s.op == opSub || s.op == opDiv || s.op == opScale || s.op == opSelect) ||
				s.op == opFMA && i == 0 || s.op == opSelect
			if needed && !seen[a] {
				first = append(first, a)
				seen[a] = true
			}
		}
	}
	for _, s := range b.steps {
		for _, a := range s.args {
			if b.steps[a].op == opConstant && !seen[a] {
				others = append(others, a)
				seen[a] = true
			}
		}
	}
	return append(first, others...)
}
