package stats

import (
	"math"
	"slices"
	"testing"
)

func TestCosine(t *testing.T) {
	for _, c := range []struct {
		x, y []float32
		want float64
	}{
		{[]float32{1, 0}, []float32{2, 0}, 1}, {[]float32{1, 0}, []float32{0, 3}, 0}, {[]float32{1, 1}, []float32{-2, -2}, -1},
		{[]float32{3, 4}, []float32{4, 3}, 0.96}, {[]float32{0, 0}, []float32{0, 0}, 1}, {[]float32{0, 0}, []float32{1, 0}, 0},
	} {
		if got := Cosine(c.x, c.y); !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("cosine of %v and %v is %v, want %v", c.x, c.y, got, c.want)
		}
	}
}

// What all vectors share does not make them alike once it is taken off.
func TestCentredCosine(t *testing.T) {
	exact := [][]float32{{101, 0}, {99, 0}}
	got := [][]float32{{101, 0}, {101, 0}}
	if c := CentredCosine(exact, got); !(math.Abs(c) <= 1e-12) {
		t.Errorf("one vector right and one opposite give %v, want 0", c)
	}
	if c := CentredCosine(exact, exact); !(math.Abs(c-1) <= 1e-12) {
		t.Errorf("vectors and themselves give %v", c)
	}
	if c := CentredCosine(nil, nil); !math.IsNaN(c) {
		t.Errorf("no vectors give %v", c)
	}
}

func TestSimilarityRank(t *testing.T) {
	exact := [][]float32{{1, 0}, {1, 0.1}, {0, 1}, {-1, 0.2}}
	bent := make([][]float32, len(exact)) // turned and stretched: all similarities stay
	for i, x := range exact {
		bent[i] = []float32{-3 * x[1], 3 * x[0]}
	}
	if r := SimilarityRank(exact, bent); !(math.Abs(r-1) <= 1e-12) {
		t.Errorf("a rotation gives %v, want 1", r)
	}
	if r := SimilarityRank(exact, [][]float32{{1, 0}, {-1, 0.2}, {0, 1}, {1, 0.1}}); !(r < 0.5) {
		t.Errorf("vectors that changed places give %v", r)
	}
	for _, x := range [][][]float32{nil, exact[:1], exact[:2], {{1, 1}, {1, 1}, {1, 1}}} {
		if r := SimilarityRank(x, x); !math.IsNaN(r) {
			t.Errorf("%v have no order, and give %v", x, r)
		}
	}
}

func TestRanksShareTies(t *testing.T) {
	if got, want := ranks([]float64{3, 1, 3, 2}), []float64{2.5, 0, 2.5, 1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if r := RankCorrelation([]float64{1, 2, 3, 4}, []float64{1, 8, 27, 64}); !(math.Abs(r-1) < 1e-12) {
		t.Errorf("what rises with the other has the rank correlation %v", r)
	}
	if r := ranks([]float64{math.NaN(), 1}); len(r) != 2 {
		t.Errorf("ranks beside a NaN: %v", r)
	}
}
