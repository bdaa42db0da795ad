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
		seen := tiles{k: k.SliceRows(lo, hi), v: v.SliceRows(lo, hi), width: s.tileWidth()}
		if past != nil {
			seen = past.append(seen, work)
		}
		var lc []float32
		if logC != nil {
			lc = logC[lo:hi]
		}
		s.sequence(dst.SliceRows(lo, hi), lc, q.SliceRows(lo, hi), seen, work)
		trace.unfactored(lo, hi)
	}
}

// tileWidth is how many keys a tile has.
func (s Softmax) tileWidth() int {
	if s.Causal {
		return causalKeyTile
	}
	return keyTile
}

// What it costs to pack a number of a key or value, and to read one that is packed,
// in multiply-adds.
const (
	packCost = 50
	readCost = 4
)

// Work returns about how many multiply-adds it is to attend from queries to as many
// keys and those of the past that a state holds, of widths d and dv together.
func (s Softmax) Work(queries, past, width int) int {
	packed := past%s.tileWidth() + queries // the rest was packed before
	return ((queries+readCost)*(past+queries) + packCost*packed) * width
}

// sequence attends from queries q, the last of as many tokens as there are keys.
// Tiles of keys pass by outside, blocks of queries inside: dst holds what each query
// has gathered so far, relative to its largest logit so far.
func (s Softmax) sequence(dst tensor.Matrix, logC []float32, q tensor.Matrix, seen tiles, work *tensor.Arena) {
	defer work.Release(work.Mark())
	n := seen.tokens()
	first := n - q.Rows // position of the first query
	top, sum := work.Floats(q.Rows), work.Floats(q.Rows)
	for t := range top {
		top[t], sum[t] = float32(math.Inf(-1)), 0
	}
	for k0 := 0; k0 < n; k0 += seen.width {
		level := work.Mark()
		keys := seen.at(k0, work)
		q0 := 0
		if s.Causal {
			q0 = max(0, k0-first) / queryTile * queryTile // no earlier query sees these keys
		}
		for ; q0 < q.Rows; q0 += queryTile {
			q1 := min(q0+queryTile, q.Rows)
			t := tile{dst: dst.SliceRows(q0, q1), top: top[q0:q1], sum: sum[q0:q1], ahead: first + q0 - k0, first: k0 == 0}
			s.tile(t, q.SliceRows(q0, q1), keys.k, keys.v, work)
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
