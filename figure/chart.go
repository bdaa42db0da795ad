package figure

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/experiment"
)

// Chart draws a figure of an experiment: its panels side by side, two or three in a
// row, under one key. Numbers are markers, their intervals bars.
func Chart(c experiment.Chart) *Figure {
	l := newChartLayout(c)
	return &Figure{
		width: l.width, height: l.height, description: c.About,
		draw: func(p *pen, area vg.Rectangle) { p.chart(area, c, l) },
	}
}

const (
	chartPanel    = 66 * mm  // height of a panel with its axis
	chartTitle    = 4.2 * mm // of a panel
	chartRow      = 4.6 * mm // height of a named row, of one series
	seriesRow     = 1.9 * mm // more for every other series
	intervalWidth = 0.6      // of bars, in points
	mostName      = 46 * mm  // of the name of a row
	apartWidth    = 0.7 * mm // between curves that lie beside one another
)

// chartLayout is how the panels are arranged.
type chartLayout struct {
	width, height vg.Length
	columns       int
	rows          []vg.Length // heights
	names         []string    // of series, in the order of the key
	key           int         // lines of it
}

func newChartLayout(c experiment.Chart) chartLayout {
	l := chartLayout{columns: min(max(len(c.Panels), 1), 3), width: twoColumns}
	if len(c.Panels) == 4 {
		l.columns = 2
	}
	if len(c.Panels) == 1 && c.Panels[0].Rows == nil {
		l.width = oneColumn
	}
	seen := map[string]bool{}
	for i, panel := range c.Panels {
		if i%l.columns == 0 {
			l.rows = append(l.rows, chartPanel)
		}
		n := len(panel.Rows)
		if n > 0 {
			height := chartTitle + bottomMargin + vg.Length(n)*(chartRow+vg.Length(max(0, len(panel.Series)-1))*seriesRow) + 2*mm
			last := len(l.rows) - 1
			if i%l.columns == 0 {
				l.rows[last] = height
			}
			l.rows[last] = max(l.rows[last], height)
		}
		for _, s := range panel.Series {
			if !seen[s.Name] {
				seen[s.Name] = true
				l.names = append(l.names, s.Name)
			}
		}
	}
	if len(l.names) < 2 { // one kind of data is what the axis says
		l.names = nil
	}
	l.key = l.keyLines(newPen(nil))
	for _, h := range l.rows {
		l.height += h
	}
	l.height += vg.Length(l.key)*lineHeight + 2*mm
	l.height = max(l.height, 20*mm)
	return l
}

// keyLines counts the lines of the key.
func (l chartLayout) keyLines(p *pen) int {
	if len(l.names) == 0 {
		return 0
	}
	lines, x := 1, keyIndent
	for _, name := range l.names {
		w := sampleWidth + textGap + p.width(escape(name), smallSize)
		if x > keyIndent && x+w > l.width {
			lines, x = lines+1, keyIndent
		}
		x += w + keyGap
	}
	return lines
}

const (
	keyIndent = 2 * mm
	keyGap    = 3 * mm
)

// chartLook is how a series looks: as its family does in other figures, and a law as
// the family that it is of, or else in a colour by its place in the key.
func chartLook(name string, place int) look {
	name = strings.TrimPrefix(name, "law, ")
	if name == "null predictor" {
		return look{gray, diamond}
	}
	if k := lookOf(name, -1); k.marker >= 0 {
		return k
	}
	colors := []color.NRGBA{blue, vermillion, green, purple, orange, sky, ink, gray}
	return look{colors[place%len(colors)], marker(place % int(markers))}
}

func (p *pen) chart(area vg.Rectangle, c experiment.Chart, l chartLayout) {
	looks := map[string]look{}
	for i, name := range l.names {
		looks[name] = chartLook(name, i)
	}
	styles := map[string]experiment.Style{}
	for _, panel := range c.Panels {
		for _, s := range panel.Series {
			if _, there := looks[s.Name]; !there {
				looks[s.Name] = chartLook(s.Name, 0)
			}
			if _, there := styles[s.Name]; !there {
				styles[s.Name] = s.Style
			}
		}
	}
	p.chartKey(area, l, looks, styles)
	top := area.Max.Y - vg.Length(l.key)*lineHeight - 1*mm
	shared := vg.Length(0) // room for the names of rows that all panels have
	if sharedRows(c.Panels) {
		shared = p.rowNames(c.Panels[0].Rows)
	}
	var all []float64
	for i := range c.Panels {
		if c.SameY {
			_, ys := valuesOf(&c.Panels[i])
			all = append(all, ys...)
		}
	}
	for i := range c.Panels {
		row, column := i/l.columns, i%l.columns
		width := (area.Size().X - shared) / vg.Length(l.columns)
		y := top
		for _, h := range l.rows[:row] {
			y -= h
		}
		box := vg.Rectangle{
			Min: vg.Point{X: area.Min.X + shared + width*vg.Length(column), Y: y - l.rows[row]},
			Max: vg.Point{X: area.Min.X + shared + width*vg.Length(column+1), Y: y},
		}
		names := shared == 0
		if !names && column == 0 {
			box.Min.X, names = area.Min.X, true
		}
		p.chartPanel(box, &c.Panels[i], looks, names, all)
	}
	if len(c.Panels) == 0 {
		p.writeMiddle("nothing was measured", labelSize, area.Min.Add(area.Max).Scale(0.5), centred, muted)
	}
}

