package stream

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/atomicfile"
)

// Rows is where the rows of a head come from: of an array, or frames of a sound.
type Rows interface {
	// Next writes the next row, finite numbers. The end of the input is io.EOF.
	Next(row []float64) error
}

// HeadConfig says which head runs.
type HeadConfig[F tripartite.Float] struct {
	Circuit   tripartite.Config[F]
	Afferents tripartite.Afferents[F]
	Input     Input
	Every     int  // rows for one line and one row of states; 0 counts as 1
	ShowY     bool // lines hold the outputs
}

// Input says what rows a head is given.
type Input struct {
	Kind  string `json:"kind"`  // Array or Sound
	Type  string `json:"type"`  // of an array's numbers, as NumPy has it
	Width int    `json:"width"` // D
}

// Kinds of input.
const (
	Array = "array"
	Sound = "sound"
)

func (in Input) String() string {
	if in.Kind == Sound {
		return fmt.Sprintf("frames of a sound, %d mel bins", in.Width)
	}
	return fmt.Sprintf("rows of an array, %s of width %d", in.Type, in.Width)
}

// HeadOutput says where results go. All of it may be left out; see [Output].
type HeadOutput[F tripartite.Float] struct {
	Lines     io.Writer
	States    *States[F] // receives y of every row that has a line
	Save      string
	SaveEvery int
	Live      func(Status)
}

// Head is one causal head on rows that do not end: a row is written into the
// circuit's memory, then read, then the next. It is not safe for concurrent use.
type Head[F tripartite.Float] struct {
	cfg     HeadConfig[F]
	circuit *tripartite.Circuit[F]
	at      headProgress
	saved   int

	row       []float64 // [D]
	x, q, k   []F       // [D], [d], [d]
	v, y      []F       // [dv]
	calcium   tripartite.Calcium
	logMean   float64 // of the kernels of the last query with all keys so far
	norms     norms
	lines     []byte
	afferents string // SHA-256
}

// NewHead begins a stream.
func NewHead[F tripartite.Float](cfg HeadConfig[F]) (*Head[F], error) {
	cfg.Every = max(cfg.Every, 1)
	circuit, err := tripartite.New(cfg.Circuit)
	if err != nil {
		return nil, err
	}
	d, dv := cfg.Circuit.Tuning.Inputs(), cfg.Circuit.Outputs
	h := &Head[F]{
		cfg: cfg, circuit: circuit, row: make([]float64, cfg.Input.Width), x: make([]F, cfg.Input.Width),
		q: make([]F, d), k: make([]F, d), v: make([]F, dv), y: make([]F, dv),
		norms: norms{q: make([]float64, d), k: make([]float64, d)},
	}
	h.afferents = afferentsHash(&cfg.Afferents)
	return h, nil
}

// Status returns how far the stream is; Offset counts rows.
func (h *Head[F]) Status() Status {
	m := h.circuit.Memory()
	return Status{Tokens: m.Tokens(), Offset: int64(h.at.Read), Bytes: int(m.Bytes()), LogCalcium: h.calcium.LogValue()}
}

// Rows returns how many rows of states belong to the rows so far.
func (h *Head[F]) Rows() int { return h.at.Rows }

// MeanSquaredNorm returns the mean of |q+k|² over all pairs of a query and a key
// that this stream has taken in, with which the error of random tuning curves
// grows exponentially.
func (h *Head[F]) MeanSquaredNorm() float64 { return h.norms.mean() }

// Run takes in all that comes, as [Stream.Run] does.
func (h *Head[F]) Run(ctx context.Context, rows Rows, out HeadOutput[F]) error {
	h.saved = h.circuit.Memory().Tokens()
	if out.Save != "" {
		atomicfile.RemoveLeftovers(out.Save)
	}
	for {
		err := ctx.Err()
		if err == nil {
			err = h.next(rows)
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return beside(err, h.complete(out))
		}
		if err := h.take(out); err != nil {
			return err
		}
		if out.SaveEvery > 0 && h.circuit.Memory().Tokens()-h.saved >= out.SaveEvery {
			if err := h.complete(out); err != nil {
				return err
			}
		}
	}
}

