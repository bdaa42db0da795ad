package tensor

import (
	"math"
	"os"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/internal/kernel"
)

// splitError is the relative error of a number that was taken apart for a fast
// product, termError that of a term of one (internal/kernel, Fast products), the
// rounding of sums included.
const (
	splitError = 0x1p-17
	termError  = 0x1p-15 + 0x1p-18
)

func TestPrecisionsHaveNames(t *testing.T) {
	for _, p := range []Precision{Float32, Fast} {
		if got, err := ParsePrecision(p.String()); err != nil || got != p {
			t.Errorf("%q is %v, %v", p.String(), got, err)
		}
	}
	if _, err := ParsePrecision("half"); err == nil {
		t.Error("half is a precision")
	}
	if a := Float32.Arithmetic(); a != (Arithmetic{"float32", Kernel(), ""}) {
		t.Errorf("float32 is %+v", a)
	}
	switch a := Fast.Arithmetic(); {
	case a.Precision != "fast":
		t.Errorf("fast is %+v", a)
	case os.Getenv(kernel.Variable) == "portable":
		if a.Products != "portable-fast" || a.Reason != "" {
			t.Errorf("fast is %+v", a)
		}
	case (a.Products == "amx") != (a.Reason == "") || a.Products != "amx" && a.Products != Kernel():
		t.Errorf("fast is %+v", a)
	}
}

// Where Fast is the same as Float32, its bound holds all the more.
func TestFastProductsKeepTheirBound(t *testing.T) {
	const m, n, k = 70, 300, 45
	a, b := random(1, m, k), random(2, n, k)
	var work Arena
	work.Precision = Fast
	bt := New(k, n)
	Transpose(bt, b)
	want := New(m, n)
	for name, w := range map[string]Weight{
		"packed alone": Fast.Pack(b), "in an arena": Pack(b, &work), "transposed": PackTransposed(bt, &work),
	} {
		got := New(m, n)
		Product(got, a, w)
		if want.Row(0)[0] == 0 {
			want.CopyFrom(got)
		}
		if !slices.Equal(got.Data, want.Data) {
			t.Errorf("%s: other bytes than packed otherwise", name)
		}
		for i := range m {
			for j := range n {
				var sum, size float64
				for p := range k {
					x := float64(a.At(i, p)) * float64(b.At(j, p))
					sum, size = sum+x, size+math.Abs(x)
				}
				if e := math.Abs(float64(got.At(i, j)) - sum); !(e <= termError*size) {
					t.Fatalf("%s: (%d, %d) is off by %g of %g", name, i, j, e, size)
				}
			}
		}
		for _, threads := range []int{2, 3, 5} {
			pool := NewPool(threads)
			for _, rows := range []int{1, 31, m} {
				part := New(rows, n)
				pool.Product(part, a.SliceRows(0, rows), w)
				if !slices.Equal(part.Data, want.Data[:rows*n]) {
					t.Errorf("%s: %d rows on %d threads give other bytes", name, rows, threads)
				}
			}
			pool.Close()
		}
	}
}

func TestRowsOfFastWeightsAreWhatProductsSee(t *testing.T) {
	b := random(2, 70, 45)
	w := Fast.Pack(b)
	row := make([]float32, b.Cols)
	for i := range b.Rows {
		w.Row(row, i)
		for j, x := range b.Row(i) {
			if e := math.Abs(float64(row[j] - x)); !(e <= splitError*math.Abs(float64(x))) {
				t.Fatalf("(%d, %d) is %v, was %v", i, j, row[j], x)
			}
		}
	}
}

func TestFastWeightsDoNotGoBackward(t *testing.T) {
	w := Fast.Pack(random(2, 3, 4))
	if Fast.Arithmetic().Reason != "" {
		w.Transpose(nil) // they are float32
		return
	}
	defer func() {
		if recover() == nil {
			t.Error("the transpose of fast weights was given")
		}
	}()
	w.Transpose(nil)
}
