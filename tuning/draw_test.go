package tuning_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// Seeds are part of the contract: a changed value here changes every result.
func TestSeedsMeanTheSameEverywhere(t *testing.T) {
	rng := tuning.NewRand(1, 2, 3)
	if got, want := rng.Uint64(), uint64(0xcc9b43a94d6378db); got != want {
		t.Errorf("first number of seed 1, stream 2, 3: %#x, want %#x (generator %s)", got, want, tuning.Generator)
	}
	w := tuning.Weights(tuning.IID, 1, 3, tuning.NewRand(1))
	for i, want := range []float64{-0.8024826241110656, 0.424707052949676, -0.4985070978632815} {
		if w[i] != want {
			t.Errorf("W[%d] of seed 1: %v, want %v", i, w[i], want)
		}
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[uint64][]int{}
	for _, s := range [][]int{nil, {0}, {1}, {0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 0, 0}, {-1}} {
		x := tuning.NewRand(5, s...).Uint64()
		if other, ok := seen[x]; ok {
			t.Errorf("streams %v and %v are the same", s, other)
		}
		seen[x] = s
	}
}

func TestOrthogonalRowsAreOrthogonalInBlocks(t *testing.T) {
	for _, c := range []struct{ m, d int }{{1, 1}, {3, 1}, {5, 8}, {8, 8}, {20, 8}, {64, 32}} {
		w := tuning.Weights(tuning.Orthogonal, c.m, c.d, tuning.NewRand(4))
		row := func(i int) []float64 { return w[i*c.d : (i+1)*c.d] }
		for i := range c.m {
			for j := i - i%c.d; j < i; j++ {
				cos := dot(row(i), row(j)) / math.Sqrt(dot(row(i), row(i))*dot(row(j), row(j)))
				if !(math.Abs(cos) < 1e-13) {
					t.Errorf("m=%d d=%d: cosine of rows %d and %d is %g", c.m, c.d, i, j, cos)
				}
			}
		}
	}
}

// Both draws have rows ~ N(0, I): mean 0, covariance 1, |w|² of mean d and
// variance 2d.
func TestRowsAreStandardNormal(t *testing.T) {
	const d, m = 6, 60000
	for _, draw := range []tuning.Draw{tuning.IID, tuning.Orthogonal} {
		w := tuning.Weights(draw, m, d, tuning.NewRand(8))
		var mean, square, cross, norm, norm2 float64
		for i := range m {
			r := w[i*d : (i+1)*d]
			mean += r[0] / m
			square += r[1] * r[1] / m
			cross += r[2] * r[3] / m
			n := dot(r, r)
			norm += n / m
			norm2 += n * n / m
		}
		// Six standard errors of each estimate; that of the variance of |w|² ~
		// chi²(d), of fourth central moment 12d(d+4), is ((8d²+48d)/m)^(1/2).
		for name, c := range map[string]struct{ got, want, tolerance float64 }{
			"mean":          {mean, 0, 6 / math.Sqrt(m)},
			"variance":      {square, 1, 6 * math.Sqrt(2./m)},
			"covariance":    {cross, 0, 6 / math.Sqrt(m)},
			"mean |w|²":     {norm, d, 6 * math.Sqrt(2*d/float64(m))},
			"variance |w|²": {norm2 - norm*norm, 2 * d, 6 * math.Sqrt((8*d*d+48*d)/float64(m))},
		} {
			if !(math.Abs(c.got-c.want) <= c.tolerance) {
				t.Errorf("%s rows: %s is %.4f, want %.4f within %.4f", draw, name, c.got, c.want, c.tolerance)
			}
		}
	}
}

func TestUnknownDrawsPanic(t *testing.T) {
	for _, draw := range []tuning.Draw{"", "IID", "sobol"} {
		panics(t, fmt.Sprintf("tuning: unknown draw %q", draw), func() { tuning.Weights(draw, 2, 2, tuning.NewRand(1)) })
	}
}

// panics fails unless f panics with a message that begins with want.
func panics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got, _ := recover().(string); !strings.HasPrefix(got, want) {
			t.Errorf("panic %q, want one that begins with %q", got, want)
		}
	}()
	f()
}

func TestPhasesCoverTheCircle(t *testing.T) {
	b := tuning.Phases(10000, tuning.NewRand(3))
	var c, s float64
	for _, x := range b {
		if !(x >= 0 && x < 2*math.Pi) {
			t.Fatalf("phase %v outside [0, 2 pi)", x)
		}
		c += math.Cos(x)
		s += math.Sin(x)
	}
	if r := math.Hypot(c, s) / float64(len(b)); !(r < 0.03) {
		t.Errorf("mean resultant of the phases is %.3f, want about 0", r)
	}
}
