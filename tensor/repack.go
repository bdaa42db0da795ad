package tensor

import "fmt"

// Repack packs other weights m [Out, In] in place of those in w: of the rows from
// lo to hi, the part that PanelRows allows to be packed apart from the others, so
// that several threads can share the work. Nobody may read w meanwhile.
func (w Weight) Repack(m Matrix, lo, hi int) {
	if m.Rows != w.Out || m.Cols != w.In {
		panic(fmt.Sprintf("tensor: %s in place of weights [%d, %d]", m.shape(), w.Out, w.In))
	}
	lo, hi = w.panels(lo, hi)
	part := m.SliceRows(lo, hi)
	kernels.Pack(w.data[lo*w.In:][:kernels.PackedLen(hi-lo, w.In)], part.Data, part.Stride, hi-lo, w.In)
}

// RepackTransposed is Repack with m [In, Out].
func (w Weight) RepackTransposed(m Matrix, lo, hi int) {
	if m.Rows != w.In || m.Cols != w.Out {
		panic(fmt.Sprintf("tensor: %s, transposed, in place of weights [%d, %d]", m.shape(), w.Out, w.In))
	}
	lo, hi = w.panels(lo, hi)
	part := m.SliceCols(lo, hi)
	kernels.PackRows(w.data[lo*w.In:][:kernels.PackedLen(hi-lo, w.In)], part.Data, part.Stride, hi-lo, w.In)
}

// PanelRows is the number of outputs that are packed together: parts of a Repack
// begin at multiples of it.
func PanelRows() int { return kernels.Panel }

func (w Weight) panels(lo, hi int) (int, int) {
	if w.fast() {
		panic("tensor: weights packed for fast products cannot be packed anew: only float32 is trained")
	}
	if lo%kernels.Panel != 0 || lo < 0 || hi < lo || hi > w.Out || hi%kernels.Panel != 0 && hi != w.Out {
		panic(fmt.Sprintf("tensor: outputs %d:%d of %d cannot be packed apart from the others, panels have %d", lo, hi, w.Out, kernels.Panel))
	}
	return lo, hi
}