// next reads a row.
func (h *Head[F]) next(rows Rows) error {
	if err := rows.Next(h.row); err != nil {
		return err
	}
	for i, v := range h.row {
		h.x[i] = F(v)
		if math.IsInf(float64(h.x[i]), 0) {
			return fmt.Errorf("row %d, column %d of the input is %g, too large for %T; scale it, or compute in float64", h.at.Read, i, v, h.x[i])
		}
	}
	return nil
}

// take writes the row, reads it, and says so.
func (h *Head[F]) take(out HeadOutput[F]) error {
	a := &h.cfg.Afferents
	a.Drive(h.k, tripartite.Writing, h.x)
	a.Drive(h.q, tripartite.Reading, h.x)
	a.Value(h.v, h.x)
	h.circuit.Write(h.k, h.v)
	h.calcium = h.circuit.Read(h.y, h.q)
	h.at.Read++
	tokens := h.circuit.Memory().Tokens()
	h.logMean = h.calcium.LogValue() + h.cfg.Circuit.Tuning.LogFactor(h.q) - math.Log(written(tokens, h.cfg.Circuit.Forget))
	addNorms(&h.norms, h.q, h.k)
	if tokens%h.cfg.Every == 0 {
		if out.Lines != nil {
			h.lines = h.line(h.lines[:0])
			if _, err := out.Lines.Write(h.lines); err != nil {
				return err
			}
		}
		if out.States != nil {
			if err := out.States.Append(h.y); err != nil {
				return err
			}
		}
		h.at.Rows++
	}
	if out.Live != nil {
		out.Live(h.Status())
	}
	return nil
}

// written is how many rows a memory holds, each weighed by what is left of it:
// the sum of (1 - lambda)^i.
func written(rows int, forget float64) float64 {
	if forget == 0 {
		return float64(rows)
	}
	return -math.Expm1(float64(rows)*math.Log1p(-forget)) / forget
}

// line appends what there is to say about the last row as one line of JSON:
//
//	{"position":6,"log_calcium":4.1,"log_mean_kernel":2.2,"y":[0.1,0.7]}
//
// What is not finite is null. Nothing is allocated.
func (h *Head[F]) line(dst []byte) []byte {
	dst = append(dst, `{"position":`...)
	dst = strconv.AppendInt(dst, int64(h.circuit.Memory().Tokens()-1), 10)
	dst = append(dst, `,"log_calcium":`...)
	dst = appendNumber(dst, h.calcium.LogValue())
	dst = append(dst, `,"log_mean_kernel":`...)
	dst = appendNumber(dst, h.logMean)
	if h.cfg.ShowY {
		dst = append(dst, `,"y":[`...)
		for i, y := range h.y {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendNumber(dst, float64(y))
		}
		dst = append(dst, ']')
	}
	return append(dst, "}\n"...)
}

// complete writes what there is, the memory last.
func (h *Head[F]) complete(out HeadOutput[F]) error {
	if out.States != nil {
		if err := out.States.Sync(); err != nil {
			return err
		}
	}
	if out.Save == "" {
		return nil
	}
	if err := h.Save(out.Save); err != nil {
		return err
	}
	h.saved = h.circuit.Memory().Tokens()
	return nil
}

// norms are running sums from which the mean of |q+k|² over all pairs follows.
type norms struct {
	n       float64
	squares float64   // of |q|² + |k|²
	q, k    []float64 // [d]
}

func addNorms[F tripartite.Float](n *norms, q, k []F) {
	n.n++
	for i := range q {
		a, b := float64(q[i]), float64(k[i])
		n.squares += a*a + b*b
		n.q[i] += a
		n.k[i] += b
	}
}

func (n *norms) mean() float64 {
	m := n.squares / n.n
	for i := range n.q {
		m += 2 * n.q[i] / n.n * n.k[i] / n.n
	}
	return m
}