// sharedRows reports whether several panels have the same named rows, so that they
// are named once.
func sharedRows(panels []experiment.Panel) bool {
	for _, c := range panels {
		if len(c.Rows) == 0 || !slices.Equal(c.Rows, panels[0].Rows) {
			return false
		}
	}
	return len(panels) > 1
}

// rowNames is the room that the names of rows take.
func (p *pen) rowNames(names []string) vg.Length {
	var w vg.Length
	for _, name := range names {
		w = max(w, p.width(p.fitting(name), smallSize))
	}
	return w + 2*textGap + tickLength
}

// chartKey names the series.
func (p *pen) chartKey(area vg.Rectangle, l chartLayout, looks map[string]look, styles map[string]experiment.Style) {
	row := rows(area)
	at := vg.Point{X: area.Min.X + keyIndent}
	for i, name := range l.names {
		w := sampleWidth + textGap + p.width(escape(name), smallSize)
		if i == 0 || at.X > area.Min.X+keyIndent && at.X+w > area.Max.X {
			at = vg.Point{X: area.Min.X + keyIndent, Y: row()}
		}
		p.keySample(vg.Point{X: at.X, Y: at.Y + smallSize*capHeight/2}, looks[name], styles[name])
		p.write(escape(name), smallSize, vg.Point{X: at.X + sampleWidth + textGap, Y: at.Y}, fromLeft, ink)
		at.X += w + keyGap
	}
}

func (p *pen) keySample(at vg.Point, k look, style experiment.Style) {
	end := at.Add(vg.Point{X: sampleWidth})
	switch style {
	case experiment.Curve:
		p.segments(line{color: k.color, width: curveWidth}, at, end)
	case experiment.Dashes:
		p.segments(line{color: k.color, width: curveWidth, dash: lawDash}, at, end)
		return
	}
	p.mark(k.marker, at.Add(vg.Point{X: sampleWidth / 2}), markerSize, k.color, true)
}

// chartPanel draws one panel; names says whether its rows are named.
// others are values that its vertical scale holds besides its own.
func (p *pen) chartPanel(area vg.Rectangle, c *experiment.Panel, looks map[string]look, names bool, others []float64) {
	a := panel{xLabel: c.X.Label, yLabel: c.Y.Label, apart: tick{float64(c.X.Break.At), c.X.Break.Name}}
	xs, ys := valuesOf(c)
	ys = append(ys, others...)
	a.x, a.y = axisScale(c.X, xs), axisScale(c.Y, ys)
	height := area.Size().Y - bottomMargin - chartTitle
	var left vg.Length
	if len(c.Rows) > 0 {
		a.y = scale{lo: float64(len(c.Rows)) - 0.5, hi: -0.5}
		if left = 3.4 * mm; names {
			left = p.rowNames(c.Rows)
		}
	} else {
		left = p.left(a.y, height)
	}
	a.box = inset(area, left, 3.4*mm, bottomMargin, chartTitle)
	p.write(c.Title, smallSize, vg.Point{X: a.box.Min.X, Y: a.box.Max.Y + 1.5*mm}, fromLeft, muted)
	p.guides(a, c)
	for i, s := range c.Series {
		p.series(a, c, i, s, looks[s.Name])
	}
	if len(c.Rows) == 0 {
		p.axes(a)
		return
	}
	p.segments(line{color: ink, width: axisWidth}, a.box.Min, vg.Point{X: a.box.Max.X, Y: a.box.Min.Y})
	p.ticksBelow(a)
	for i, name := range c.Rows {
		if !names {
			break
		}
		p.writeMiddle(p.fitting(name), smallSize, vg.Point{X: a.box.Min.X - 2*textGap, Y: a.atY(float64(i))}, fromRight, ink)
	}
}

// valuesOf returns all values that a panel shows.
func valuesOf(c *experiment.Panel) (xs, ys []float64) {
	add := func(to *[]float64, e experiment.Estimate, log bool) {
		for _, v := range []experiment.Number{e.Value, e.Low, e.High} {
			if !log || v > 0 {
				*to = append(*to, float64(v))
			}
		}
	}
	for _, s := range c.Series {
		for _, d := range s.Dots {
			add(&xs, d.X, c.X.Log)
			add(&ys, d.Y, c.Y.Log)
		}
	}
	for _, g := range c.Levels {
		ys = append(ys, float64(g.At))
	}
	for _, g := range c.Marks {
		xs = append(xs, float64(g.At))
	}
	return xs, ys
}

