package kernel

import "math"

func maximum(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func addMax(dst, x, y []float32) float32 {
	x, y = x[:len(dst)], y[:len(dst)]
	m := float32(math.Inf(-1))
	for i := range dst {
		v := x[i] + y[i]
		dst[i] = v
		if v > m {
			m = v
		}
	}
	return m
}

// dot sums four interleaved partial sums, so that the additions do not wait for
// one another.
func dot(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	for len(x) >= 4 && len(y) >= 4 {
		p, q := (*[4]float32)(x), (*[4]float32)(y)
		s0 += p[0] * q[0]
		s1 += p[1] * q[1]
		s2 += p[2] * q[2]
		s3 += p[3] * q[3]
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		s0 += v * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func addScaled(dst []float32, f float32, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] += f * v
	}
}

func scale(dst []float32, f float32, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = f * v
	}
}

func add(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

func softmax(ks *Kernels, dst, x []float32) (logSum float64) {
	top := ks.Max(x)
	if math.IsInf(float64(top), -1) {
		// Nothing but -Inf, or NaN, which must not pass for an empty row.
		for i, v := range x {
			dst[i] = 0
			if v != v {
				dst[i], logSum = v, math.NaN()
			}
		}
		return logSum + math.Inf(-1)
	}
	sum := ks.ExpSum(dst, x, top)
	ks.Scale(dst, float32(1/sum), dst)
	return math.Log(sum) + float64(top)
}

// softmaxTile returns Kernels.SoftmaxTile for rows that are not empty: largest is
// Max, and exponentials ExpShift in place, which returns the sum.
func softmaxTile(largest func(x []float32) float32, exponentials func(x []float32, shift float32) float32) func(x []float32, ldx, rows, cols, seen int, top, sum, factor []float32) {
	return func(x []float32, ldx, rows, cols, seen int, top, sum, factor []float32) {
		top, sum, factor = top[:rows], sum[:rows], factor[:rows]
		for t := range top {
			row := x[t*ldx:][:cols]
			n := min(max(seen+t, 0), cols)
			clear(row[n:])
			factor[t] = 1
			if n == 0 {
				continue
			}
			if m := largest(row[:n]); m > top[t] {
				factor[t] = 0
				if !math.IsInf(float64(top[t]), -1) {
					factor[t] = float32(math.Exp(float64(top[t]) - float64(m)))
				}
				top[t] = m
			}
			sum[t] = sum[t]*factor[t] + exponentials(row[:n], top[t])
		}
	}
}

// layerNorm takes both sums in float64: x is read twice, the mean is taken out
// before the squares are summed.
func layerNorm(dst, x, gain, bias []float32, epsilon float32) {
	x = x[:len(dst)]
	if len(x) == 0 {
		return
	}
	mean := sum64(x) / float64(len(x))
	variance := squares64(x, mean) / float64(len(x))
	scale := 1 / math.Sqrt(variance+float64(epsilon))
	for i, v := range x {
		dst[i] = float32((float64(v) - mean) * scale)
	}
	if gain != nil {
		gain = gain[:len(dst)]
		for i, g := range gain {
			dst[i] *= g
		}
	}
	if bias != nil {
		bias = bias[:len(dst)]
		for i, b := range bias {
			dst[i] += b
		}
	}
}

func sum64(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		p := (*[4]float32)(x)
		s0 += float64(p[0])
		s1 += float64(p[1])
		s2 += float64(p[2])
		s3 += float64(p[3])
		x = x[4:]
	}
	for _, v := range x {
		s0 += float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

// squares64 returns the sum of (x - mean)².
func squares64(x []float32, mean float64) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		p := (*[4]float32)(x)
		d0, d1, d2, d3 := float64(p[0])-mean, float64(p[1])-mean, float64(p[2])-mean, float64(p[3])-mean
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		x = x[4:]
	}
	for _, v := range x {
		d := float64(v) - mean
		s0 += d * d
	}
	return (s0 + s1) + (s2 + s3)
}
