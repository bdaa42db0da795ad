package fit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tuning"
)

// Packing says how texts become sequences.
type Packing struct {
	// Longest is the most tokens that a sequence has.
	Longest int
	// Shortest is the fewest that a packed sequence has.
	Shortest int
	// Share of sequences that are packed: texts one after another, begun and ended
	// as one is, of a length drawn uniformly between Shortest and Longest. They
	// show long contexts, which most texts are too short for. The others are a
	// text each.
	Share float64
	// Vary is the share of the others that are not a text as it comes: half of them
	// are a stretch of a text, half the beginning of one and the end of another, of
	// which it is either. In a long fit to texts that come again and again, curves
	// learn what the errors of each text add up to, by heart, and other texts do not
	// gain.
	Vary float64
}

// shortestStretch is the fewest tokens of a stretch that is cut from a longer text:
// fewer are no text. What is crossed may be shorter, as few are.
const shortestStretch = 8

// Pack makes n sequences of texts, which must not be empty: every text in turn, by
// itself or varied, cut off where it is too long, and texts packed at random between
// them.
func Pack(ctx context.Context, net *network.Network, texts []string, n int, p Packing, seed uint64) ([][]int, error) {
	if net.Tokenizer == nil {
		return nil, fmt.Errorf("%s reads %v, not texts", net.Model.Name(), net.Model.Config().Input)
	}
	if len(texts) == 0 {
		return nil, errors.New("there are no texts to fit to; give some hundred passages of the kind that will be read")
	}
	pack := newPacker(net, texts, p.Longest)
	rng := tuning.NewRand(seed, streamTexts)
	order := rng.Perm(len(texts))
	out, next := make([][]int, n), 0
	for i := range out {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if rng.Float64() < p.Share {
			out[i] = pack.packed(p.Shortest+rng.IntN(p.Longest-p.Shortest+1), rng)
			continue
		}
		body := pack.body(order[next%len(order)])
		next++
		if p.Vary > 0 && rng.Float64() < p.Vary {
			body = pack.vary(body, rng)
		}
		out[i] = pack.wrap(body)
	}
	return out, nil
}

// packer knows what the tokenizer puts around a text.
type packer struct {
	net            *network.Network
	texts          []string
	bodies         [][]int // of texts that were asked for
	prefix, suffix []int
	longest        int
}

func newPacker(net *network.Network, texts []string, longest int) *packer {
	around, some := net.Tokenizer.Encode(""), net.Tokenizer.Encode(texts[0])
	n := 0
	for n < len(around) && n < len(some) && around[n] == some[n] {
		n++
	}
	return &packer{net: net, texts: texts, bodies: make([][]int, len(texts)), prefix: around[:n], suffix: around[n:], longest: longest}
}

// body returns the tokens of text i without those around it.
func (p *packer) body(i int) []int {
	if p.bodies[i] == nil {
		ids := p.net.Tokenizer.Encode(p.texts[i])
		p.bodies[i] = ids[len(p.prefix) : len(ids)-len(p.suffix)]
	}
	return p.bodies[i]
}

// room returns how many tokens a body may have.
func (p *packer) room() int { return p.longest - len(p.prefix) - len(p.suffix) }

// wrap puts around a body what the tokenizer does, cutting off what is too long.
func (p *packer) wrap(body []int) []int {
	body = body[:min(len(body), p.room())]
	return slices.Concat(p.prefix, body, p.suffix)
}

// vary returns a stretch of a body, or its beginning and the end of another one, or
// the other way round: of a text that is too long for a sequence, what there would be
// room for, lest the rest be cut off and the beginning stay as it is.
func (p *packer) vary(body []int, rng *rand.Rand) []int {
	room := p.room()
	most := min(len(body), room)
	if most <= shortestStretch {
		return body
	}
	if rng.IntN(2) == 0 {
		n := shortestStretch + rng.IntN(most-shortestStretch+1)
		at := rng.IntN(len(body) - n + 1)
		return body[at : at+n]
	}
	begin, end := body, p.body(rng.IntN(len(p.texts)))
	if rng.IntN(2) == 0 {
		begin, end = end, begin
	}
	begin, end = begin[:min(room, len(begin))], end[max(0, len(end)-room):]
	crossed := slices.Concat(begin[:rng.IntN(len(begin)+1)], end[rng.IntN(len(end)+1):])
	if len(crossed) == 0 {
		return body
	}
	return crossed
}

// packed returns n tokens of texts drawn at random.
func (p *packer) packed(n int, rng *rand.Rand) []int {
	n -= len(p.prefix) + len(p.suffix)
	var body []int
	for empty := 0; len(body) < n && empty < 1000; {
		more := p.body(rng.IntN(len(p.texts)))
		if len(more) == 0 {
			empty++
		}
		body = append(body, more...)
	}
	return slices.Concat(p.prefix, body[:min(n, len(body))], p.suffix)
}
