package attention

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// Softmax is exact attention:
//
//	y_t = sum_tau v_tau exp(q_t.k_tau) / Z_t,  Z_t = sum_tau exp(q_t.k_tau)
//
// over all tokens tau, or causal, over tau <= t. It is computed in tiles of
// queries and keys with one running maximum per query, so that the N×N matrix is
// never stored (the online softmax of Milakov & Gimelshein, arXiv:1805.02867).
//
// A logit carries the rounding of its product, about 1e-7 |q||k|; the same is
// the relative error of a weight. Nothing overflows while logits do not.
type Softmax struct {
	// Causal keeps a query from the keys of later tokens.
	Causal bool
	// Slope is the slope of ALiBi: slope·(t - tau) is subtracted from the logit
	// (Press, Smith & Lewis, arXiv:2108.12409). It needs Causal.
	Slope float32
}

const (
	queryTile     = 32
	keyTile       = 256
	causalKeyTile = 64 // smaller, since half of the tiles on the diagonal is in vain
)

// softmaxState holds the keys and values so far.
type softmaxState struct {
	k, v   tensor.Matrix // rows beyond tokens are room to grow
	tokens int
}

func (s *softmaxState) Tokens() int { return s.tokens }
func (s *softmaxState) Bytes() int  { return 4 * s.tokens * (s.k.Cols + s.v.Cols) }
func (s *softmaxState) Reset()      { s.tokens = 0 }

// append takes in the rows of k and v and returns all keys and values so far.
func (s *softmaxState) append(k, v tensor.Matrix) (tensor.Matrix, tensor.Matrix) {
	n := s.tokens + k.Rows
	if n > s.k.Rows {
		room := max(64, 2*s.k.Rows, n)
		gk, gv := tensor.New(room, k.Cols), tensor.New(room, v.Cols)
		if s.tokens > 0 {
			gk.SliceRows(0, s.tokens).CopyFrom(s.k.SliceRows(0, s.tokens))
			gv.SliceRows(0, s.tokens).CopyFrom(s.v.SliceRows(0, s.tokens))
		}
		s.k, s.v = gk, gv
	}
	s.k.SliceRows(s.tokens, n).CopyFrom(k)
	s.v.SliceRows(s.tokens, n).CopyFrom(v)
	s.tokens = n
	return s.k.SliceRows(0, n), s.v.SliceRows(0, n)
}

// NewState returns the state of a sequence that has not begun.
func (s Softmax) NewState() State { return new(softmaxState) }

// Forward implements Head.
func (s Softmax) Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace, work *tensor.Arena) {
	check("softmax", dst, logC, q, k, v, seqs, state, trace)
	if s.Slope != 0 && !s.Causal {
		panic("attention: softmax: a slope counts the distance to earlier tokens and needs a causal head")
	}
	past := own[softmaxState]("softmax", state)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		if lo == hi {
			continue
		}
		ks, vs := k.SliceRows(lo, hi), v.SliceRows(lo, hi)
		if past != nil {
			ks, vs = past.append(ks, vs)
		}
		var lc []float32
		if logC != nil {
			lc = logC[lo:hi]
		}
		s.sequence(dst.SliceRows(lo, hi), lc, q.SliceRows(lo, hi), ks, vs, work)
		trace.unfactored(lo, hi)
	}
}

// packing is what it costs to pack a number of a key or value, in multiply-adds.
const packing = 50

// Work returns about how many multiply-adds it is to attend from queries to keys,
// of widths d and dv together.
func (s Softmax) Work(queries, keys, width int) int { return (queries + packing) * keys * width }

// sequence attends from queries q, which are the last of as many tokens as there
// are keys. Tiles of keys pass by outside, blocks of queries inside: dst holds
// what each query has gathered so far, relative to its largest logit so far.
func (s Softmax) sequence(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, work *tensor.Arena) {
	defer work.Release(work.Mark())
	first := k.Rows - q.Rows // position of the first query
	top, sum := work.Floats(q.Rows), work.Floats(q.Rows)
	for t := range top {
		top[t], sum[t] = float32(math.Inf(-1)), 0
	}
	width := keyTile
	if s.Causal {
		width = causalKeyTile
	}
	for k0 := 0; k0 < k.Rows; k0 += width {
		k1 := min(k0+width, k.Rows)
		level := work.Mark()
		keys := tensor.Pack(k.SliceRows(k0, k1), work)
		values := tensor.PackTransposed(v.SliceRows(k0, k1), work)
		q0 := 0
		if s.Causal {
			q0 = max(0, k0-first) / queryTile * queryTile // no earlier query sees these keys
		}
		for ; q0 < q.Rows; q0 += queryTile {
			q1 := min(q0+queryTile, q.Rows)
			t := tile{dst: dst.SliceRows(q0, q1), top: top[q0:q1], sum: sum[q0:q1], ahead: first + q0 - k0, first: k0 == 0}
			s.tile(t, q.SliceRows(q0, q1), keys, values, work)
		}
		work.Release(level)
	}
	for t := range q.Rows {
		row := dst.Row(t)
		tensor.Scale(row, 1/sum[t], row)
	}
	if logC != nil {
		tensor.Log(logC, sum)
		tensor.Add(logC, logC, top)
	}
}

// tile is a block of queries that meets a tile of keys, and what the queries have
// gathered so far.
type tile struct {
	dst      tensor.Matrix // [n, dv] relative to top
	top, sum []float32     // [n]
	ahead    int           // of the first key, in positions, stands the first query
	first    bool          // of the tiles: dst holds nothing yet
}

func (s Softmax) tile(t tile, q tensor.Matrix, keys, values tensor.Weight, work *tensor.Arena) {
	defer work.Release(work.Mark())
	scores, factor := work.Matrix(q.Rows, keys.Out), work.Floats(q.Rows)
	tensor.Product(scores, q, keys)
	seen := keys.Out
	if s.Causal {
		seen = t.ahead + 1
	}
	if s.Slope != 0 {
		for i := range q.Rows {
			row := scores.Row(i)
			for u := range row {
				row[u] -= s.Slope * float32(t.ahead+i-u)
			}
		}
	}
	tensor.SoftmaxTile(scores, seen, t.top, t.sum, factor)
	if t.first { // which every query sees
		tensor.Product(t.dst, scores, values)
		return
	}
	for i, f := range factor {
		if f != 1 {
			tensor.Scale(t.dst.Row(i), f, t.dst.Row(i))
		}
	}
	tensor.AddProduct(t.dst, scores, values)
}
