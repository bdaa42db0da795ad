package figure

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/experiment"
)

// drawn returns the SVG of two panels of curves, whose values lie in (0, 1) and in
// (0, 100).
func drawn(t *testing.T, change func(c *experiment.Chart)) string {
	t.Helper()
	series := func(name string, top experiment.Number) experiment.Series {
		s := experiment.Series{Name: name, Style: experiment.Curve}
		for _, x := range []experiment.Number{0.1, 1, 10} {
			s.Dots = append(s.Dots, experiment.Dot{X: experiment.Estimate{Value: x}, Y: experiment.Estimate{Value: top * x / 11}})
		}
		return s
	}
	c := experiment.Chart{Panels: []experiment.Panel{
		{X: experiment.Axis{Log: true}, Series: []experiment.Series{series("a", 1), series("b", 1)}},
		{X: experiment.Axis{Log: true}, Series: []experiment.Series{series("a", 100), series("b", 100)}},
	}}
	change(&c)
	var b bytes.Buffer
	if err := Chart(c).SVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Where a value has no place on a logarithmic axis, its name stands there and no
// number.
func TestABrokenAxisNamesWhatLiesApart(t *testing.T) {
	whole := drawn(t, func(*experiment.Chart) {})
	broken := drawn(t, func(c *experiment.Chart) {
		for i := range c.Panels {
			c.Panels[i].X.Break = experiment.Guide{At: 0.1, Name: "none"}
		}
	})
	for _, c := range []struct {
		what, svg    string
		names, tenth int
	}{{"whole", whole, 0, 2}, {"broken", broken, 2, 0}} {
		if names, tenth := strings.Count(c.svg, ">none<"), strings.Count(c.svg, ">0.1<"); names != c.names || tenth != c.tenth {
			t.Errorf("%s: %d times none and %d times 0.1, want %d and %d", c.what, names, tenth, c.names, c.tenth)
		}
	}
}

func TestPanelsOfOneQuantityShareTheirScale(t *testing.T) {
	for same, want := range map[bool]int{false: 1, true: 2} {
		svg := drawn(t, func(c *experiment.Chart) { c.SameY = same })
		if got := strings.Count(svg, ">80<"); got != want {
			t.Errorf("one scale %v: 80 is a tick of %d panels, want %d", same, got, want)
		}
	}
}

func TestCurvesBesideOneAnotherDoNotCoverEachOther(t *testing.T) {
	apart := drawn(t, func(c *experiment.Chart) { c.Panels[0].Beside = true })
	if apart == drawn(t, func(*experiment.Chart) {}) {
		t.Error("curves with the same values lie on one another")
	}
}
