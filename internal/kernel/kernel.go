// Package kernel holds the float32 arithmetic that the engine spends its time
// in: matrix products, exponentials, softmax, layer normalization, activations.
// It knows nothing of neurons.
//
// Functions are single-threaded, work on slices and do not allocate. They are
// reached through a Kernels value, chosen once from the features of the CPU by
// Choose, so that assembly stands behind the same names as portable Go.
// Portable Go is the twin against which everything else is tested.
//
// # Determinism
//
// An element of a product depends on its row of A, its column of B and the
// lengths alone: how the caller splits rows or columns between threads, and the
// position of a row in its block, do not change a bit of it. Every other
// function works on one row at a time.
//
// # Layout
//
// Matrices are row-major with a stride: element (i, j) of A with stride lda is
// a[i*lda+j]. The right-hand operand of a product is packed first into panels
// of Panel columns of B (see Pack); operands that are used often, such as
// weights, are packed once.
package kernel

//go:generate go run ./gen

// Kernels is one implementation of the arithmetic. Slices that a function takes
// together have the same length unless it says otherwise; dst may be the same
// slice as an input, but must not overlap it otherwise.
type Kernels struct {
	// Name says which implementation this is, e.g. "portable".
	Name string
	// Panel is the number of columns of B in one packed panel.
	Panel int
	// halves is set where products are fast ones, of bfloat16 (see Fast).
	halves *halves

	// Product computes C = A·B, or C += A·B if add: c [m, n] with stride ldc,
	// a [m, k] with stride lda, b the k×n operand, packed by the same Kernels.
	Product func(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, add bool)

	// ProductBias computes C = A·B + bias, bias [n] being added to every row: the
	// same bits as writing bias into C first and adding the product.
	ProductBias func(c []float32, ldc int, a []float32, lda int, b, bias []float32, m, n, k int)

	// Peak runs that many steps of independent multiply-adds in registers alone
	// and returns the number of floating-point operations done: over the time
	// taken, what one core of this machine can reach at most.
	Peak func(steps int) (operations int)

	// Exp is dst = exp(x). The error is at most 1.1 ulp, 0.51 in portable Go, and
	// denormal results are no exception; the result is 0 below the smallest of
	// them, +Inf above the largest float32, NaN for NaN.
	Exp func(dst, x []float32)
	// Log is dst = log(x). The error is at most 0.9 ulp, 0.51 in portable Go, for
	// denormal x too; the result is -Inf for 0, and NaN for what is below.
	Log func(dst, x []float32)
	// ExpSum is dst = exp(x - shift) and returns the sum of dst, added up in
	// float64. The difference is not rounded: errors are those of Exp, and 0.3
	// ulp more in assembly.
	ExpSum func(dst, x []float32, shift float32) float64
	// ExpShift is dst = exp(x - shift). The difference is rounded to float32, so
	// that an error of |x - shift|/2 ulp is added to that of Exp.
	ExpShift func(dst, x []float32, shift float32)
	// SoftmaxTile takes a softmax over rows on by a tile of columns: x [rows, cols]
	// with stride ldx holds logits, of which row t has min(seen+t, cols), and none if
	// that is negative; the rest of it becomes 0. top[t] is raised to the largest
	// logit of the row, x becomes exp(x - top) as by ExpShift, and is added to sum[t],
	// which like all that was gathered before is relative to the former top: factor[t]
	// takes it to the new one. Before the first tile top is -Inf. NaN does not
	// count as large. Sums are float32, in up to 32 parts side by side.
	SoftmaxTile func(x []float32, ldx, rows, cols, seen int, top, sum, factor []float32)
	// AddMax is dst = x + y and returns the largest element, -Inf if there is
	// none. NaN does not count as large.
	AddMax func(dst, x, y []float32) float32
	// Max returns the largest element, -Inf if there is none. NaN does not count.
	Max func(x []float32) float32
	// Sum returns the sum of x, added up in float64.
	Sum func(x []float32) float64
	// Dot returns the inner product of x and y.
	Dot func(x, y []float32) float32
	// AddScaled is dst += f·x.
	AddScaled func(dst []float32, f float32, x []float32)
	// Scale is dst = f·x.
	Scale func(dst []float32, f float32, x []float32)
	// Squares returns the sum of (x - mean)², added up in float64.
	Squares func(x []float32, mean float64) float64
	// Add is dst = x + y.
	Add func(dst, x, y []float32)
	// Mul is dst = x·y.
	Mul func(dst, x, y []float32)
	// AddMul is dst += x·y.
	AddMul func(dst, x, y []float32)
	// MulSub is dst = x·(y - z).
	MulSub func(dst, x, y, z []float32)
	// Transpose is dst = srcᵀ: src [rows, cols] with stride lds, dst [cols, rows]
	// with stride ldd, which must not overlap.
	Transpose func(dst []float32, ldd int, src []float32, lds, rows, cols int)

	// LayerNorm is dst = (x - mean)/sqrt(variance + epsilon)·gain + bias with the
	// population variance, whose sums are taken in float64; gain and bias may
	// each be nil for 1 and 0, but must not be dst. The error of the normalized
	// number is below 3 ulp.
	LayerNorm func(dst, x, gain, bias []float32, epsilon float32)

	// LayerNormBackward takes the gradient dy of LayerNorm's result back to x:
	//
	//	dx = (g - mean(g) - n·mean(g·n))/sqrt(variance + epsilon),  g = dy·gain
	//
	// with the normalized row n, for which it is given room. It adds dy·n to dgain
	// and dy to dbias. gain, dgain and dbias may each be nil; dx may be dy.
	LayerNormBackward func(dx, dgain, dbias, dy, x, gain, normed []float32, epsilon float32)

	// AdamW is a step of AdamW (Loshchilov & Hutter 2019, algorithm 2) for
	// parameters p with gradient g, whose mean is m and that of its square v.
	AdamW func(p, g, m, v []float32, s AdamStep)

	// Activations. The error of each is at most 0.6 ulp in portable Go and as
	// stated in assembly; ReLU has none.

	// GELU is x·Phi(x) with the normal distribution function Phi, to 7 ulp; to 6
	// where x > -4.
	GELU func(dst, x []float32)
	// GELUTanh is the approximation x/2·(1 + tanh(sqrt(2/pi)(x + 0.044715 x³))), to
	// 4 ulp.
	GELUTanh func(dst, x []float32)
	// ReLU is max(0, x).
	ReLU func(dst, x []float32)
	// SiLU is x/(1 + exp(-x)), to 4 ulp.
	SiLU func(dst, x []float32)
	// Tanh is the hyperbolic tangent, to 3 ulp.
	Tanh func(dst, x []float32)

	// Slopes: dst is dy times the derivative of an activation at x. The error of
	// the derivative is at most 0.6 ulp of 1 in portable Go and as stated in
	// assembly: relative to the largest derivative, not to each, since some go
	// through 0.

	// GELUSlope has Phi(x) + x·phi(x), to 1 ulp of 1.
	GELUSlope func(dst, dy, x []float32)
	// GELUTanhSlope is that of GELUTanh, to 2 ulp of 1.
	GELUTanhSlope func(dst, dy, x []float32)
	// SiLUSlope has s + x·s·(1 - s) with s = 1/(1 + exp(-x)), to 2 ulp of 1.
	SiLUSlope func(dst, dy, x []float32)
	// TanhSlope has 1 - tanh², to 2 ulp of 1.
	TanhSlope func(dst, dy, x []float32)
	// ReLUSlope has 1 for x > 0, 0 at 0 and below; NaN stays NaN.
	ReLUSlope func(dst, dy, x []float32)
}

