package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/tuning"
)

const (
	rowWidth = 6 // D
	keyWidth = 4 // d
	valWidth = 3 // dv
)

func gaussian(seed uint64, n int, scale float64) []float64 {
	rng := tuning.NewRand(seed)
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * rng.NormFloat64()
	}
	return x
}

func narrowed[F tripartite.Float](x []float64) []F {
	out := make([]F, len(x))
	for i, v := range x {
		out[i] = F(v)
	}
	return out
}

// headConfig is that of a head with weights and a bias that follow from a seed.
func headConfig[F tripartite.Float](t testing.TB, seed uint64, forget float64) HeadConfig[F] {
	t.Helper()
	phi, err := tuning.New[F](tuning.Config{Map: tuning.Exp, Inputs: keyWidth, W: tuning.Weights(tuning.Orthogonal, 16, keyWidth, tuning.NewRand(5))})
	if err != nil {
		t.Fatal(err)
	}
	weights := func(i uint64, n int) []F { return narrowed[F](gaussian(10*seed+i, n, 0.4)) }
	return HeadConfig[F]{
		Circuit: tripartite.Config[F]{Tuning: phi, Outputs: valWidth, Forget: forget},
		Afferents: tripartite.Afferents[F]{
			WQ: weights(1, keyWidth*rowWidth), QueryBias: weights(2, keyWidth), WK: weights(3, keyWidth*rowWidth), WV: weights(4, valWidth*rowWidth),
		},
		Input: Input{Array, "<f8", rowWidth},
	}
}

