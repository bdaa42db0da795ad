package figure

import (
	"fmt"
	"image"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/pieces"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/transfer"
)

// mostInputs is how many inputs are drawn.
const mostInputs = 6

// Attention draws what the tokens that the answer is read from attend to in the
// last layer, in the exact network and in the circuit network, each as it runs:
// laid over pictures and spectrograms, or behind the words of texts. It is the
// mean over heads, and both networks share one scale for each input. Patches that
// overlap give a place their mean. Attention without a value is hatched in grey.
func Attention(a transfer.Attended) *Figure {
	inputs := shownInputs(a)
	switch {
	case len(inputs) == 0:
		return noAttention()
	case inputs[0].Patches == nil:
		return textAttention(a.Layer, inputs)
	}
	return pictureAttention(a.Layer, inputs)
}

func noAttention() *Figure {
	return &Figure{width: oneColumn, height: 20 * mm, description: "No attention was kept.",
		draw: func(p *pen, area vg.Rectangle) {
			p.writeMiddle("no attention was kept", labelSize, area.Min.Add(area.Max).Scale(0.5), centred, muted)
		}}
}

// shown is one input, ready to be drawn.
type shown struct {
	transfer.AttendedInput
	exact, circuit []float64 // of all tokens, means over heads
	scale          shades    // of both
}

// shownInputs returns the first inputs that are of the kind of the first one.
func shownInputs(a transfer.Attended) []shown {
	var out []shown
	for _, in := range a.Inputs {
		if len(out) == mostInputs || (in.Patches == nil) != (a.Inputs[0].Patches == nil) {
			break
		}
		s := shown{AttendedInput: in}
		tokens := len(in.Tokens)
		if in.Patches != nil && len(in.Exact) > 0 {
			tokens = len(in.Exact[0])
		}
		s.exact, s.circuit = meanOfHeads(in.Exact, tokens), meanOfHeads(in.Circuit, tokens)
		s.scale = newShades(s.patches(s.exact), s.patches(s.circuit))
		out = append(out, s)
	}
	return out
}

// meanOfHeads is NaN where a head has no value.
func meanOfHeads(heads [][]transfer.Number, tokens int) []float64 {
	out := make([]float64, tokens)
	for t := range out {
		for _, h := range heads {
			x := math.NaN()
			if t < len(h) {
				x = float64(h[t])
			}
			out[t] += x / float64(len(heads))
		}
		if len(heads) == 0 || math.IsInf(out[t], 0) {
			out[t] = math.NaN()
		}
	}
	return out
}

// patches returns what patches get of the attention to all tokens; of a text, all
// of it.
func (s *shown) patches(attention []float64) []float64 {
	return attention[s.special(attention):]
}

// special returns how many tokens come before the patches.
func (s *shown) special(attention []float64) int {
	if s.Patches == nil {
		return 0
	}
	return max(0, len(attention)-s.Patches.Rows*s.Patches.Cols)
}

// shades is the colour scale of attention, from 0 to hi.
type shades struct {
	hi     float64
	open   bool // more than hi has its colour
	signed bool // less than 0 has that of 0
}

// newShades returns the scale of all values together. It ends at the largest one,
// unless that is more than twice what 95 in 100 stay below: a token that gets most
// of the attention must not take the contrast from all others.
func newShades(values ...[]float64) shades {
	var all []float64
	s := shades{}
	for _, x := range slices.Concat(values...) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			all = append(all, x)
			s.signed = s.signed || x < 0
		}
	}
	if len(all) == 0 {
		return shades{hi: 1}
	}
	s.hi = slices.Max(all)
	if most := stats.Quantile(all, 0.95); most > 0 && s.hi > 2*most {
		digit := math.Pow(10, math.Floor(math.Log10(most))-1)
		s.hi, s.open = math.Ceil(most/digit)*digit, true // two digits, for its label
	}
	if !(s.hi > 0) {
		s.hi = 1
	}
	return s
}

// attentionBody is what figures of attention are drawn in.
func attentionBody(area vg.Rectangle) vg.Rectangle {
	return inset(area, bodySide, bodySide, bodyFoot, bodyTop)
}

const (
	bodySide  = 1 * mm
	bodyTop   = 0.5 * mm
	bodyFoot  = 1.5 * mm
	bodyWidth = twoColumns - 2*bodySide
	tallest   = 205 * mm // of a figure of attention
	between   = 4.5 * mm // two inputs
)

// Widths of the parts of a row, to the right of what is shown.
const (
	barGap   = 3.2 * mm // before the bar of colours, for the mark of uniform attention
	barWidth = 2.4 * mm
	barRoom  = 14 * mm // bar with its labels and gap
)

