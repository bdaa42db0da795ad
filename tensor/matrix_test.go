package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func random(seed uint64, rows, cols int) Matrix {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	return m
}

// panics returns the message with which f panics.
func panics(t *testing.T, f func()) (message string) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			message = fmt.Sprint(v)
		}
	}()
	f()
	t.Error("no panic")
	return ""
}

func TestViewsShareTheirNumbers(t *testing.T) {
	m := New(5, 7)
	v := m.SliceRows(1, 4).SliceCols(2, 5).SliceRows(1, 3)
	if v.Rows != 2 || v.Cols != 3 {
		t.Fatalf("the view is [%d, %d], want [2, 3]", v.Rows, v.Cols)
	}
	for i := range v.Rows {
		for j := range v.Row(i) {
			v.Row(i)[j] = float32(10*i + j + 1)
		}
	}
	for i := range m.Rows {
		for j := range m.Cols {
			want := float32(0)
			if i >= 2 && i < 4 && j >= 2 && j < 5 {
				want = float32(10*(i-2) + j - 2 + 1)
			}
			if m.At(i, j) != want {
				t.Errorf("(%d, %d) is %v, want %v", i, j, m.At(i, j), want)
			}
		}
	}
	if r := v.Row(0); cap(r) != len(r) {
		t.Error("appending to a row would overwrite its neighbours")
	}
	c := v.Clone()
	v.Zero()
	if c.At(1, 2) != 13 || m.At(3, 4) != 0 {
		t.Error("a clone shares its numbers, or Zero left some")
	}
}

func TestEmptyViews(t *testing.T) {
	m := New(3, 4)
	if v := m.SliceRows(3, 3); v.Rows != 0 || v.Cols != 4 {
		t.Errorf("no rows are [%d, %d]", v.Rows, v.Cols)
	}
	v := m.SliceCols(4, 4)
	if v.Cols != 0 || len(v.Row(2)) != 0 {
		t.Errorf("no columns are %v", v.Row(2))
	}
	if v = New(0, 4); len(v.SliceCols(1, 3).Data) != 0 {
		t.Error("columns of no rows hold data")
	}
}

func TestResizeReusesMemory(t *testing.T) {
	m := New(4, 6)
	if r := m.Resize(2, 12); &r.Data[0] != &m.Data[0] || r.Stride != 12 {
		t.Error("a matrix that fits was made anew")
	}
	if r := m.Resize(5, 5); len(r.Data) != 25 {
		t.Error("a matrix that does not fit was not made anew")
	}
}

func TestShapeMistakesNameBothShapes(t *testing.T) {
	a, b, w := New(2, 3), New(4, 5), Pack(New(7, 6), nil)
	for _, c := range []struct {
		f    func()
		want []string
	}{
		{func() { New(-1, 2) }, []string{"-1"}},
		{func() { FromData(make([]float32, 5), 2, 3) }, []string{"5", "[2, 3]"}},
		{func() { a.Row(2) }, []string{"row 2", "[2, 3]"}},
		{func() { a.SliceRows(1, 3) }, []string{"1:3", "[2, 3]"}},
		{func() { a.SliceCols(2, 1) }, []string{"2:1", "[2, 3]"}},
		{func() { a.CopyFrom(b) }, []string{"[2, 3]", "[4, 5]"}},
		{func() { Transpose(a, b) }, []string{"[2, 3]", "[4, 5]"}},
		{func() { Product(New(2, 7), a, w) }, []string{"[2, 3]", "[7, 6]"}},
		{func() { Product(New(3, 7), New(2, 6), w) }, []string{"[3, 7]", "[2, 6]"}},
		{func() { new(Pool).Product(New(2, 6), New(2, 6), w) }, []string{"[2, 6]", "[7, 6]"}},
		{func() { w.Row(make([]float32, 5), 1) }, []string{"[7, 6]", "5"}},
		{func() { Add(a.Row(0), a.Row(1), b.Row(0)) }, []string{"3", "5"}},
		{func() { LayerNorm(a.Row(0), a.Row(1), b.Row(0), nil, 0) }, []string{"3", "5"}},
		{func() { NewSequences(1, -2) }, []string{"sequence 1", "-2"}},
		{func() { NewSequences(1, 2).Slice(1, 3) }, []string{"1:3", "2"}},
		{func() { NewSequences(1, 2).Check(2) }, []string{"sequence 1", "1:3", "2 rows"}},
	} {
		message := panics(t, c.f)
		if !strings.HasPrefix(message, "tensor: ") {
			t.Errorf("%q does not say where it comes from", message)
		}
		for _, w := range c.want {
			if !strings.Contains(message, w) {
				t.Errorf("%q does not name %q", message, w)
			}
		}
	}
}

func TestSequencesDivideRows(t *testing.T) {
	s := NewSequences(3, 0, 4)
	if s.Len() != 3 || s.Tokens() != 7 || s.Longest() != 4 {
		t.Errorf("%d sequences, %d tokens, longest %d, want 3, 7, 4", s.Len(), s.Tokens(), s.Longest())
	}
	part := s.Slice(1, 3)
	lo, hi := part.Bounds(1)
	if part.Len() != 2 || part.Tokens() != 4 || lo != 3 || hi != 7 {
		t.Errorf("the last two are %v, want rows 3:3 and 3:7", part.Offsets)
	}
	for _, none := range []Sequences{{}, NewSequences(), s.Slice(2, 2)} {
		if none.Len() != 0 || none.Tokens() != 0 || none.Longest() != 0 {
			t.Errorf("no sequence is %v", none)
		}
		none.Check(0)
	}
	s.Check(7)
}