func newHead[F tripartite.Float](t testing.TB, cfg HeadConfig[F]) *Head[F] {
	t.Helper()
	h, err := NewHead(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// given are rows in memory.
type given struct{ rows []float64 }

func (g *given) Next(row []float64) error {
	if len(g.rows) == 0 {
		return io.EOF
	}
	g.rows = g.rows[copy(row, g.rows[:len(row)]):]
	return nil
}

// headLine is what a line of a head holds.
type headLine struct {
	Position      int
	LogCalcium    float64 `json:"log_calcium"`
	LogMeanKernel float64 `json:"log_mean_kernel"`
	Y             []float64
}

func headLines(t *testing.T, text []byte) []headLine {
	t.Helper()
	var all []headLine
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var l headLine
		if err := d.Decode(&l); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

func TestAStreamOfRowsIsTheCausalCircuit(t *testing.T) {
	t.Run("float64", testRows[float64])
	t.Run("float32", testRows[float32])
}

func testRows[F tripartite.Float](t *testing.T) {
	const n, forget = 40, 0.05
	cfg := headConfig[F](t, 1, forget)
	cfg.ShowY = true
	x := gaussian(2, n*rowWidth, 1)
	path := filepath.Join(t.TempDir(), "y.npy")
	states, err := OpenStates[F](path, valWidth, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	h := newHead(t, cfg)
	if err := h.Run(t.Context(), &given{x}, HeadOutput[F]{Lines: &out, States: states}); err != nil {
		t.Fatal(err)
	}
	if err := states.Close(); err != nil {
		t.Fatal(err)
	}
	q, k, v := make([]F, n*keyWidth), make([]F, n*keyWidth), make([]F, n*valWidth)
	for i := range n {
		row := narrowed[F](x[i*rowWidth : (i+1)*rowWidth])
		cfg.Afferents.Drive(q[i*keyWidth:(i+1)*keyWidth], tripartite.Reading, row)
		cfg.Afferents.Drive(k[i*keyWidth:(i+1)*keyWidth], tripartite.Writing, row)
		cfg.Afferents.Value(v[i*valWidth:(i+1)*valWidth], row)
	}
	c, err := tripartite.New(cfg.Circuit)
	if err != nil {
		t.Fatal(err)
	}
	want := c.Attend(q, k, v, true)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	y, err := npz.ReadNpy(bytes.NewReader(data), path, npz.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := narrowed[F](y.Float64()); !slices.Equal(got, want.Y) {
		t.Errorf("y is %v, want %v", got, want.Y)
	}
	lines := headLines(t, out.Bytes())
	if len(lines) != n {
		t.Fatalf("%d lines", len(lines))
	}
	weight := 0.0 // of all rows, as far as they are not forgotten
	for i, l := range lines {
		weight = (1-forget)*weight + 1
		c := want.Calcium[i].Log
		// A line has 7 digits.
		if l.Position != i || !(math.Abs(l.LogCalcium-c) <= 1e-5) || !(math.Abs(l.LogMeanKernel-(c-math.Log(weight))) <= 1e-5) || len(l.Y) != valWidth {
			t.Errorf("line %d is %+v, calcium %v, weight %v", i, l, c, weight)
		}
	}
	// The running mean is that over all pairs, summed in another order.
	if got, want := h.MeanSquaredNorm(), tuning.MeanSquaredNorm(q, k, keyWidth); !(math.Abs(got-want) <= 1e-12*want) {
		t.Errorf("mean |q+k|² is %v, want %v", got, want)
	}
}

func TestAHeadGoesOnToTheBit(t *testing.T) {
	const n = 30
	x := gaussian(3, n*rowWidth, 1)
	dir := t.TempDir()
	run := func(h *Head[float64], rows []float64, name string) []byte {
		t.Helper()
		states, err := OpenStates[float64](filepath.Join(dir, name+".npy"), valWidth, h.Rows())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := h.Run(t.Context(), &given{rows}, HeadOutput[float64]{Lines: &out, States: states, Save: filepath.Join(dir, name), SaveEvery: 4}); err != nil {
			t.Fatal(err)
		}
		if err := states.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	file := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	cfg := headConfig[float64](t, 1, 0.1)
	cfg.Every = 3
	whole := run(newHead(t, cfg), x, "whole")
	for cut := range n + 1 {
		out := run(newHead(t, cfg), x[:cut*rowWidth], "part")
		h := newHead(t, cfg)
		if err := h.Resume(filepath.Join(dir, "part")); err != nil {
			t.Fatal(err)
		}
		if at := h.Status(); at.Offset != int64(cut) || at.Tokens != cut {
			t.Fatalf("cut after %d rows: %+v", cut, at)
		}
		if out = append(out, run(h, x[cut*rowWidth:], "part")...); !bytes.Equal(out, whole) {
			t.Errorf("cut after %d rows the lines differ", cut)
		}
		if !bytes.Equal(file("part"), file("whole")) || !bytes.Equal(file("part.npy"), file("whole.npy")) {
			t.Errorf("cut after %d rows memory or states differ", cut)
		}
	}
}

// What was read until an error is saved, and can be gone on from.
func TestRowsBeforeABadOneAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	h := newHead(t, headConfig[float32](t, 1, 0))
	x := gaussian(3, 3*rowWidth, 1)
	x[2*rowWidth+1] = 1e300
	err := h.Run(t.Context(), &given{x}, HeadOutput[float32]{Save: path})
	if err == nil || !strings.Contains(err.Error(), "row 2, column 1 of the input is 1e+300, too large for float32") {
		t.Errorf("error %v", err)
	}
	if info, err := tripartite.InspectMemory(path); err != nil || info.Tokens != 2 {
		t.Errorf("%d rows are kept, %v", info.Tokens, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx, &given{x}, HeadOutput[float32]{Save: path}); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

func TestMemoriesOfOneHeadAdd(t *testing.T) {
	const n = 20
	dir := t.TempDir()
	x := gaussian(4, n*rowWidth, 1)
	cfg := headConfig[float64](t, 1, 0)
	save := func(name string, rows []float64) (*tripartite.Memory[float64], *HeadInfo) {
		path := filepath.Join(dir, name)
		if err := newHead(t, cfg).Run(t.Context(), &given{rows}, HeadOutput[float64]{Save: path}); err != nil {
			t.Fatal(err)
		}
		m, err := tripartite.LoadMemory[float64](path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := InspectHead(path)
		if err != nil {
			t.Fatal(err)
		}
		return m, info
	}
	first, a := save("first", x[:7*rowWidth])
	second, b := save("second", x[7*rowWidth:])
	whole, _ := save("whole", x)
	if err := first.Merge(second); err != nil {
		t.Fatal(err)
	}
	both, err := a.Merged(b)
	if err != nil || both.Input != nil || both.Read != 0 {
		t.Fatalf("merged: %+v, %v", both, err)
	}
	for i, want := range whole.Hebb() {
		if got := first.Hebb()[i]; !(math.Abs(got-want) <= 1e-12*(1+math.Abs(want))) { // summed in another order
			t.Fatalf("H[%d] is %v, want %v", i, got, want)
		}
	}
	// A stream that resumes what was merged begins its input.
	path := filepath.Join(dir, "both")
	if err := first.SaveWith(path, both.Metadata()); err != nil {
		t.Fatal(err)
	}
	h := newHead(t, cfg)
	if err := h.Resume(path); err != nil || h.Status().Offset != 0 || h.Status().Tokens != n {
		t.Errorf("after merging: %+v, %v", h.Status(), err)
	}
	if _, err := a.Merged(&HeadInfo{Afferents: "other"}); err == nil || !strings.Contains(err.Error(), "other weights") {
		t.Errorf("of other weights: %v", err)
	}
}

func TestMemoriesThatAHeadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	x := gaussian(4, 5*rowWidth, 1)
	if err := newHead(t, headConfig[float64](t, 1, 0)).Run(t.Context(), &given{x}, HeadOutput[float64]{Save: path}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *HeadConfig[float64]){
		"":                   func(*HeadConfig[float64]) {},
		"other weights":      func(c *HeadConfig[float64]) { c.Afferents.KeyBias = make([]float64, keyWidth) },
		"forgetting differs": func(c *HeadConfig[float64]) { c.Circuit.Forget = 0.5 },
		"its input was":      func(c *HeadConfig[float64]) { c.Input = Input{Kind: Sound, Width: rowWidth} },
		"output":             func(c *HeadConfig[float64]) { c.Circuit.Outputs = 2; c.Afferents.WV = c.Afferents.WV[:2*rowWidth] },
	} {
		cfg := headConfig[float64](t, 1, 0)
		change(&cfg)
		h := newHead(t, cfg)
		err := h.Resume(path)
		if want == "" {
			if err != nil || h.Status().Tokens != 5 {
				t.Errorf("%d rows, %v", h.Status().Tokens, err)
			}
		} else if err == nil || h.Status().Tokens != 0 {
			t.Errorf("%s: %v, %d rows", want, err, h.Status().Tokens)
		}
	}
	if err := newHead(t, headConfig[float32](t, 1, 0)).Resume(path); err == nil || !strings.Contains(err.Error(), "float64") {
		t.Errorf("in float32: %v", err)
	}
}

// endless repeats one row.
type endless struct{ row []float64 }

func (e endless) Next(row []float64) error {
	copy(row, e.row)
	return nil
}

func TestARowAllocatesNothing(t *testing.T) {
	cfg := headConfig[float64](t, 1, 0.01)
	cfg.ShowY = true
	h := newHead(t, cfg)
	states, err := OpenStates[float64](filepath.Join(t.TempDir(), "y.npy"), valWidth, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer states.Close()
	var rows Rows = endless{gaussian(1, rowWidth, 1)}
	out := HeadOutput[float64]{Lines: discard{}, States: states, Live: func(Status) {}}
	step := func() {
		if err := h.next(rows); err != nil {
			t.Fatal(err)
		}
		if err := h.take(out); err != nil {
			t.Fatal(err)
		}
	}
	for range 2*flushBytes/(8*valWidth) + 1 { // until the rows were written once
		step()
	}
	held := h.Status().Bytes
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
	if now := h.Status().Bytes; now != held {
		t.Errorf("%d bytes, then %d", held, now)
	}
}

// BenchmarkRowAt is [BenchmarkTokenAt] of a head.
func BenchmarkRowAt(b *testing.B) {
	h := newHead(b, headConfig[float64](b, 1, 0))
	var rows Rows = &random{rng: rand.New(rand.NewPCG(1, 1))}
	step := func() {
		if err := h.next(rows); err != nil {
			b.Fatal(err)
		}
		if err := h.take(HeadOutput[float64]{Lines: discard{}}); err != nil {
			b.Fatal(err)
		}
	}
	for _, at := range []int{1_000, 1_000_000} {
		for h.Status().Tokens < at {
			step()
		}
		from := filepath.Join(b.TempDir(), "memory")
		if err := h.Save(from); err != nil {
			b.Fatal(err)
		}
		b.Run(strconv.Itoa(at), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if err := h.Resume(from); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for range measured {
					step()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*measured), "ns/row")
			b.ReportMetric(float64(h.Status().Bytes), "carried-bytes")
		})
	}
}

// random rows have no end.
type random struct{ rng *rand.Rand }

func (r *random) Next(row []float64) error {
	for i := range row {
		row[i] = r.rng.NormFloat64()
	}
	return nil
}
