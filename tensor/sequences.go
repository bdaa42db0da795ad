package tensor

import "fmt"

// Sequences divides the rows of a matrix into the sequences of a ragged batch:
// sequence i is rows Offsets[i] to Offsets[i+1]. Offsets need not begin at 0, so
// that part of a batch is a slice of them (see Slice); rows that no sequence
// covers are left alone. The zero value holds no sequence.
type Sequences struct {
	Offsets []int
}

// NewSequences returns the division into sequences of the given lengths, which
// follow one another from row 0.
func NewSequences(lengths ...int) Sequences {
	offsets := make([]int, len(lengths)+1)
	for i, n := range lengths {
		if n < 0 {
			panic(fmt.Sprintf("tensor: sequence %d has length %d", i, n))
		}
		offsets[i+1] = offsets[i] + n
	}
	return Sequences{Offsets: offsets}
}

// Len returns the number of sequences.
func (s Sequences) Len() int { return max(0, len(s.Offsets)-1) }

// Bounds returns the first row of sequence i and the row after its last.
func (s Sequences) Bounds(i int) (lo, hi int) { return s.Offsets[i], s.Offsets[i+1] }

// Tokens returns the number of rows of all sequences.
func (s Sequences) Tokens() int {
	if len(s.Offsets) == 0 {
		return 0
	}
	return s.Offsets[len(s.Offsets)-1] - s.Offsets[0]
}

// Longest returns the length of the longest sequence.
func (s Sequences) Longest() int {
	longest := 0
	for i := range s.Len() {
		lo, hi := s.Bounds(i)
		longest = max(longest, hi-lo)
	}
	return longest
}

// Slice returns sequences lo to hi, hi excluded, of the same rows.
func (s Sequences) Slice(lo, hi int) Sequences {
	if lo < 0 || hi < lo || hi > s.Len() {
		panic(fmt.Sprintf("tensor: sequences %d:%d of %d", lo, hi, s.Len()))
	}
	if lo == hi {
		return Sequences{}
	}
	return Sequences{Offsets: s.Offsets[lo : hi+1]}
}

// Check panics unless the offsets rise and lie within rows.
func (s Sequences) Check(rows int) {
	for i := range s.Len() {
		lo, hi := s.Bounds(i)
		if lo < 0 || hi < lo || hi > rows {
			panic(fmt.Sprintf("tensor: sequence %d is rows %d:%d of a matrix with %d rows", i, lo, hi, rows))
		}
	}
}
