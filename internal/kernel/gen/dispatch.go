package main

import "fmt"

// dispatch writes the Go value that describes the tiles of an instruction set,
// and the function that calls them. Step is the number of operations in a step
// of the loop that measures the peak.
func dispatch(f *file, prefix string, panel, step int, tiles []tile) {
	wide, most := map[int]int{}, 0
	for _, t := range tiles {
		wide[t.rows] = max(wide[t.rows], t.panels)
		most = max(most, t.rows)
	}
	w := &f.golang
	fmt.Fprintf(w, "\n// %sTiles says how large tiles may be.\n", prefix)
	fmt.Fprintf(w, "var %sTiles = tiling{\npanel: %d,\nrows: %d,\npanels: [tallest + 1]uint8{", prefix, panel, most)
	for rows := 1; rows <= most; rows++ {
		fmt.Fprintf(w, "%d: %d, ", rows, wide[rows])
	}
	fmt.Fprintf(w, "},\npeak: %sPeak,\nstep: %d,\ntile: %sTile,\n}\n", prefix, step, prefix)
	fmt.Fprintf(w, "\n// %sTile calls the function of a tile.\n", prefix)
	fmt.Fprintf(w, "func %sTile(rows, panels int, c *float32, ldc int, a *float32, lda int, b *float32, ldb, ahead, k, cols int, from *float32, ldfrom int) {\n", prefix)
	fmt.Fprint(w, "switch panels<<8 | rows {\n")
	for _, t := range tiles {
		fmt.Fprintf(w, "case %d<<8 | %d:\n%sTile%dx%d(c, ldc, a, lda, b, ldb, ahead, k, cols, from, ldfrom)\n", t.panels, t.rows, prefix, t.rows, t.panels)
	}
	fmt.Fprint(w, "}\n}\n")
}