func axisScale(a experiment.Axis, values []float64) scale {
	if a.Log {
		return ratios(values...)
	}
	return linear(values...)
}

// fitting cuts the name of a row that is too wide.
func (p *pen) fitting(name string) string {
	letters := []rune(name)
	if p.width(escape(name), smallSize) <= mostName {
		return escape(name)
	}
	for len(letters) > 1 && p.width(escape(string(letters)+"…"), smallSize) > mostName {
		letters = letters[:len(letters)-1]
	}
	return escape(string(letters) + "…")
}

// guides draws what the data are held against.
func (p *pen) guides(a panel, c *experiment.Panel) {
	thin := line{color: faint, width: thinWidth}
	if c.Diagonal {
		lo, hi := max(a.x.lo, a.y.lo), min(a.x.hi, a.y.hi)
		if lo < hi {
			p.within(a.box, thin, a.at(lo, lo), a.at(hi, hi))
		}
	}
	if len(c.Rows) > 0 {
		for i := range c.Rows {
			y := a.atY(float64(i))
			p.segments(line{color: faded(ink, 0.10), width: thinWidth}, vg.Point{X: a.box.Min.X, Y: y}, vg.Point{X: a.box.Max.X, Y: y})
		}
	}
	for _, g := range c.Levels {
		if y := a.atY(float64(g.At)); finite(vg.Point{Y: y}) {
			p.segments(thin, vg.Point{X: a.box.Min.X, Y: y}, vg.Point{X: a.box.Max.X, Y: y})
			p.write(g.Name, smallSize, vg.Point{X: a.box.Max.X, Y: y + 0.6*mm}, fromRight, muted)
		}
	}
	for _, g := range c.Marks {
		if x := a.atX(float64(g.At)); finite(vg.Point{X: x}) {
			p.segments(thin, vg.Point{X: x, Y: a.box.Min.Y}, vg.Point{X: x, Y: a.box.Max.Y})
			if g.Name != "" {
				p.write(g.Name, smallSize, vg.Point{X: min(x, a.box.Max.X-p.width(g.Name, smallSize)/2), Y: a.box.Max.Y + 1.5*mm}, centred, muted)
			}
		}
	}
}

// series draws one kind of data with its intervals. In named rows the series lie
// beside one another.
func (p *pen) series(a panel, c *experiment.Panel, i int, s experiment.Series, k look) {
	shift := 0.0
	if n := len(c.Series); len(c.Rows) > 0 && n > 1 {
		shift = (float64(i) - float64(n-1)/2) * 0.6 / float64(n-1)
	}
	var beside vg.Point
	if c.Beside && s.Style == experiment.Curve {
		beside.X = vg.Length(float64(i)-float64(curves(c)-1)/2) * apartWidth
	}
	var line0, all []vg.Point
	for _, d := range s.Dots {
		x, y := float64(d.X.Value), float64(d.Y.Value)+shift
		at := a.at(x, y).Add(beside)
		all = append(all, at)
		if finite(at) && !a.beyond(x) {
			line0 = append(line0, at)
		}
		if s.Style == experiment.Specks {
			continue
		}
		bar := line{color: faded(k.color, 0.75), width: intervalWidth}
		if d.Y.Low < d.Y.High {
			p.interval(a, bar, a.at(x, lowest(a.y, float64(d.Y.Low))).Add(beside), a.at(x, float64(d.Y.High)).Add(beside))
		}
		if d.X.Low < d.X.High {
			p.interval(a, bar, a.at(lowest(a.x, float64(d.X.Low)), y), a.at(float64(d.X.High), y))
		}
	}
	switch s.Style {
	case experiment.Curve:
		p.within(a.box, line{color: k.color, width: curveWidth}, line0...)
	case experiment.Dashes:
		p.within(a.box, line{color: k.color, width: curveWidth, dash: lawDash}, line0...)
		return
	}
	for _, at := range all {
		if s.Style == experiment.Specks {
			p.mark(k.marker, at, pointSize, faded(k.color, 0.6), true)
		} else {
			p.mark(k.marker, at, markerSize*0.9, k.color, true)
		}
	}
}

// curves counts the curves of a panel.
func curves(c *experiment.Panel) int {
	n := 0
	for _, s := range c.Series {
		if s.Style == experiment.Curve {
			n++
		}
	}
	return n
}

// lowest is where an interval begins that reaches below a logarithmic axis.
func lowest(s scale, x float64) float64 {
	if s.logarithmic && !(x > s.lo) {
		return s.lo
	}
	return x
}

func (p *pen) interval(a panel, l line, from, to vg.Point) {
	if finite(from) && finite(to) && !math.IsNaN(float64(from.X)) {
		p.within(a.box, l, from, to)
	}
}
