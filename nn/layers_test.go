package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

func TestLinear(t *testing.T) {
	for _, bias := range []bool{false, true} {
		p := Projection{Weight: random(1, 7, 5, 1)}
		if bias {
			p.Bias = random(2, 1, 7, 1).Data
		}
		x := random(3, 70, 5, 1)
		want := plainLinear(p, rows(x, 0, 70))
		l := NewLinear(p, tensor.Float32)
		if l.In() != 5 || l.Out() != 7 {
			t.Errorf("a map from 5 to 7 says %d to %d", l.In(), l.Out())
		}
		for _, threads := range []int{1, 3} {
			pool := tensor.NewPool(threads)
			y := random(4, 70, 7, 1)
			l.Forward(pool, y, x)
			pool.Close()
			for r := range want {
				near(t, "linear", y.Row(r), want[r], 1e-5)
			}
		}
	}
}

func TestLayerNormInPlace(t *testing.T) {
	l := LayerNorm{Gain: random(1, 1, 6, 1).Data, Bias: random(2, 1, 6, 1).Data, Epsilon: 1e-5}
	x := random(3, 9, 6, 2)
	want := plainNorm(l, rows(x, 0, 9))
	l.Forward(x, x)
	for r := range want {
		near(t, "layer normalization", x.Row(r), want[r], 1e-5)
	}
}

func TestEmbeddingsAddUp(t *testing.T) {
	words, places := Embedding{random(1, 5, 3, 1)}, Embedding{random(2, 4, 3, 1)}
	y := tensor.New(2, 3)
	if err := words.Lookup(y, []int{4, 0}); err != nil {
		t.Fatal(err)
	}
	if err := places.Add(y, []int{0, 3}); err != nil {
		t.Fatal(err)
	}
	for r, ids := range [][2]int{{4, 0}, {0, 3}} {
		for j := range 3 {
			if want := words.Table.At(ids[0], j) + places.Table.At(ids[1], j); y.At(r, j) != want {
				t.Errorf("(%d, %d) is %v, want %v", r, j, y.At(r, j), want)
			}
		}
	}
}

func TestUnknownIdsAreErrors(t *testing.T) {
	e := Embedding{tensor.New(5, 3)}
	for _, id := range []int{-1, 5, math.MaxInt} {
		err := e.Lookup(tensor.New(2, 3), []int{0, id})
		if err == nil || !strings.Contains(err.Error(), "at position 1 is not in the table, which has 0 to 4") {
			t.Errorf("id %d: %v", id, err)
		}
	}
}

func TestActivationsByTheirNames(t *testing.T) {
	x := []float32{-3, -0.5, 0, 0.7, 2}
	for _, c := range []struct {
		names []string
		want  Activation
	}{
		{[]string{"gelu", "gelu_python"}, GELU},
		{[]string{"gelu_new", "gelu_pytorch_tanh", "gelu_fast"}, GELUTanh},
		{[]string{"relu"}, ReLU},
		{[]string{"silu", "swish"}, SiLU},
		{[]string{"tanh"}, Tanh},
	} {
		for _, name := range c.names {
			a, err := ParseActivation(name)
			if err != nil {
				t.Fatal(err)
			}
			if a != c.want {
				t.Errorf("%s is %v", name, a)
			}
			y := make([]float32, len(x))
			a.Apply(y, x)
			for i, v := range x {
				near(t, name, y[i:i+1], []float64{plainActivation(c.want, float64(v))}, 1e-6)
			}
		}
		if back, err := ParseActivation(c.want.String()); err != nil || back != c.want {
			t.Errorf("%v does not come back from its name: %v", c.want, err)
		}
	}
	// gelu and gelu_new are different functions, by more than any tolerance here.
	if d := plainActivation(GELU, 2.5) - plainActivation(GELUTanh, 2.5); math.Abs(d) < 1e-4 {
		t.Errorf("gelu and gelu_new differ by %v at 2.5", d)
	}
}

func TestUnknownActivationListsWhatIsSupported(t *testing.T) {
	_, err := ParseActivation("quick_gelu")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"quick_gelu"`, "gelu,", "gelu_new", "relu", "silu", "swish", "tanh"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestUnfuseTakesBothLayoutsApart(t *testing.T) {
	const heads, d, width = 3, 2, 4
	q, k, v := Projection{random(1, 6, width, 1), random(2, 1, 6, 1).Data},
		Projection{random(3, 6, width, 1), random(4, 1, 6, 1).Data},
		Projection{random(5, 6, width, 1), random(6, 1, 6, 1).Data}
	thirds := Projection{
		Weight: tensor.FromData(slices.Concat(q.Weight.Data, k.Weight.Data, v.Weight.Data), 18, width),
		Bias:   slices.Concat(q.Bias, k.Bias, v.Bias),
	}
	perHead := Projection{Weight: tensor.New(18, width), Bias: make([]float32, 18)}
	for h := range heads {
		for i, p := range []Projection{q, k, v} {
			at := (3*h + i) * d
			perHead.Weight.SliceRows(at, at+d).CopyFrom(p.Weight.SliceRows(h*d, (h+1)*d))
			copy(perHead.Bias[at:at+d], p.Bias[h*d:(h+1)*d])
		}
	}
	for layout, fused := range map[Layout]Projection{Thirds: thirds, PerHead: perHead} {
		gq, gk, gv, err := Unfuse(fused, heads, layout)
		if err != nil {
			t.Fatal(err)
		}
		for i, pair := range [][2]Projection{{gq, q}, {gk, k}, {gv, v}} {
			if !slices.Equal(pair[0].Weight.Data, pair[1].Weight.Data) || !slices.Equal(pair[0].Bias, pair[1].Bias) {
				t.Errorf("layout %d: part %d of query, key, value is not what was fused", layout, i)
			}
		}
		fused.Bias = nil
		if gq, _, _, err = Unfuse(fused, heads, layout); err != nil || gq.Bias != nil {
			t.Errorf("layout %d without bias: %v, %v", layout, gq.Bias, err)
		}
	}
	for _, bad := range []Projection{{Weight: tensor.New(17, width)}, {Weight: tensor.New(18, width), Bias: make([]float32, 6)}, {}} {
		if _, _, _, err := Unfuse(bad, heads, Thirds); err == nil {
			t.Errorf("weights [%d, %d] with a bias of %d were taken apart", bad.Weight.Rows, bad.Weight.Cols, len(bad.Bias))
		}
	}
}

func TestSharedOutputsAreThoseOfForward(t *testing.T) {
	for _, rows := range []int{1, 3} {
		l := NewLinear(Projection{Weight: random(1, 300, 17, 1), Bias: random(2, 1, 300, 1).Data}, tensor.Float32)
		x := random(3, rows, 17, 1)
		want, got := tensor.New(rows, 300), tensor.New(rows, 300)
		l.Forward(nil, want, x)
		for _, threads := range []int{1, 2, 3} {
			pool := tensor.NewPool(threads)
			work := sharing(pool)
			work.Outputs(got, l, x)
			if !slices.Equal(got.Data, want.Data) {
				t.Errorf("%d rows on %d threads differ from Forward", rows, threads)
			}
			if n := testing.AllocsPerRun(10, func() { work.Outputs(got, l, x) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			pool.Close()
		}
	}
}