// attentionBar explains the colours by a picture of them; what all tokens would
// get of uniform attention is marked at its left.
func (p *pen) attentionBar(r vg.Rectangle, s shades, legend *image.NRGBA, tokens int) {
	p.picture(legend, r)
	percent := scale{lo: 0, hi: 100 * s.hi}
	ticks := p.ticks(percent, r.Size().Y, true)
	for i, t := range ticks {
		switch {
		case s.open && i == len(ticks)-1:
			t = tick{percent.hi, "≥" + decimal(percent.hi, max(0, 1-int(math.Floor(math.Log10(percent.hi)))))}
		case s.signed && t.at == 0:
			t.label = "≤0"
		}
		y := r.Min.Y + r.Size().Y*vg.Length(percent.position(t.at))
		p.segments(line{color: ink, width: axisWidth}, vg.Point{X: r.Max.X, Y: y}, vg.Point{X: r.Max.X + tickLength*0.6, Y: y})
		p.writeMiddle(t.label, smallSize, vg.Point{X: r.Max.X + 1.2*mm, Y: y}, fromLeft, ink)
	}
	if uniform := 1 / float64(tokens); tokens > 0 && uniform < s.hi {
		p.uniformMark(vg.Point{X: r.Min.X - 0.3*mm, Y: r.Min.Y + r.Size().Y*vg.Length(uniform/s.hi)})
	}
}

// uniformMark is a triangle whose tip points to the right, to at.
func (p *pen) uniformMark(at vg.Point) {
	const size = 1.3 * mm
	var path vg.Path
	path.Move(at)
	path.Line(vg.Point{X: at.X - size, Y: at.Y + size*0.6})
	path.Line(vg.Point{X: at.X - size, Y: at.Y - size*0.6})
	path.Close()
	p.fill(path, ink)
}

// attentionKey writes a line at the top of area, with what marks uniform attention
// at its right end.
func (p *pen) attentionKey(area vg.Rectangle, s string) {
	y := rows(area)()
	p.write(s, smallSize, vg.Point{X: area.Min.X, Y: y}, fromLeft, muted)
	name := "uniform attention"
	at := vg.Point{X: area.Max.X - p.width(name, smallSize), Y: y}
	p.write(name, smallSize, at, fromLeft, muted)
	p.uniformMark(vg.Point{X: at.X - textGap, Y: y + smallSize*capHeight/2})
}

// bothNetworks says what all rows have in common.
// Undefined is how what has no value is drawn, if anything has none.
func bothNetworks(layer int, inputs []shown, undefined string) string {
	s := fmt.Sprintf("layer %d, mean of %s; each network runs by itself; each input has one scale for both networks", layer, counts.Plural(len(inputs[0].Exact), "head"))
	for _, in := range inputs {
		if slices.ContainsFunc(slices.Concat(in.exact, in.circuit), math.IsNaN) {
			return s + "; " + undefined + ": not defined"
		}
	}
	return s
}

// answer is one row of what is said of an input.
type answer struct{ who, probability, text string }

func (s *shown) answers() []answer {
	var out []answer
	if s.Truth != "" {
		out = append(out, answer{"truth", "", s.Truth})
	}
	for _, one := range []struct {
		who string
		of  *transfer.Answer
	}{{"exact", s.ExactAnswer}, {"circuit", s.CircuitAnswer}, {"uniform", s.UniformAnswer}} {
		if one.of != nil {
			out = append(out, answer{one.who, percent(float64(one.of.Probability)), one.of.Text})
		}
	}
	for i := range out {
		out[i].text = pieces.One(out[i].text)
	}
	return out
}

// percent writes a share with two digits or three.
func percent(x float64) string {
	switch x *= 100; {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return decimal(math.NaN(), 0)
	case math.Abs(x) < 9.95:
		return decimal(x, 1) + "%"
	}
	return decimal(x, 0) + "%"
}

// fit cuts text from outside to a width and takes the meaning from its markup.
func (p *pen) fit(s string, size, room vg.Length) string {
	if p.width(escape(s), size) <= room {
		return escape(s)
	}
	letters := []rune(s)
	for n := len(letters) - 1; n > 0; n-- {
		if cut := escape(string(letters[:n]) + "…"); p.width(cut, size) <= room {
			return cut
		}
	}
	return "…"
}

// fitMiddle does so in the middle, since the names of files often differ at their
// ends.
func (p *pen) fitMiddle(s string, size, room vg.Length) string {
	letters := []rune(s)
	for n := len(letters); p.width(escape(s), size) > room && n > 1; n-- {
		s = string(letters[:n/2]) + "…" + string(letters[len(letters)-(n-1)/2:])
	}
	return escape(s)
}

// describe says in words what a figure of attention shows.
func describe(what string, layer int, inputs []shown) string {
	s := fmt.Sprintf("Attention of the tokens that the answer is read from at layer %d, mean of %s, in the exact network and in that of neurons and astrocytes, %s of %s.",
		layer, counts.Plural(len(inputs[0].Exact), "head"), what, counts.Plural(len(inputs), "input"))
	for i := range inputs {
		in := &inputs[i]
		s += fmt.Sprintf(" %s: correlation %s", in.title(), decimal(float64(in.Correlation), 3))
		for _, a := range in.answers() {
			s += fmt.Sprintf(", %s %s", a.who, a.text)
			if a.probability != "" {
				s += " " + a.probability
			}
		}
		s += "."
	}
	return s
}

// title names an input by its file or counts it from 1.
func (s *shown) title() string {
	if s.Name != "" {
		return s.Name
	}
	if s.Patches == nil {
		return "text " + counts.Format(s.Input+1)
	}
	return "input " + counts.Format(s.Input+1)
}
