package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func randomIDs(seed uint64, n int) []int {
	rng := rand.New(rand.NewPCG(seed, 1))
	ids := make([]int, n)
	for i := range ids {
		ids[i] = rng.IntN(50)
	}
	return ids
}

// circuits returns circuits for every layer, causal where the model is, which
// forget as its slopes say.
func circuits(t *testing.T, m *Model, neurons int) [][]attention.Head {
	t.Helper()
	d := m.HeadWidth()
	heads := m.Exact()
	for l := range heads {
		for h := range heads[l] {
			rng := tuning.NewRand(7, l, h)
			curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: d, W: tuning.Weights(tuning.Orthogonal, neurons, d, rng)})
			if err != nil {
				t.Fatal(err)
			}
			heads[l][h], err = attention.NewCircuit(attention.CircuitConfig{
				Tuning: curves, Causal: m.config.Causal, Forget: -math.Expm1(-float64(m.Slope(h))),
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return heads
}

func forward(t *testing.T, m *Model, b Batch, run Run) tensor.Matrix {
	t.Helper()
	x, err := m.Forward(t.Context(), b, run)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestLaterTokensChangeNothing(t *testing.T) {
	for _, folder := range []string{"gpt2", "gpt2-scaled", "bloom", "bloom-odd"} {
		m := open(t, folder)
		ids := randomIDs(3, 18)
		for name, heads := range map[string][][]attention.Head{"exact": nil, "circuit": circuits(t, m, 48), "uniform": m.Uniform()} {
			run := Run{Heads: heads, Work: workspace(t, 2)}
			whole := forward(t, m, NewBatch(ids), run)
			for n := 1; n < len(ids); n++ {
				changed := append(slices.Clone(ids[:n]), randomIDs(uint64(n), len(ids)-n)...)
				part, other := forward(t, m, NewBatch(ids[:n]), run), forward(t, m, NewBatch(changed), run)
				want := whole.SliceRows(0, n).Data
				if !slices.Equal(part.Data, want) || !slices.Equal(other.SliceRows(0, n).Data, want) {
					t.Fatalf("%s, %s: tokens after the first %d change them", folder, name, n)
				}
			}
		}
	}
}

func TestASessionContinuesWhereItStopped(t *testing.T) {
	for _, folder := range []string{"gpt2-left-padding", "gpt2-scaled", "bloom", "bloom-long"} {
		m := open(t, folder)
		ids := randomIDs(5, 20)
		for name, c := range map[string]struct {
			heads [][]attention.Head
			// What another order of sums leaves of float32, where activations reach
			// some tens; circuits lose as much as their drives are large (see
			// attention.Circuit).
			tolerance float64
		}{"exact": {nil, 1e-5}, "circuit": {circuits(t, m, 48), 1e-4}, "uniform": {m.Uniform(), 1e-5}} {
			run := Run{Heads: c.heads, Work: workspace(t, 2)}
			want := forward(t, m, NewBatch(ids), run)
			s, err := m.NewSession(run)
			if err != nil {
				t.Fatal(err)
			}
			for _, parts := range [][]int{slices.Repeat([]int{1}, 20), {7, 1, 12}, {20}} {
				s.Reset()
				at := 0
				for _, n := range parts {
					got, err := s.Feed(t.Context(), ids[at:at+n]...)
					if err != nil {
						t.Fatal(err)
					}
					p := Padded{IDs: make([]int64, n), Mask: slices.Repeat([]int64{1}, n)}
					near(t, folder+", "+name, got.Data, want.SliceRows(at, at+n).Data, p, c.tolerance)
					at += n
				}
				last := want.SliceRows(19, 20)
				one := Padded{IDs: []int64{0}, Mask: []int64{1}}
				near(t, "logits", s.Logits(), m.Logits(last, run.Work.Pool()).Data, one, c.tolerance)
				if s.Tokens() != 20 {
					t.Errorf("%d tokens, want 20", s.Tokens())
				}
			}
		}
	}
}

// TestGreedyContinuationIsThatOfTransformers also feeds the prompt in two parts.
func TestGreedyContinuationIsThatOfTransformers(t *testing.T) {
	longest := 0
	for _, c := range readManifest(t).Cases {
		ref := openReference(t, c.Folder)
		if !ref.has("generated") {
			continue
		}
		m := open(t, c.Folder)
		s, err := m.NewSession(Run{Work: workspace(t, 2)})
		if err != nil {
			t.Fatal(err)
		}
		want := ref.ints(t, "generated")
		const prompt = 4
		feed := func(ids ...int64) (next int64) {
			part := make([]int, len(ids))
			for i, id := range ids {
				part[i] = int(id)
			}
			if _, err := s.Feed(t.Context(), part...); err != nil {
				t.Fatal(err)
			}
			logits := s.Logits()
			return int64(slices.Index(logits, slices.Max(logits)))
		}
		feed(want[:1]...)
		next := feed(want[1:prompt]...)
		for i, id := range want[prompt:] {
			if next != id {
				t.Fatalf("%s: token %d of the continuation is %d, want %d", c.Folder, i, next, id)
			}
			if i+1 < len(want)-prompt {
				next = feed(id)
			}
		}
		longest = max(longest, len(want)-prompt)
	}
	if longest < 50 {
		t.Errorf("the longest continuation has %d tokens", longest)
	}
}

func TestWhatASessionCarries(t *testing.T) {
	m := open(t, "bloom")
	work := workspace(t, 2)
	bytes := func(heads [][]attention.Head, n int) int {
		s, err := m.NewSession(Run{Heads: heads, Work: work})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range randomIDs(1, n) {
			if _, err := s.Feed(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		return s.Bytes()
	}
	memories := circuits(t, m, 32)
	if few, many := bytes(memories, 1), bytes(memories, 300); few != many || few == 0 {
		t.Errorf("circuits carry %d bytes after one token and %d after 300", few, many)
	}
	// Keys and values of every token, of width 24 in each of two layers.
	if few, many := bytes(nil, 10), bytes(nil, 300); few != 10*2*2*24*4 || many != 30*few {
		t.Errorf("exact attention carries %d bytes after 10 tokens and %d after 300", few, many)
	}
	s, err := m.NewSession(Run{Heads: memories, Work: work})
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{3}
	step := func() {
		ids[0] = (ids[0]*7 + 1) % 50
		if _, err := s.Feed(t.Context(), ids...); err != nil {
			t.Fatal(err)
		}
		s.Logits()
	}
	for range 40 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations for a token", n)
	}
}

func TestWhatASessionRefuses(t *testing.T) {
	if _, err := open(t, "bert").NewSession(Run{Work: workspace(t, 1)}); err == nil || !strings.Contains(err.Error(), "bert is not causal") {
		t.Errorf("an encoder: %v", err)
	}
	m := open(t, "gpt2") // 20 positions
	s, err := m.NewSession(Run{Work: workspace(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	feed := func(ids ...int) error {
		_, err := s.Feed(t.Context(), ids...)
		return err
	}
	if err := feed(randomIDs(1, 19)...); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ids  []int
		want string
	}{"too long": {[]int{1, 2}, "position 20 is beyond the 20 positions of gpt2"}, "no such id": {[]int{61}, "0 to 60"}} {
		if err := feed(c.ids...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Feed(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if s.Tokens() != 19 {
		t.Errorf("what was refused leaves %d tokens, want 19", s.Tokens())
	}
	if err := feed(5); err != nil {
		t.Errorf("the last position: %v", err)
	}
	ids := append(randomIDs(1, 19), 5)
	want := forward(t, m, NewBatch(ids), Run{Work: workspace(t, 1)})
	one := Padded{IDs: []int64{0}, Mask: []int64{1}}
	near(t, "after a refusal", s.Logits(), m.Logits(want.SliceRows(19, 20), nil).Data, one, 1e-5)
}

func TestSlopesOfALiBi(t *testing.T) {
	for heads, want := range map[int][]float32{
		1: {1. / 256},
		2: {1. / 16, 1. / 256},
		6: {1. / 4, 1. / 16, 1. / 64, 1. / 256, 1. / 2, 1. / 8}, // DESIGN's example: four, then every other of eight
		8: {1. / 2, 1. / 4, 1. / 8, 1. / 16, 1. / 32, 1. / 64, 1. / 128, 1. / 256},
	} {
		if got := alibiSlopes(heads); !slices.Equal(got, want) {
			t.Errorf("%d heads: %v, want %v", heads, got, want)
		}
	}
	if m := open(t, "gpt2"); m.Slope(0) != 0 {
		t.Error("GPT-2 has a slope")
	}
}

func TestPaddingBeforeAndAfterBLOOMsTextIsTheSame(t *testing.T) {
	m := open(t, "bloom")
	run := Run{Work: workspace(t, 1)}
	ids := []int64{0, 0, 9, 8, 7}
	var all [2]tensor.Matrix
	for i, p := range []Padded{
		{Rows: 1, Cols: 5, IDs: ids, Mask: []int64{0, 0, 1, 1, 1}},
		{Rows: 1, Cols: 5, IDs: append(ids[2:], 0, 0), Mask: []int64{1, 1, 1, 0, 0}},
	} {
		b, err := p.Ragged()
		if err != nil {
			t.Fatal(err)
		}
		all[i] = forward(t, m, b, run)
	}
	if !slices.Equal(all[0].Data, all[1].Data) {
		t.Error("padding on the left gives another result than on the right")
	}
}
