package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tensor"
)

// Config says what to measure and for how long.
type Config struct {
	// Kinds of work, of those that Kinds returns. Nil is all.
	Kinds []string
	// Threads to measure on, rising; nil is 1 and as many as the process may use.
	Threads []int
	// Precision of products. With Fast, where there are fast products, all but
	// training is measured in both precisions.
	Precision tensor.Precision
	// Time is about how long to measure. Work of which one repetition takes more
	// than a twentieth of it is skipped. 20 s leave out the longest sequences.
	Time time.Duration
	// Seed of weights and activations.
	Seed uint64
	// Program and Features go into the result as they are.
	Program  string
	Features []string
	// Progress, unless nil, is told how far the whole is, from 0 to 1.
	Progress func(stage string, done float64)
}

// Bounds of the repetitions of one piece of work: the least are done whatever
// they take, those beyond only within its share of the time.
const (
	leastRepetitions = 3
	mostRepetitions  = 25
)

const (
	shortest = 2 * time.Millisecond // a repetition; shorter work is run several times
	gauging  = time.Millisecond     // of the peak before each repetition
	// What work is expected to reach of the peak, to tell beforehand how long it
	// takes.
	expectedShare = 0.5
	longestShare  = 1. / 20
)

// Run measures. It stops between two pieces of work, and between the layers of
// an encoder, when the context is done.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Kinds == nil {
		cfg.Kinds = Kinds()
	}
	for _, k := range cfg.Kinds {
		if !slices.Contains(Kinds(), k) {
			return nil, fmt.Errorf("bench: there is no work %q; known are %q", k, Kinds())
		}
	}
	if cfg.Threads == nil {
		cfg.Threads = []int{1, runtime.GOMAXPROCS(0)}
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string, float64) {}
	}
	var pools []*tensor.Pool
	for _, n := range slices.Compact(slices.Clone(cfg.Threads)) {
		if n < 1 {
			return nil, fmt.Errorf("bench: %d threads, want at least 1", n)
		}
		p := tensor.NewPool(n)
		defer p.Close()
		pools = append(pools, p)
	}
	r := &Result{
		Schema: Schema, Program: cfg.Program, Features: cfg.Features, Seed: cfg.Seed,
		Kernel: tensor.Kernel(), Arithmetic: cfg.Precision.Arithmetic(), OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0),
		Measurements: []Measurement{}, Skipped: []Skipped{},
	}
	all, err := jobs(cfg, pools)
	if err != nil {
		return nil, err
	}
	m := meter{cfg: cfg, peaks: map[int][]float64{}, start: time.Now()}
	all = m.choose(all, pools, r)
	if err := m.warm(ctx, all); err != nil {
		return nil, err
	}
	if err := m.rounds(ctx, all); err != nil {
		return nil, err
	}
	for _, p := range pools {
		rates := m.peaks[p.Threads()]
		r.Peaks = append(r.Peaks, Peak{p.Threads(), stats.Median(rates) / 1e9, slices.Max(rates) / 1e9})
	}
	for _, j := range all {
		r.Measurements = append(r.Measurements, j.result())
	}
	return r, nil
}

// meter measures jobs in turns.
type meter struct {
	cfg   Config
	peaks map[int][]float64 // [threads] operations a second, one per repetition
	start time.Time
}

// gauge measures the peak of as many threads as the pool has.
func (m *meter) gauge(pool *tensor.Pool) float64 {
	p := pool.Peak(gauging)
	m.peaks[pool.Threads()] = append(m.peaks[pool.Threads()], p)
	return p
}

// choose leaves out the work that would take too long, and says so in the result.
func (m *meter) choose(all []*job, pools []*tensor.Pool, r *Result) (chosen []*job) {
	peak := map[int]float64{}
	for _, p := range pools {
		peak[p.Threads()] = max(m.gauge(p), m.gauge(p), m.gauge(p))
	}
	for _, j := range all {
		expected := j.operations / (expectedShare * peak[j.Threads])
		if expected > longestShare*m.cfg.Time.Seconds() {
			r.Skipped = append(r.Skipped, Skipped{j.Work, 1e3 * expected})
			continue
		}
		chosen = append(chosen, j)
	}
	return chosen
}

// warm prepares all work and runs it once, so that buffers have their size and
// it is known how often short work is to be run in one repetition.
func (m *meter) warm(ctx context.Context, all []*job) error {
	for i, j := range all {
		m.cfg.Progress("preparing", 0.2*float64(i)/float64(len(all)))
		var err error
		if j.run, j.memory, err = j.prepare(); err != nil {
			return err
		}
		var took time.Duration
		for range 2 { // the first fills caches and grows buffers
			start := time.Now()
			if err := j.run(ctx); err != nil {
				return err
			}
			if took = time.Since(start); took > shortest {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		j.repeat = int(shortest/max(took, time.Microsecond)) + 1
	}
	return nil
}

// rounds repeats the work in turns, until every piece has had its share of the
// time that is left.
func (m *meter) rounds(ctx context.Context, all []*job) error {
	left := m.cfg.Time - time.Since(m.start)
	begun := time.Now()
	share := left.Seconds() / float64(max(1, len(all)))
	for round := 0; ; round++ {
		over := true
		for i, j := range all {
			if len(j.seconds) < round { // it has left
				continue
			}
			used := float64(j.repeat) * sum(j.seconds)
			if round >= leastRepetitions && (used >= share || round >= mostRepetitions || time.Since(begun) > left) {
				continue
			}
			over = false
			if err := m.measure(ctx, j); err != nil {
				return err
			}
			done := min(1, max(time.Since(begun).Seconds()/max(1e-9, left.Seconds()), 0))
			m.cfg.Progress(fmt.Sprintf("round %d, %s %s (%d of %d)", round+1, j.Kind, j.Shape, i+1, len(all)), 0.2+0.8*done)
		}
		if over {
			return nil
		}
	}
}

// measure does one repetition, right after the peak.
func (m *meter) measure(ctx context.Context, j *job) error {
	peak := m.gauge(j.pool)
	start := time.Now()
	for range j.repeat {
		if err := j.run(ctx); err != nil {
			return err
		}
	}
	seconds := time.Since(start).Seconds() / float64(j.repeat)
	if err := ctx.Err(); err != nil {
		return err
	}
	j.seconds = append(j.seconds, seconds)
	j.shares = append(j.shares, j.operations/seconds/peak)
	return nil
}

// result sums up the repetitions.
func (j *job) result() Measurement {
	median := stats.Median(j.seconds)
	m := Measurement{
		Work: j.Work, Repetitions: len(j.seconds), Minimum: 1e3 * slices.Min(j.seconds), Median: 1e3 * median,
		Operations: j.operations, OfPeak: stats.Median(j.shares), Memory: j.memory,
		Error: j.err,
	}
	if j.tokens > 0 {
		m.TokensPerSecond = float64(j.tokens) / median
	}
	if j.exact != nil && len(j.exact.seconds) > 0 {
		n := min(len(j.seconds), len(j.exact.seconds))
		ratios := make([]float64, n)
		for i := range ratios {
			ratios[i] = j.exact.seconds[i] / j.seconds[i]
		}
		if x := stats.Median(ratios); !math.IsNaN(x) {
			m.TimesExact = x
		}
	}
	return m
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
