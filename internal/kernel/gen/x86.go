package main

import "fmt"

// x86 describes an instruction set of amd64: vectors of which width, how many
// registers, and the tiles of the product that they allow.
type x86 struct {
	prefix string // of function names
	reg    string // of vector registers
	lanes  int    // float32 in a vector
	regs   int
	masks  bool // mask registers
	tiles  []tile
}

// tile is a block of C that is kept in registers: rows of A times panels of B,
// each of two vectors.
type tile struct{ rows, panels int }

// A step along k loads two vectors of B and one number of each row of A: tall
// tiles need few loads per product. The rest of the registers holds the two
// vectors and the numbers. Few rows leave the multipliers waiting for one
// another, so several panels are taken at once.
var (
	avx512 = x86{prefix: "avx512", reg: "Z", lanes: 16, regs: 32, masks: true,
		tiles: append(tall(12), tile{1, 4}, tile{2, 2}, tile{3, 2})}
	avx2 = x86{prefix: "avx2", reg: "Y", lanes: 8, regs: 16,
		tiles: append(tall(6), tile{1, 4}, tile{2, 2})}
)

func tall(most int) (tiles []tile) {
	for rows := 1; rows <= most; rows++ {
		tiles = append(tiles, tile{rows, 1})
	}
	return tiles
}

func (x x86) v(i int) string { return fmt.Sprintf("%s%d", x.reg, i) }

func (x x86) bytes() int { return 4 * x.lanes }

// panel is the number of columns of B in a panel.
func (x x86) panel() int { return 2 * x.lanes }

func (x x86) end(f *file) {
	f.op("VZEROUPPER")
	f.ret()
}

// peakSums is the number of registers that the loop adds to.
func (x x86) peakSums() int { return x.regs - 4 }

// peak writes a loop of multiplications and additions in registers alone: what
// the machine can do at most.
func (x x86) peak(f *file) {
	sums := x.peakSums()
	at := f.function(x.prefix+"Peak", fmt.Sprintf("runs n steps of %d independent vector multiply-adds in registers.", sums),
		"", param{"n", "int"})
	f.op("MOVQ", at["n"], "CX")
	for i := range x.regs {
		f.op("VXORPS", x.v(i), x.v(i), x.v(i))
	}
	f.label("loop")
	for i := range sums {
		f.op("VFMADD231PS", x.v(x.regs-1-i%2), x.v(x.regs-3-i%2), x.v(i))
	}
	f.op("DECQ", "CX")
	f.op("JNZ", "loop")
	x.end(f)
}
