package attention

import "github.com/tripartite-go/tripartite/tensor"

// tiles are the keys and values that queries meet, in tiles of a width: first
// those that are packed, then the rows of k and v.
type tiles struct {
	packed []packedTile
	k, v   tensor.Matrix
	width  int
}

// packedTile is a tile of keys and values as products read them.
type packedTile struct{ k, v tensor.Weight }

// tokens returns how many keys there are.
func (t *tiles) tokens() int { return len(t.packed)*t.width + t.k.Rows }

// at returns the tile that begins with key k0, packed in the arena if it is not
// yet.
func (t *tiles) at(k0 int, work *tensor.Arena) packedTile {
	if i := k0 / t.width; i < len(t.packed) {
		return t.packed[i]
	}
	lo := k0 - len(t.packed)*t.width
	hi := min(lo+t.width, t.k.Rows)
	return packedTile{tensor.Pack(t.k.SliceRows(lo, hi), work), tensor.PackTransposed(t.v.SliceRows(lo, hi), work)}
}

// softmaxState holds the keys and values so far: tiles that are full, which stay as
// they are packed, and the rows of the last one. So a token packs one tile at most,
// however many came before.
type softmaxState struct {
	packed []packedTile
	k, v   tensor.Matrix // [width, d], [width, dv] of which the first rows are the last tile's
	rest   int           // how many of them
	tokens int
}

func (s *softmaxState) Tokens() int { return s.tokens }
func (s *softmaxState) Bytes() int  { return 4 * s.tokens * (s.k.Cols + s.v.Cols) }
func (s *softmaxState) Reset()      { s.packed, s.rest, s.tokens = nil, 0, 0 }

// append takes in keys and values and returns all so far.
func (s *softmaxState) append(next tiles, work *tensor.Arena) tiles {
	if s.k.Rows == 0 {
		s.k, s.v = tensor.New(next.width, next.k.Cols), tensor.New(next.width, next.v.Cols)
	}
	for lo := 0; lo < next.k.Rows; {
		n := min(next.width-s.rest, next.k.Rows-lo)
		s.k.SliceRows(s.rest, s.rest+n).CopyFrom(next.k.SliceRows(lo, lo+n))
		s.v.SliceRows(s.rest, s.rest+n).CopyFrom(next.v.SliceRows(lo, lo+n))
		lo, s.rest = lo+n, s.rest+n
		if s.rest == next.width {
			var own tensor.Arena // memory that stays
			if work != nil {
				own.Precision = work.Precision
			}
			s.packed = append(s.packed, packedTile{tensor.Pack(s.k, &own), tensor.PackTransposed(s.v, &own)})
			s.rest = 0
		}
	}
	s.tokens += next.k.Rows
	return tiles{packed: s.packed, k: s.k.SliceRows(0, s.rest), v: s.v.SliceRows(0, s.rest), width: next.width}
}
