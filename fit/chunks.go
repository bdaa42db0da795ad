package fit

import (
	"context"
)

// Of the corpus, heads see some chunks at a time, and after so many steps another
// one in place of the oldest. What they see is bounded, and changes often enough
// that no head learns it by heart: each sequence is drawn four times on average.
const (
	poolChunks   = 6
	chunkTokens  = 10000
	poolBytes    = 1200 << 20
	chunkSteps   = 80
	surveyTokens = 4000 // that costs are measured on
	heldTokens   = 4000 // that heads are judged by
)

// chunkOf returns the sequences of a chunk. Chunks follow one another through the
// corpus, again and again.
func (r *run) chunkOf(chunk int) []int {
	n, size := r.corpus.Len(), r.chunkSize()
	chosen := make([]int, size)
	for i := range chosen {
		chosen[i] = r.chunks.at(chunk*size+i, n, shuffler(r.cfg.Seed, streamHead))
	}
	return chosen
}

// chunkSize returns the number of sequences of a chunk.
func (r *run) chunkSize() int {
	tokens := min(chunkTokens, poolBytes/poolChunks/(r.model.Layers()*r.model.Width()*8))
	n := r.corpus.Len()
	return max(1, min((n+poolChunks-1)/poolChunks, tokens*n/r.corpus.Tokens()))
}

// show shows heads the chunks that they see at a step.
func (r *run) show(ctx context.Context, step int) error {
	last := poolChunks - 1
	if r.chunkSize()*poolChunks < r.corpus.Len() {
		last += step / chunkSteps
	}
	first := last - poolChunks + 1
	if len(r.all[0].pool) > 0 && r.shown <= last && r.shown >= first {
		first = r.shown + 1
	} else {
		r.hide()
	}
	for c := first; c <= last; c++ {
		seen, err := capture(ctx, r.model, r.corpus.pick(r.chunkOf(c)), r.heads, r.work)
		if err != nil {
			return err
		}
		for _, h := range r.all {
			h.pool = append(h.pool, seen[h.layer][h.index])
			if len(h.pool) > poolChunks {
				h.pool = append(h.pool[:0], h.pool[1:]...)
			}
		}
		r.shown = c
	}
	return nil
}

// hide takes from heads what they see.
func (r *run) hide() {
	for _, h := range r.all {
		h.pool = nil
	}
}
