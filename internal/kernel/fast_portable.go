package kernel

import "math"

// portableHalves are fast products in plain Go: the twin of AMX, in the same
// order. They are there to test and to compare with, and slower than float32.
var portableHalves = halves{column: column, across: across, block: fastBlock}

const (
	// largestRounded is the largest float32 that rounds to a finite bfloat16.
	largestRounded = 0x7f7f7fff
	// largestSplit is the largest whose parts have a finite sum in float32.
	largestSplit = 0x7f7fff7f
)

// bf16 rounds a finite number to nearest, ties to even; denormals become 0.
func bf16(x float32) float32 {
	u := math.Float32bits(x)
	if u&0x7f800000 == 0 {
		return math.Float32frombits(u & (1 << 31))
	}
	return math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
}

// capped brings a number's size down to that of the float32 with these bits.
func capped(x float32, largest uint32) float32 {
	u := math.Float32bits(x)
	return math.Float32frombits(u&(1<<31) | min(u&^(1<<31), largest))
}

// apart returns the two parts of x.
func apart(x float32) (high, low float32) {
	if !finite(x) {
		return math.Float32frombits(math.Float32bits(x+x) &^ 0xffff), 0 // a NaN is quiet
	}
	high = bf16(capped(x, largestRounded))
	return high, bf16(capped(x, largestSplit) - high)
}

// column is halves.column.
func column(dst []uint32, x []float32) {
	for i := 0; i < len(x); i += 2 {
		var next float32
		if i+1 < len(x) {
			next = x[i+1]
		}
		at := dst[place(i, 0):]
		at[0], at[2*tileSize] = pair(x[i], next)
	}
}

// across is halves.across.
func across(high, low []uint32, x, y []float32) {
	for i := range high {
		high[i], low[i] = pair(x[i], y[i])
	}
}

// pair returns the parts of x in the lower halves, those of y in the upper ones.
func pair(x, y float32) (high, low uint32) {
	xh, xl := apart(x)
	yh, yl := apart(y)
	high = math.Float32bits(xh)>>16 | math.Float32bits(yh)&0xffff0000
	low = math.Float32bits(xl)>>16 | math.Float32bits(yl)&0xffff0000
	return high, low
}

// fastBlock is halves.block.
func fastBlock(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int, add bool) {
	var s fastSums
	for j := 0; j < n; j += fastPanel {
		p, cols := b[j/fastPanel*ldb:][:fastPanel*padded(k)], min(fastPanel, n-j)
		for i := range m {
			fastRow(s[i][:cols], a[i*lda:][:k], words(p))
		}
		s.finish(c[j:], ldc, a, lda, p, m, cols, k, add)
	}
}

// fastRow multiplies a row with the first columns of a panel.
func fastRow(s, a []float32, p []uint32) {
	var high, low [blockDepth]float32
	for i, x := range a {
		high[i], low[i] = apart(x)
	}
	for col := range s {
		var sum float32
		for i := 0; i < len(a); i += stepDepth {
			ah, al := (*[stepDepth]float32)(high[i:]), (*[stepDepth]float32)(low[i:])
			bh := p[place(i, col):]
			sum += tileSum(al, bh)
			sum += tileSum(ah, bh)
			sum += tileSum(ah, bh[2*tileSize:])
		}
		s[col] = sum
	}
}

// tileSum is the inner product of stepDepth numbers and a column of a tile.
func tileSum(x *[stepDepth]float32, column []uint32) float32 {
	column = column[:(side-1)*side+1]
	var even, odd float32
	for r := range side {
		w := column[r*side]
		even += float32(x[2*r] * math.Float32frombits(w<<16))
		odd += float32(x[2*r+1] * math.Float32frombits(w&0xffff0000))
	}
	return even + odd
}
