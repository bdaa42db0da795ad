package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func open(t testing.TB, folder string) *model.Model {
	t.Helper()
	m, err := model.Load(os.DirFS("../model/testdata/"+folder), folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// config is that of a stream through circuits of the model.
func config(t testing.TB, m *model.Model, kind string, seed uint64) Config {
	t.Helper()
	sel, err := attention.ParseSelection(kind)
	if err != nil {
		t.Fatal(err)
	}
	c, err := network.Build(m, network.Options{Selection: sel, Tuning: string(tuning.Exp), Draw: tuning.Orthogonal, Seed: seed,
		Neurons: func(int, int) int { return 24 }})
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(1)
	t.Cleanup(pool.Close)
	return Config{Model: m, Heads: c.Heads(), Work: nn.NewWorkspace(pool), Identity: Identity{Model: m.Name(), Checkpoint: m.Name(), Input: IDNumbers}}
}

func begin(t testing.TB, cfg Config) *Stream {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkToken(b *testing.B) {
	s := begin(b, config(b, open(b, "bloom"), "algebraic", 1))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.lines = s.lines[:0]
		if err := s.token(i%61, true, 2, Output{Lines: discard{}}); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// TestATokenAllocatesNothing reads ids, runs them, writes lines and states.
func TestATokenAllocatesNothing(t *testing.T) {
	cfg := config(t, open(t, "bloom"), "algebraic", 1)
	cfg.Token = func(int) string { return "\u0120token" }
	cfg.Text = func(int) string { return " token\n" }
	s := begin(t, cfg)
	states, err := OpenStates[float32](filepath.Join(t.TempDir(), "states.npy"), cfg.Model.Width(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer states.Close()
	src := NewIDs(strings.NewReader(strings.Repeat("3 1 4 ", 1000)), "ids", 0)
	out := Output{Lines: discard{}, States: states, Live: func(Status) {}}
	step := func() {
		ids, bytes, err := s.next(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		s.lines = s.lines[:0]
		for _, id := range ids {
			if err := s.token(id, true, bytes, out); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 800 { // until the rows were written once
		step()
	}
	carried := s.session.Bytes()
	if n := testing.AllocsPerRun(500, step); n != 0 {
		t.Errorf("%v allocations for a token", n)
	}
	if n := s.session.Bytes(); n != carried {
		t.Errorf("%d bytes carried, then %d", carried, n)
	}
}

func TestLogProbabilitiesAreThoseOfTheLogits(t *testing.T) {
	m := open(t, "bloom")
	ids := []int{3, 1, 4, 1, 5, 9, 2, 6}
	var lines bytes.Buffer
	s := begin(t, config(t, m, "exact", 1))
	src := NewIDs(strings.NewReader(strings.Trim(fmt.Sprint(ids), "[]")), "ids", 0)
	if err := s.Run(t.Context(), src, Output{Lines: &lines}); err != nil {
		t.Fatal(err)
	}
	states, err := m.Forward(t.Context(), model.NewBatch(ids), model.Run{Work: s.cfg.Work})
	if err != nil {
		t.Fatal(err)
	}
	logits := m.Logits(states, s.cfg.Work.Pool())
	d := json.NewDecoder(&lines)
	var nats float64
	for i, id := range ids {
		var l struct {
			Position, ID   int
			LogProbability float64   `json:"log_probability"`
			LogCalcium     []float64 `json:"log_calcium"`
		}
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Position != i || l.ID != id || len(l.LogCalcium) != m.Layers() {
			t.Fatalf("line %d is %+v", i, l)
		}
		if i == 0 {
			continue
		}
		var sum float64
		row := logits.Row(i - 1)
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		want := float64(row[id]) - math.Log(sum)
		nats -= want
		// The logits of another division of the tokens differ by their rounding,
		// which is 1e-5 of some tens.
		if !(math.Abs(l.LogProbability-want) <= 1e-3) {
			t.Errorf("token %d: log probability %v, want %v", i, l.LogProbability, want)
		}
	}
	if !(math.Abs(s.at.Nats-nats) <= 1e-2) {
		t.Errorf("%v nats, want %v", s.at.Nats, nats)
	}
}

func TestIDsAreReadHoweverTheyAreWritten(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "[] at []",
		"7":                  "[7] at [1]",
		" 7\n":               "[7] at [3]",
		"[1, 2,3]\n[40]\r\n": "[1 2 3 40] at [3 6 8 13]",
		"1 -2":               "[1] at [2] ids: byte 12, '-'",
		"99999999999":        "[] at [] ids: byte 19, '9'",
		"1 a":                "[1] at [2] ids: byte 12, 'a'",
	} {
		src := NewIDs(iotest.OneByteReader(strings.NewReader(in)), "ids", 10)
		got, at, end := []int{}, []int{}, 0
		var err error
		for {
			var ids []int
			var n int
			if ids, n, err = src.Next(); err != nil {
				break
			}
			end += n
			got, at = append(got, ids...), append(at, end)
		}
		s := fmt.Sprint(got, " at ", at)
		if err != io.EOF {
			s += " " + err.Error()
		}
		if !strings.HasPrefix(s, want) || (err == io.EOF) != (s == want) {
			t.Errorf("%q is read as %s, want %s", in, s, want)
		}
	}
}

func TestStatesCanBeReadAtAnyTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "states.npy")
	rows := func(want ...float32) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a, err := npz.ReadNpy(bytes.NewReader(data), path, npz.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Float32()
		if err != nil || len(a.Shape) != 2 || a.Shape[1] != 2 || !slices.Equal(got, want) {
			t.Errorf("shape %v, values %v, want %v, %v", a.Shape, got, want, err)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenStates[float32](path, 2, 0)
	do(err)
	rows()
	do(s.Append([]float32{1, 2}))
	do(s.Sync())
	rows(1, 2)
	do(s.Append([]float32{3, 4}))
	rows(1, 2)
	do(s.Close())
	rows(1, 2, 3, 4)
	s, err = OpenStates[float32](path, 2, 1) // what was written after the memory is cut off
	do(err)
	rows(1, 2)
	do(s.Append([]float32{5, 6}))
	do(s.Close())
	rows(1, 2, 5, 6)
	for want, c := range map[string][2]int{"it has 2 rows, and the memory that is resumed belongs to 3": {2, 3}, "no float32 states of width 3": {3, 1}} {
		if _, err := OpenStates[float32](path, c[0], c[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("width %d, %d rows: %v", c[0], c[1], err)
		}
	}
	rows(1, 2, 5, 6)
	do(os.WriteFile(path, []byte("text"), 0o666))
	if _, err := OpenStates[float32](path, 2, 1); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("a text: %v", err)
	}
}

func TestStringsAreJSON(t *testing.T) {
	for _, want := range []string{"", "Ġa", "\"\\/", "\n\t\x00\x1f", "日\u2028🙂"} {
		var got string
		if err := json.Unmarshal(appendString(nil, want), &got); err != nil || got != want {
			t.Errorf("%q becomes %q, %v", want, got, err)
		}
	}
}

func TestAMemoryBelongsToWhatWroteIt(t *testing.T) {
	m := open(t, "bloom")
	path := filepath.Join(t.TempDir(), "memory")
	s := begin(t, config(t, m, "algebraic", 1))
	if err := s.Run(t.Context(), NewIDs(strings.NewReader("1 2 3"), "ids", 0), Output{Save: path}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *Config){
		"":              func(*Config) {},
		"another model": func(c *Config) { c.Identity.Checkpoint = "of others" },
		"computed in":   func(c *Config) { c.Identity.Arithmetic = "fast" },
		"its input was": func(c *Config) { c.Identity.Input = Text },
		"circuits":      func(c *Config) { c.Heads = config(t, m, "algebraic", 2).Heads },
		"no circuit":    func(c *Config) { c.Heads = nil },
	} {
		cfg := config(t, m, "algebraic", 1)
		change(&cfg)
		other := begin(t, cfg)
		err := other.Resume(path)
		if want == "" {
			if err != nil || other.Status().Tokens != 3 || other.Status().Offset != 5 {
				t.Errorf("after resuming: %+v, %v", other.Status(), err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || other.Status().Tokens != 0 {
			t.Errorf("%s: %v, %d tokens", want, err, other.Status().Tokens)
		}
	}
}

// measured is how many tokens or rows BenchmarkTokenAt and BenchmarkRowAt run from
// one place on.
const measured = 500

// BenchmarkTokenAt measures a token behind 1,000 and behind 1,000,000 others. That
// both take the same is what a memory of constant size means.
func BenchmarkTokenAt(b *testing.B) {
	s := begin(b, config(b, open(b, "bloom"), "algebraic", 1))
	step := func(i int) {
		s.lines = s.lines[:0]
		if err := s.token(i*i%61, true, 2, Output{Lines: discard{}}); err != nil {
			b.Fatal(err)
		}
	}
	for _, at := range []int{1_000, 1_000_000} {
		for i := s.at.Tokens; i < at; i++ {
			step(i)
		}
		from := filepath.Join(b.TempDir(), "memory")
		if err := s.Save(from); err != nil {
			b.Fatal(err)
		}
		b.Run(strconv.Itoa(at), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if err := s.Resume(from); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for i := range measured {
					step(i)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*measured), "ns/token")
			b.ReportMetric(float64(s.session.Bytes()), "carried-bytes")
		})
	}
}
