package tensor

// Transpose returns the weights of the reverse map, [In, Out]: a product with
// them is x·w, x [n, Out]. The result lives in the arena, or in memory of its own
// where that is nil. The way back of training is float32 only: weights packed for
// fast products have lost digits, and Transpose panics.
func (w Weight) Transpose(work *Arena) Weight {
	if w.fast() {
		panic("tensor: transpose of weights packed for fast products, which have lost digits; pack them in Float32")
	}
	t := Weight{Out: w.In, In: w.Out, data: work.Floats(kernels.PackedLen(w.In, w.Out))}
	clear(t.data)
	// Element (i, j) lies in the panel of i, row j; transposed, in the panel of
	// j, row i.
	n := kernels.Panel
	for i0 := 0; i0 < w.Out; i0 += n {
		from := w.data[i0*w.In:]
		rows := min(n, w.Out-i0)
		for j0 := 0; j0 < w.In; j0 += n {
			to := t.data[j0*t.In+i0*n:]
			for j := range min(n, w.In-j0) {
				for i, v := range from[(j0+j)*n : (j0+j)*n+rows] {
					to[i*n+j] = v
				}
			}
		}
	}
	return t
}
