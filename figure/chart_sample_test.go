package figure

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/experiment"
)

// charts are figures of experiments, ordinary and hard ones.
func charts() map[string]*Figure {
	rng := rand.New(rand.NewPCG(3, 4))
	nan, inf := experiment.Number(math.NaN()), experiment.Number(math.Inf(1))
	between := func(x, half float64) experiment.Estimate {
		return experiment.Estimate{Value: experiment.Number(x), Low: experiment.Number(x - half), High: experiment.Number(x + half)}
	}
	exactly := func(x float64) experiment.Estimate {
		return experiment.Estimate{Value: experiment.Number(x), Low: nan, High: nan}
	}
	series := func(name string, style experiment.Style, n int) experiment.Series {
		s := experiment.Series{Name: name, Style: style}
		for i := range n {
			s.Dots = append(s.Dots, experiment.Dot{X: exactly(math.Exp2(float64(i))), Y: between(0.5+0.2*rng.NormFloat64(), 0.1)})
		}
		return s
	}
	numbers := func(title string) experiment.Panel {
		return experiment.Panel{
			Title: title, X: experiment.Axis{Label: "neurons, *m*", Log: true}, Y: experiment.Axis{Label: "error"}, Diagonal: true,
			Series: []experiment.Series{series("calibrated", experiment.Curve, 8), series("law", experiment.Dashes, 8), series("null predictor", experiment.Dots, 8), series("tokens of one head", experiment.Specks, 8)},
			Levels: []experiment.Guide{{At: 0.1, Name: "10%"}}, Marks: []experiment.Guide{{At: 16}},
		}
	}
	named := func(n, kinds int) experiment.Panel {
		p := experiment.Panel{Title: "effect", X: experiment.Axis{Label: "change of right answers"}, Marks: []experiment.Guide{{At: 0, Name: "intact"}}}
		for i := range n {
			p.Rows = append(p.Rows, fmt.Sprintf("manipulation %d of some_{length}", i))
		}
		for k := range kinds {
			s := experiment.Series{Name: fmt.Sprint("measure ", k), Style: experiment.Dots}
			for i := range n {
				s.Dots = append(s.Dots, experiment.Dot{X: between(rng.NormFloat64(), 0.2), Y: exactly(float64(i))})
			}
			p.Series = append(p.Series, s)
		}
		return p
	}
	chart := func(panels ...experiment.Panel) *Figure {
		return Chart(experiment.Chart{Name: "chart", About: "a chart & <more>", Panels: panels})
	}
	hard := numbers("hard")
	hard.Y.Log = true
	hard.Series[0].Dots = []experiment.Dot{
		{X: exactly(1), Y: experiment.Estimate{Value: 0.1, Low: -0.1, High: 0.3}}, // below a logarithmic axis
		{X: exactly(2), Y: exactly(math.NaN())},
		{X: exactly(4), Y: experiment.Estimate{Value: 1, Low: 0.5, High: inf}},
		{X: between(8, 2), Y: between(1e9, 1e8)},
	}
	long := numbers("one of many kinds of curves")
	for i := range 14 {
		long.Series = append(long.Series, series(fmt.Sprintf("kind %d with a *name* that_{is} long", i), experiment.Curve, 3))
	}
	broken := numbers("none, then more")
	broken.X.Break, broken.Beside = experiment.Guide{At: 0.1, Name: "none"}, true
	broken.Series = append(broken.Series, series("beside", experiment.Curve, 8))
	for i := range broken.Series {
		broken.Series[i].Dots[0].X = exactly(0.1)
	}
	return map[string]*Figure{
		"chart broken":          Chart(experiment.Chart{Name: "chart", SameY: true, Panels: []experiment.Panel{broken, numbers("right")}}),
		"chart":                 chart(numbers("left"), numbers("right")),
		"chart of one panel":    chart(numbers("alone")),
		"chart of three panels": chart(numbers("left"), numbers("middle"), numbers("right")),
		"chart of four panels":  chart(numbers("a"), numbers("b"), numbers("c"), numbers("d")),
		"chart of rows":         chart(named(9, 1)),
		"chart of rows beside":  chart(named(7, 3), named(7, 3)),
		"chart of many kinds":   chart(long),
		"chart hard":            chart(hard),
		"chart empty":           chart(),
		"chart of nothing":      chart(experiment.Panel{}, experiment.Panel{Series: []experiment.Series{{Name: "none"}}}),
	}
}
