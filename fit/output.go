package fit

import "github.com/tripartite-go/tripartite/tensor"

// outputs returns for every query what the error of its output says of kernel
// values: c_t times the derivative of output·|y_t - exact y_t|² with respect to
// kernel_tu [n, n], empty where outputs do not count. logits are without biases.
func (l *loss) outputs(s sample, kernel, logits tensor.Matrix, aged age, work *tensor.Arena) tensor.Matrix {
	if l.output == 0 || s.v.Rows == 0 {
		return tensor.Matrix{}
	}
	n, dv := s.v.Rows, s.v.Cols
	out := work.Matrix(n, n)
	defer work.Release(work.Mark())
	a, p := work.Matrix(n, n), work.Matrix(n, n) // attention of the circuit less the exact one, the latter
	for t := range n {
		seen := n
		if l.causal {
			seen = t + 1
		}
		row, diff := p.Row(t), a.Row(t)[:seen]
		copy(row, logits.Row(t))
		l.exactRow(row, t, s, aged)
		copy(diff, kernel.Row(t)[:seen])
		if l.slope != 0 {
			tensor.Mul(diff, diff, aged.weights[n-seen:])
		}
		tensor.Scale(diff, 1/(tensor.Sum(diff)+least), diff)
		tensor.AddScaled(diff, -1, row[:seen])
		clear(a.Row(t)[seen:])
	}
	values := tensor.PackTransposed(s.v, work)
	off, exact := work.Matrix(n, dv), work.Matrix(n, dv)
	tensor.Product(off, a, values)
	tensor.Product(exact, p, values)
	tensor.Product(out, off, tensor.Pack(s.v, work)) // off_t.v_u
	for t := range n {
		y := tensor.Dot(off.Row(t), off.Row(t)) + tensor.Dot(off.Row(t), exact.Row(t)) // off_t.y_t
		row := out.Row(t)
		for u := range row {
			row[u] = 2 * float32(l.output) * (row[u] - y)
		}
		if l.slope != 0 {
			seen := t + 1
			tensor.Mul(row[:seen], row[:seen], aged.weights[n-seen:])
		}
	}
	return out
}

// exactRow turns logits of query t, without biases, into its softmax row.
func (l *loss) exactRow(row []float32, t int, s sample, aged age) {
	seen := len(row)
	if l.causal {
		seen = t + 1
	}
	clear(row[seen:])
	row = row[:seen]
	tensor.Add(row, row, s.keyBias[:seen])
	if l.slope != 0 {
		tensor.Add(row, row, aged.logs[len(aged.logs)-seen:])
	}
	z := tensor.ExpSum(row, row, tensor.Max(row))
	tensor.Scale(row, float32(1/z), row)
}