// Portable returns the implementation in plain Go.
func Portable() *Kernels {
	return &Kernels{
		Name:    "portable",
		Panel:   panel,
		Product: product,

		ProductBias: afterBias(product),
		Peak:        peak,
		Exp:         exp,
		Log:         log,
		ExpSum:      expSum,
		ExpShift:    expShift,
		SoftmaxTile: softmaxTile(maximum, expShiftSum),
		AddMax:      addMax,
		Max:         maximum,
		Sum:         sum64,
		Dot:         dot,
		AddScaled:   addScaled,
		Scale:       scale,
		Squares:     squares64,
		Add:         add,
		Mul:         mul,
		AddMul:      addMul,
		MulSub:      mulSub,
		Transpose:   transpose,
		LayerNorm:   layerNorm,
		GELU:        gelu,
		GELUTanh:    geluTanh,
		ReLU:        relu,
		SiLU:        silu,
		Tanh:        tanh,

		LayerNormBackward: layerNormBackward,
		AdamW:             adamW,
		GELUSlope:         geluSlope,
		GELUTanhSlope:     geluTanhSlope,
		SiLUSlope:         siluSlope,
		TanhSlope:         tanhSlope,
		ReLUSlope:         reluSlope,
	}
}

// PackedLen returns the length of the packed form of a k×n operand. A part of
// its columns begins there where the packed form of those before it ends, if they
// fill whole panels.
func (ks *Kernels) PackedLen(n, k int) int {
	if ks.halves != nil {
		k = padded(k)
	}
	return (n + ks.Panel - 1) / ks.Panel * ks.Panel * k
}

// Pack packs B given by its columns, as b [n, k] with stride ldb, into dst of
// length PackedLen(n, k): a product with it is A·bᵀ. Panel j holds columns
// j·Panel to (j+1)·Panel of B, row after row; columns beyond n are zero. Fast
// products have a layout of their own.
func (ks *Kernels) Pack(dst, b []float32, ldb, n, k int) {
	if ks.halves != nil {
		ks.halves.pack(dst, b, ldb, n, k)
		return
	}
	w := ks.Panel
	for j := 0; j < n; j += w {
		p := dst[j*k : (j+w)*k]
		if n-j < w {
			clear(p)
		}
		ks.Transpose(p, w, b[j*ldb:], ldb, min(w, n-j), k)
	}
}

// PackRows packs B given by its rows, as b [k, n] with stride ldb: a product
// with it is A·b. See Pack.
func (ks *Kernels) PackRows(dst, b []float32, ldb, n, k int) {
	if ks.halves != nil {
		ks.halves.packRows(dst, b, ldb, n, k)
		return
	}
	w := ks.Panel
	for j := 0; j < n; j += w {
		p := dst[j*k : (j+w)*k]
		cols := min(w, n-j)
		if cols < w {
			clear(p)
		}
		for i := range k {
			copy(p[i*w:i*w+w], b[i*ldb+j:][:cols])
		}
	}
}

// Unpack copies column col of a packed k×n operand into dst [k]. Of numbers that
// were packed for fast products there is left what those see: high + low.
func (ks *Kernels) Unpack(dst, packed []float32, col, k int) {
	if ks.halves != nil {
		unpack(dst[:k], packed, col, k)
		return
	}
	w := ks.Panel
	p := packed[col/w*w*k:]
	for i := range dst[:k] {
		dst[i] = p[i*w+col%w]
	}
}

// Softmax is dst = exp(x)/sum exp(x) and returns the logarithm of that sum. A
// row of nothing but -Inf gives zeros and -Inf.
func (ks *Kernels) Softmax(dst, x []float32) (logSum float64) {
	return softmax(ks, dst, x)
}
