package main

import "fmt"

// transpose writes a function that turns 8 rows of so many blocks of 8 columns
// into rows, with the vectors of AVX2 for either instruction set: the time goes
// into memory. Four columns of rows i and i+4 share a vector, so that no element
// needs to cross its middle.
func (x x86) transpose(f *file) {
	at := f.function(x.prefix+"Transpose8", "turns 8 rows of src, 8·blocks columns, into rows of dst.", "",
		param{"dst", "*float32"}, param{"ldd", "int"}, param{"src", "*float32"}, param{"lds", "int"}, param{"blocks", "int"})
	f.op("MOVQ", at["dst"], "DI")
	f.op("MOVQ", at["ldd"], "R8")
	f.op("SHLQ", "$2", "R8")
	f.op("MOVQ", at["src"], "SI")
	f.op("MOVQ", at["lds"], "R9")
	f.op("SHLQ", "$2", "R9")
	f.op("MOVQ", at["blocks"], "CX")
	f.op("LEAQ", "(R9)(R9*2)", "R10")
	f.op("LEAQ", "(SI)(R9*4)", "DX")  // row 4
	f.op("LEAQ", "(R8)(R8*2)", "R11") // rows of dst
	f.op("LEAQ", "(DI)(R8*4)", "BX")
	f.label("loop")
	from := func(pointer string, row, offset int) string {
		return fmt.Sprintf("%d(%s)%s", offset, pointer, []string{"", "(R9*1)", "(R9*2)", "(R10*1)"}[row])
	}
	for half, to := range []string{"DI", "BX"} {
		y := func(i int) string { return fmt.Sprintf("Y%d", 8*half+i) }
		for i := range 4 {
			f.op("VMOVUPS", from("SI", i, 16*half), "X"+y(i)[1:])
			f.op("VINSERTF128", "$1", from("DX", i, 16*half), y(i), y(i))
		}
		f.op("VUNPCKLPS", y(1), y(0), y(4)) // columns 0 and 1 of rows 0 and 1
		f.op("VUNPCKHPS", y(1), y(0), y(5)) // columns 2 and 3
		f.op("VUNPCKLPS", y(3), y(2), y(6)) // the same of rows 2 and 3
		f.op("VUNPCKHPS", y(3), y(2), y(7))
		for i, pair := range [][2]int{{4, 6}, {4, 6}, {5, 7}, {5, 7}} {
			f.op([]string{"VUNPCKLPD", "VUNPCKHPD"}[i%2], y(pair[1]), y(pair[0]), y(i))
			f.op("VMOVUPS", y(i), fmt.Sprintf("(%s)%s", to, []string{"", "(R8*1)", "(R8*2)", "(R11*1)"}[i]))
		}
	}
	f.op("ADDQ", "$32", "SI")
	f.op("ADDQ", "$32", "DX")
	f.op("LEAQ", "(DI)(R8*8)", "DI")
	f.op("LEAQ", "(BX)(R8*8)", "BX")
	f.op("DECQ", "CX")
	f.op("JNZ", "loop")
	x.end(f)
}
