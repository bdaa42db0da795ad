package ode

import "math"

// lu is a factored square matrix over the real or complex numbers.
type lu[T float64 | complex128] struct {
	n     int
	a     []T // [n, n]
	pivot []int
}

// factor replaces a [n, n] by its factors, with partial pivoting. It reports
// whether the matrix is regular.
func (f *lu[T]) factor() bool {
	n := f.n
	for k := range n {
		p := k
		for i := k + 1; i < n; i++ {
			if size(f.a[i*n+k]) > size(f.a[p*n+k]) {
				p = i
			}
		}
		f.pivot[k] = p
		if s := size(f.a[p*n+k]); !(s > 0) || math.IsInf(s, 0) {
			return false
		}
		if p != k {
			for j := range n {
				f.a[k*n+j], f.a[p*n+j] = f.a[p*n+j], f.a[k*n+j]
			}
		}
		for i := k + 1; i < n; i++ {
			m := f.a[i*n+k] / f.a[k*n+k]
			f.a[i*n+k] = m
			if m == 0 {
				continue
			}
			row, top := f.a[i*n+k+1:(i+1)*n], f.a[k*n+k+1:(k+1)*n]
			for j, t := range top {
				row[j] -= m * t
			}
		}
	}
	return true
}

// solve replaces b [n] by the solution.
func (f *lu[T]) solve(b []T) {
	n := f.n
	for k, p := range f.pivot {
		b[k], b[p] = b[p], b[k]
	}
	for i := range n {
		for j, l := range f.a[i*n : i*n+i] {
			b[i] -= l * b[j]
		}
	}
	for i := n - 1; i >= 0; i-- {
		for j := i + 1; j < n; j++ {
			b[i] -= f.a[i*n+j] * b[j]
		}
		b[i] /= f.a[i*n+i]
	}
}

func size[T float64 | complex128](x T) float64 {
	switch x := any(x).(type) {
	case complex128:
		return math.Abs(real(x)) + math.Abs(imag(x))
	case float64:
		return math.Abs(x)
	}
	panic("ode: neither real nor complex")
}