func TestArenaStopsAllocating(t *testing.T) {
	var a Arena
	round := func() {
		defer a.Release(a.Mark())
		for n := 1; n < 50; n++ {
			level := a.Mark()
			x, y, z := a.Matrix(n, 3), a.Floats(n), a.Doubles(n)
			for i := range y {
				x.Row(i)[0], y[i], z[i] = 1, 2, 3
			}
			if x.At(n-1, 0) != 1 || y[0] != 2 || z[0] != 3 {
				t.Fatal("scratch memory overlaps")
			}
			if n%2 == 0 {
				a.Release(level)
			}
		}
	}
	round()
	if n := testing.AllocsPerRun(10, round); n != 0 {
		t.Errorf("%v allocations in the second round", n)
	}
	if peak := len(a.floats.block); peak > 4*50*50 {
		t.Errorf("grew to %d values", peak)
	}
}

func TestArenaNilAllocates(t *testing.T) {
	var a *Arena
	a.Release(a.Mark())
	if len(a.Floats(3)) != 3 || len(a.Doubles(4)) != 4 || a.Matrix(2, 5).Rows != 2 {
		t.Error("a nil arena gives other sizes")
	}
}

func TestProductsOnAnyNumberOfThreads(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {3, 600, 20}, {130, 70, 33}, {500, 7, 5}, {0, 4, 4}, {4, 0, 4}, {5, 3, 0}} {
		m, n, k := s[0], s[1], s[2]
		a, b := random(1, m, k), random(2, n, k)
		bt := New(k, n)
		Transpose(bt, b)
		want, biased, bias := New(m, n), New(m, n), random(3, 1, n).Data
		Product(want, a, Pack(b, nil))
		for i := range m {
			copy(biased.Row(i), bias)
		}
		AddProduct(biased, a, Pack(b, nil))
		for i := range m {
			for j := range n {
				var sum float64
				for p := range k {
					sum += float64(a.At(i, p)) * float64(b.At(j, p))
				}
				if d := float64(want.At(i, j)) - sum; !(d*d <= 1e-10) {
					t.Fatalf("%v: element (%d, %d) is %v, want %v", s, i, j, want.At(i, j), sum)
				}
			}
		}
		for _, threads := range []int{0, 1, 2, 3, 5} {
			var pool *Pool
			if threads > 0 {
				pool = NewPool(threads)
			}
			var work Arena
			for name, w := range map[string]Weight{"packed": Pack(b, nil), "packed transposed": PackTransposed(bt, &work)} {
				got := random(9, m, n)
				pool.Product(got, a, w)
				if !slices.Equal(got.Data, want.Data) {
					t.Errorf("%v: %s, %d threads give other bytes", s, name, threads)
				}
			}
			got := random(9, m, n)
			pool.ProductBias(got, a, Pack(b, nil), bias)
			if !slices.Equal(got.Data, biased.Data) {
				t.Errorf("%v: with a bias, %d threads give other bytes than one that adds to it", s, threads)
			}
			pool.Close()
		}
	}
}

func TestAStackIsPackedAsItsCopyWouldBe(t *testing.T) {
	const in = 5
	for _, heights := range [][]int{{0}, {1}, {3, 1, 2}, {0, 31, 0, 1, 0}, {32, 32, 32}, {33, 7, 70}} {
		var parts []Matrix
		var scales, whole []float32
		for i, rows := range heights {
			m := random(uint64(i), rows, in+3).SliceCols(1, in+1)
			parts, scales = append(parts, m), append(scales, float32(i)-0.5)
			for r := range rows {
				for _, x := range m.Row(r) {
					whole = append(whole, scales[i]*x)
				}
			}
		}
		for _, precision := range []Precision{Float32, Fast} {
			want, got := precision.Pack(FromData(whole, len(whole)/in, in)), precision.PackStack(parts, scales)
			sameBits := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
			if got.Out != want.Out || got.In != want.In || !slices.EqualFunc(got.data, want.data, sameBits) {
				t.Errorf("%v, %v: not what packing the copy gives", heights, precision)
			}
		}
	}
	if m := panics(t, func() { Float32.PackStack([]Matrix{New(2, 3), New(2, 4)}, []float32{1, 1}) }); !strings.Contains(m, "[2, 3] and [2, 4]") {
		t.Errorf("panic %q", m)
	}
	if m := panics(t, func() { Float32.PackStack([]Matrix{New(2, 3)}, nil) }); !strings.Contains(m, "1 matrices with 0 scales") {
		t.Errorf("panic %q", m)
	}
}

func TestLastingMemoryIsZero(t *testing.T) {
	for _, rows := range []int{0, 1, 1 << 10, 3 << 10} { // the last two are large enough for advice
		m := NewLasting(rows, 257)
		if m.Rows != rows || m.Cols != 257 || slices.ContainsFunc(m.Data, func(x float32) bool { return x != 0 }) {
			t.Errorf("NewLasting(%d, 257) is [%d, %d], not all of it zero", rows, m.Rows, m.Cols)
		}
		for i := range m.Data {
			m.Data[i] = 1
		}
	}
}

func TestWeightRowsComeBack(t *testing.T) {
	w := random(1, 7, 5)
	p := Pack(w, nil)
	row := make([]float32, 5)
	for i := range w.Rows {
		if p.Row(row, i); !slices.Equal(row, w.Row(i)) {
			t.Errorf("row %d is %v, want %v", i, row, w.Row(i))
		}
	}
}

func TestKernelHasAName(t *testing.T) {
	if Kernel() == "" {
		t.Error("the arithmetic of this CPU has no name")
	}
}
