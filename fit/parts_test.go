package fit

import (
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func TestNeuronsFollowTheRootOfCosts(t *testing.T) {
	for _, c := range []struct {
		costs []float64
		total int
		want  []int
	}{
		{[]float64{1, 1, 1, 1}, 256, []int{64, 64, 64, 64}},
		{[]float64{1, 4, 9}, 96, []int{16, 32, 48}},
		{[]float64{4, 1}, 1600, []int{1072, 528}},          // 2 to 1, in whole groups
		{[]float64{1e6, 0, 1e-9}, 128, []int{96, 16, 16}},  // never fewer than the fewest
		{[]float64{0, 0}, 64, []int{32, 32}},               // nothing costs anything
		{[]float64{1, 2}, 5, []int{16, 16}},                // too few for all
		{[]float64{1, 1, 1}, 16*3 + 15, []int{16, 16, 16}}, // whole groups alone
	} {
		if got := allocate(c.costs, c.total); !slices.Equal(got, c.want) {
			t.Errorf("costs %v, %d neurons: %v, want %v", c.costs, c.total, got, c.want)
		}
	}
	rng := tuning.NewRand(1)
	for range 50 {
		costs := make([]float64, 1+rng.IntN(40))
		for i := range costs {
			costs[i] = math.Exp(4 * rng.NormFloat64())
		}
		total := len(costs) * (16 + rng.IntN(200))
		sum := 0
		for _, m := range allocate(costs, total) {
			if sum += m; m < fewest || m%grain != 0 {
				t.Fatalf("a head of %d neurons", m)
			}
		}
		if sum != total/grain*grain {
			t.Errorf("%d neurons of %d", sum, total)
		}
	}
}

func TestARateRisesAndFalls(t *testing.T) {
	s := schedule{peak: 2, warm: 4, steps: 100}
	for step, want := range map[int]float64{0: 0.5, 1: 1 * (1 + math.Cos(math.Pi/100)) / 2, 50: 1, 100: 0} {
		if got := s.at(step); !(math.Abs(got-want) < 1e-12) {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}

// slope checks the gradient dx of a value along a direction.
func checkSlope(t *testing.T, what string, value func(x tensor.Matrix) float64, dx, x tensor.Matrix) {
	t.Helper()
	along := tensor.FromData(gaussian(77, x.Rows*x.Cols, 1), x.Rows, x.Cols)
	const h = 1e-2
	at := func(f float32) float64 {
		y := x.Clone()
		tensor.AddScaled(y.Data, f, along.Data)
		return value(y)
	}
	got, want := (at(h)-at(-h))/(2*h), float64(tensor.Dot(dx.Data, along.Data))
	// A hundredth of a step among numbers of size 1, whose sum may cancel.
	if size := math.Sqrt(tensor.Squares(dx.Data)); size == 0 || !(math.Abs(got-want) <= 5e-3*size) {
		t.Errorf("%s: along a direction the loss rises by %v, want %v (of gradients of size %v)", what, got, want, size)
	}
}

func TestLossesGoBack(t *testing.T) {
	const n, width = 9, 24
	x, want := tensor.FromData(gaussian(1, n*width, 1), n, width), tensor.FromData(gaussian(2, n*width, 1), n, width)
	seqs, none := tensor.NewSequences(4, 5), tensor.Matrix{}
	dx := tensor.New(n, width)
	cosineLoss(dx, x, want, 0.7)
	checkSlope(t, "hidden", func(x tensor.Matrix) float64 { return cosineLoss(none, x, want, 0.7) }, dx, x)
	dx.Zero()
	embeddingLoss(dx, x, want, seqs, 1.5)
	checkSlope(t, "embedding", func(x tensor.Matrix) float64 { return embeddingLoss(none, x, want, seqs, 1.5) }, dx, x)
	if l := embeddingLoss(none, want, want, seqs, 1); !(math.Abs(l) < 1e-6) {
		t.Errorf("of itself an embedding loses %v", l)
	}
	for _, folder := range []string{"bert-masked-lm", "gpt2", "vit-two-labels", "deit-teacher", "ast-labels"} {
		m := open(t, folder)
		work := nn.NewWorkspace(nil)
		x, want := tensor.FromData(gaussian(1, n*m.Width(), 1), n, m.Width()), tensor.FromData(gaussian(2, n*m.Width(), 1), n, m.Width())
		masked := [][]int{{0, 3}, {2}}
		loss := func(dx, x tensor.Matrix) float64 {
			l, err := answerLoss(m, dx, x, want, seqs, masked, 0.8, work)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		dx := tensor.New(n, m.Width())
		loss(dx, x)
		checkSlope(t, folder, func(x tensor.Matrix) float64 { return loss(none, x) }, dx, x)
	}
}

func TestTheTeacherRepeatsItself(t *testing.T) {
	m := open(t, "bert")
	c := corpusOf(t, m, 1, 6)
	work := nn.NewWorkspace(nil)
	teach := newTeacher(m, c, work)
	chosen := []int{4, 0, 4}
	states := func() []tensor.Matrix {
		out := make([]tensor.Matrix, m.Layers()+1)
		for i := range out {
			out[i] = tensor.New(c.pick(chosen).Sequences.Tokens(), m.Width())
		}
		if err := teach.states(t.Context(), out, chosen); err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := states()
	var want []tensor.Matrix
	x, err := m.Forward(t.Context(), c.pick(chosen), model.Run{Work: work, Hidden: func(i int, x tensor.Matrix) {
		if i > 0 {
			want = append(want, x.Clone())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, x)
	for i := range want {
		for j, v := range want[i].Data {
			// bfloat16 has 8 bits.
			if got := first[i].Data[j]; !(math.Abs(float64(got-v)) <= math.Abs(float64(v))/256) {
				t.Fatalf("state %d: %v, want %v", i, got, v)
			}
		}
	}
	again := states()
	for i := range first {
		if !slices.Equal(first[i].Data, again[i].Data) {
			t.Errorf("state %d is another the second time", i)
		}
	}
	teach.kept, teach.bytes = make([]lesson, c.Len()), teacherBytes // nothing more is kept
	for i, x := range states() {
		if !slices.Equal(first[i].Data, x.Data) {
			t.Errorf("state %d is another where nothing is kept", i)
		}
	}
	if teach.kept[4] != nil {
		t.Error("more is kept than there is room for")
	}
}

func TestAnOrderGoesThroughAll(t *testing.T) {
	m := open(t, "bert")
	c := corpusOf(t, m, 1, 5)
	var o order
	for epoch := range 3 {
		seen := map[int]bool{}
		for i := range c.Len() {
			seen[o.at(epoch*c.Len()+i, c.Len(), shuffler(1, streamJoint))] = true
		}
		if len(seen) != c.Len() {
			t.Errorf("epoch %d has %d of %d sequences", epoch, len(seen), c.Len())
		}
	}
	first := o.at(2, 5, shuffler(1, streamJoint))
	var again order // that comes to the place by another way
	if second := again.at(2, 5, shuffler(1, streamJoint)); second != first {
		t.Errorf("sequence %d, then %d in one place of an order", first, second)
	}
}

func TestMasksLieOnWordsOfMostSequences(t *testing.T) {
	m := open(t, "bert")
	c := corpusOf(t, m, 1, 40)
	special := func(id int) bool { return id < 20 }
	x := c.mask(63, special, tuning.NewRand(1))
	count, words := 0, 0
	for i := range c.Len() {
		lo, hi := c.batch.Sequences.Bounds(i)
		for j := lo; j < hi; j++ {
			before, after := c.batch.IDs[j], x.batch.IDs[j]
			masked := slices.Contains(x.masked[i], j-lo)
			if i%wholeEvery != wholeEvery-1 && !special(before) {
				words++
			}
			if masked {
				count++
				if i%wholeEvery == wholeEvery-1 || special(before) || after != 63 {
					t.Errorf("sequence %d, token %d: %d became %d", i, j-lo, before, after)
				}
			} else if before != after {
				t.Errorf("sequence %d, token %d changed without being masked", i, j-lo)
			}
		}
	}
	if share := float64(count) / float64(words); !(share > 0.05 && share < 0.3) { // of some hundred words
		t.Errorf("%v of the words are masked", share)
	}
}

// Settling multiplies all rates of a query alike: attention stays as it is, and
// calcium comes closer to the normalizer.
func TestSettlingMovesCalciumAlone(t *testing.T) {
	const n, m, d = 300, 12, 4
	q, k, b := exampleHead(t, n, d)
	h := &head{balanced: *b, pool: []*seen{b.see(q, k, tensor.NewSequences(slices.Repeat([]int{20}, n/20)...), nil)}}
	h.begin(m, 1, nil)
	for _, l := range []loss{{rows: 1, calcium: 0.1}, {rows: 1, calcium: 0.1, causal: true}, {rows: 1, calcium: 0.1, causal: true, slope: 0.1}} {
		before := h.score(&l, h.pool[0], nil)
		if err := h.settle(&l, nil); err != nil {
			t.Fatal(err)
		}
		after := h.score(&l, h.pool[0], nil)
		if !(math.Abs(after.divergence-before.divergence) <= 1e-4*before.divergence) { // sums in float32
			t.Errorf("%+v: settling changes the divergence from %v to %v", l, before.divergence, after.divergence)
		}
		if !(after.calcium < before.calcium) {
			t.Errorf("%+v: settling takes the error of calcium from %v to %v", l, before.calcium, after.calcium)
		}
		tensor.AddScaled(h.curves.readW, 0.1, gaussian(9, m*d, 1)) // off again
	}
}

func TestAHeadStartsWhereItsKeysFall(t *testing.T) {
	const n, d = 200, 3
	q, k, b := exampleHead(t, n, d)
	h := &head{balanced: *b, pool: []*seen{b.see(q, k, tensor.NewSequences(n), nil)}}
	l := loss{rows: 1}
	var last float64
	for i, m := range []int{4, 32, 512} { // more than there are keys, at last
		h.begin(m, 1, nil)
		s := h.score(&l, h.pool[0], nil)
		if d := s.divergence / float64(s.rows); !(d >= 0) || i > 0 && !(d < last) {
			t.Errorf("%d neurons: the divergence is %v, after %v with fewer", m, d, last)
		} else {
			last = d
		}
	}
}

func TestAStepOfAHeadDoesNotAllocate(t *testing.T) {
	const n, m, d = 60, 16, 4
	q, k, b := exampleHead(t, n, d)
	h := &head{balanced: *b, pool: []*seen{b.see(q, k, tensor.NewSequences(20, 30, 10), nil)}}
	var work tensor.Arena
	h.begin(m, 1, &work)
	p := headPlan{loss: loss{rows: 1, calcium: 0.1}, batch: 3, rate: schedule{0.01, 5, 1000}, seed: 1}
	rng := tuning.NewRand(1)
	step := func() {
		if err := h.step(&p, rng, &work); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 { // until the largest batch has come
		step()
	}
	if a := testing.AllocsPerRun(20, step); a != 0 {
		t.Errorf("%v allocations", a)
	}
}
