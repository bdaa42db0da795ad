package kernel

const (
	// panel is the width of a packed panel: a tile of 2×4 sums and the six
	// factors of a step fit the 16 vector registers of amd64; with any wider
	// tile the compiler spills and the product runs at half the speed.
	panel = 4
	// depth is how many terms are summed before the sum is added to C. Short
	// sums keep a panel in the first-level cache and the rounding error small.
	depth = 256
	// rows of A are taken in blocks that stay in the second-level cache while
	// the panels of B pass by.
	rowBlock = 64
)

func product(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, add bool) {
	if k == 0 && !add {
		for i := range m {
			clear(c[i*ldc:][:n])
		}
		return
	}
	for i0 := 0; i0 < m; i0 += rowBlock {
		i1 := min(i0+rowBlock, m)
		for j := 0; j < n; j += panel {
			cols := min(panel, n-j)
			for k0 := 0; k0 < k; k0 += depth {
				k1 := min(k0+depth, k)
				q := b[j*k+k0*panel : j*k+k1*panel]
				sum := add || k0 > 0
				i := i0
				for ; i+2 <= i1; i += 2 {
					tile2(c[i*ldc+j:][:cols], c[(i+1)*ldc+j:][:cols], a[i*lda+k0:i*lda+k1], a[(i+1)*lda+k0:(i+1)*lda+k1], q, sum)
				}
				if i < i1 {
					tile1(c[i*ldc+j:][:cols], a[i*lda+k0:i*lda+k1], q, sum)
				}
			}
		}
	}
}

// afterBias returns Kernels.ProductBias by way of a product.
func afterBias(product func(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, add bool)) func(c []float32, ldc int, a []float32, lda int, b, bias []float32, m, n, k int) {
	return func(c []float32, ldc int, a []float32, lda int, b, bias []float32, m, n, k int) {
		for i := range m {
			copy(c[i*ldc:][:n], bias[:n])
		}
		product(c, ldc, a, lda, b, m, n, k, true)
	}
}

// tile2 stores or adds the products of two rows of A and one panel of B.
func tile2(c0, c1, a0, a1, b []float32, add bool) {
	s00, s01, s02, s03, s10, s11, s12, s13 := dot2x4(a0, a1, b)
	if len(c0) == panel && len(c1) == panel {
		u, v := (*[panel]float32)(c0), (*[panel]float32)(c1)
		if add {
			u[0] += s00
			u[1] += s01
			u[2] += s02
			u[3] += s03
			v[0] += s10
			v[1] += s11
			v[2] += s12
			v[3] += s13
			return
		}
		u[0], u[1], u[2], u[3] = s00, s01, s02, s03
		v[0], v[1], v[2], v[3] = s10, s11, s12, s13
		return
	}
	store(c0, [panel]float32{s00, s01, s02, s03}, add)
	store(c1, [panel]float32{s10, s11, s12, s13}, add)
}

// tile1 is tile2 for one row.
func tile1(c, a, b []float32, add bool) {
	s0, s1, s2, s3 := dot1x4(a, b)
	store(c, [panel]float32{s0, s1, s2, s3}, add)
}

func store(c []float32, s [panel]float32, add bool) {
	for j := range c {
		if add {
			c[j] += s[j]
		} else {
			c[j] = s[j]
		}
	}
}

// dot2x4 returns the inner products of two rows with the four columns of a
// panel, each summed in order.
func dot2x4(a, e, b []float32) (s00, s01, s02, s03, s10, s11, s12, s13 float32) {
	e = e[:len(a)]
	for len(a) >= 4 && len(e) >= 4 && len(b) >= 4*panel {
		x, y, q := (*[4]float32)(a), (*[4]float32)(e), (*[4 * panel]float32)(b)

		s00 += x[0] * q[0]
		s01 += x[0] * q[1]
		s02 += x[0] * q[2]
		s03 += x[0] * q[3]
		s10 += y[0] * q[0]
		s11 += y[0] * q[1]
		s12 += y[0] * q[2]
		s13 += y[0] * q[3]

		s00 += x[1] * q[4]
		s01 += x[1] * q[5]
		s02 += x[1] * q[6]
		s03 += x[1] * q[7]
		s10 += y[1] * q[4]
		s11 += y[1] * q[5]
		s12 += y[1] * q[6]
		s13 += y[1] * q[7]

		s00 += x[2] * q[8]
		s01 += x[2] * q[9]
		s02 += x[2] * q[10]
		s03 += x[2] * q[11]
		s10 += y[2] * q[8]
		s11 += y[2] * q[9]
		s12 += y[2] * q[10]
		s13 += y[2] * q[11]

		s00 += x[3] * q[12]
		s01 += x[3] * q[13]
		s02 += x[3] * q[14]
		s03 += x[3] * q[15]
		s10 += y[3] * q[12]
		s11 += y[3] * q[13]
		s12 += y[3] * q[14]
		s13 += y[3] * q[15]

		a, e, b = a[4:], e[4:], b[4*panel:]
	}
	for len(a) > 0 && len(e) > 0 && len(b) >= panel {
		q := (*[panel]float32)(b)
		s00 += a[0] * q[0]
		s01 += a[0] * q[1]
		s02 += a[0] * q[2]
		s03 += a[0] * q[3]
		s10 += e[0] * q[0]
		s11 += e[0] * q[1]
		s12 += e[0] * q[2]
		s13 += e[0] * q[3]
		a, e, b = a[1:], e[1:], b[panel:]
	}
	return
}

// dot1x4 is dot2x4 for one row.
func dot1x4(a, b []float32) (s0, s1, s2, s3 float32) {
	for len(a) >= 4 && len(b) >= 4*panel {
		x, q := (*[4]float32)(a), (*[4 * panel]float32)(b)

		s0 += x[0] * q[0]
		s1 += x[0] * q[1]
		s2 += x[0] * q[2]
		s3 += x[0] * q[3]

		s0 += x[1] * q[4]
		s1 += x[1] * q[5]
		s2 += x[1] * q[6]
		s3 += x[1] * q[7]

		s0 += x[2] * q[8]
		s1 += x[2] * q[9]
		s2 += x[2] * q[10]
		s3 += x[2] * q[11]

		s0 += x[3] * q[12]
		s1 += x[3] * q[13]
		s2 += x[3] * q[14]
		s3 += x[3] * q[15]

		a, b = a[4:], b[4*panel:]
	}
	for len(a) > 0 && len(b) >= panel {
		q := (*[panel]float32)(b)
		s0 += a[0] * q[0]
		s1 += a[0] * q[1]
		s2 += a[0] * q[2]
		s3 += a[0] * q[3]
		a, b = a[1:], b[panel:]
	}
	return
}

// peak multiplies and adds as a step of the product does, without the loads, and
// with as many sums and factors as the compiler keeps in registers.
func peak(steps int) (operations int) {
	steps = max(1, steps)
	x := float32(steps)
	y, p, q, r := x/2, x/3, x/5, x/7
	var s0, s1, s2, s3, s4, s5 float32
	for range steps {
		s0 += x * p
		s1 += x * q
		s2 += x * r
		s3 += y * p
		s4 += y * q
		s5 += y * r
	}
	if (s0+s1)+(s2+s3)+(s4+s5) < 0 {
		return 0 // never, but the sums must be wanted
	}
	return 12 * steps
}
