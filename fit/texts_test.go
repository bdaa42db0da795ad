package fit

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// numbered returns a packer of bodies of so many tokens, of which no two are the
// same: token t of text i is 1000i + t.
func numbered(longest int, around []int, lengths ...int) *packer {
	p := &packer{texts: make([]string, len(lengths)), prefix: around, suffix: around, longest: longest}
	for i, n := range lengths {
		body := make([]int, n)
		for t := range body {
			body[t] = 1000*i + t
		}
		p.bodies = append(p.bodies, body)
	}
	return p
}

// A body that is varied is a stretch of it, from anywhere, of eight tokens or more
// and no more than fit, or begins as one text that fits and ends as another, of which
// it is either. One that is short stays as it is.
func TestVary(t *testing.T) {
	const draws = 4000
	for _, c := range []struct {
		name    string
		longest int
		around  []int
		lengths []int
	}{
		{"texts that fit", 128, []int{-1}, []int{40, 60, 5}},
		{"texts too long, nothing around them", 30, nil, []int{400, 90, 20}},
		{"texts without tokens", 64, nil, []int{40, 0, 0}},
		{"room for less than a stretch", 8, []int{-1}, []int{40, 60}},
	} {
		p, rng := numbered(c.longest, c.around, c.lengths...), rand.New(rand.NewPCG(1, 2))
		room := c.longest - 2*len(c.around)
		for i, n := range c.lengths {
			if min(n, room) <= shortestStretch {
				for range draws {
					if got := p.vary(p.body(i), rng); !slices.Equal(got, p.body(i)) {
						t.Fatalf("%s: text %d, which is to stay, became %v", c.name, i, got)
					}
				}
				continue
			}
			var whole, stretches, begins, ends int
			places := map[int]bool{}
			for range draws {
				got := p.vary(p.body(i), rng)
				if len(got) == 0 {
					t.Fatalf("%s: nothing is left of text %d", c.name, i)
				}
				if n > room && slices.Equal(got, p.body(i)) {
					whole++ // nothing was taken of either
					continue
				}
				cut := 1
				for cut < len(got) && got[cut] == got[cut-1]+1 {
					cut++
				}
				first, rest := got[:cut], got[cut:]
				for _, x := range [][]int{first, rest} {
					if len(x) > room {
						t.Fatalf("%s: %d tokens of one text, and %d fit", c.name, len(x), room)
					}
				}
				last := func(x []int) bool { return x[len(x)-1]%1000 == c.lengths[x[0]/1000]-1 }
				switch {
				case len(rest) == 0 && len(first) >= shortestStretch && first[0]/1000 == i:
					stretches++
					places[first[0]] = true
				case len(rest) == 0:
					if first[0]%1000 != 0 && !last(first) {
						t.Fatalf("%s: %v is no beginning and no end", c.name, got)
					}
				case first[0]%1000 != 0 || !last(rest) || rest[len(rest)-1]-rest[0] != len(rest)-1:
					t.Fatalf("%s: %v is not the beginning of one and the end of another", c.name, got)
				case first[0]/1000 == i:
					begins++
				default:
					if rest[0]/1000 != i {
						t.Fatalf("%s: %v has nothing of text %d", c.name, got, i)
					}
					ends++
				}
			}
			// Half are stretches, at any of n - 7 places; of the others, some cross a text
			// with itself, with none, or take nothing of one of both.
			if whole > draws/50 || stretches < draws*4/10 || len(places) < (n-shortestStretch)*8/10 {
				t.Errorf("%s, text %d: %d stretches at %d places, %d times as it is", c.name, i, stretches, len(places), whole)
			}
			if c.lengths[1] > 0 && (begins < draws/10 || ends < draws/10) {
				t.Errorf("%s, text %d: %d times the beginning, %d the end", c.name, i, begins, ends)
			}
		}
	}
}
