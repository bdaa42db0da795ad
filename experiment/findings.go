package experiment

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tripartite-go/tripartite/transfer"
)

// Number is a measured float64: NaN, and null in JSON, where it is not defined.
type Number = transfer.Number

// Findings are what an experiment found.
type Findings interface {
	// Statements say what the numbers show.
	Statements() []Statement
	// Table holds all numbers, a row for each thing that was measured.
	Table() Table
	// Charts are figures as data; package figure draws them.
	Charts() []Chart
}

// Statement is a sentence or a few of a result's text.
type Statement struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// Kind says on what ground a statement stands.
type Kind string

const (
	Measured       Kind = "measured"       // numbers of this run
	Mathematics    Kind = "mathematics"    // follows from the circuit's equations
	Interpretation Kind = "interpretation" // what it would mean in a brain, if the model holds
	Caution        Kind = "caution"        // what the numbers do not show
)

// statements collects the text of a result.
type statements []Statement

func (s *statements) add(kind Kind, format string, args ...any) {
	*s = append(*s, Statement{kind, fmt.Sprintf(format, args...)})
}

// Table is what result.csv holds.
type Table struct {
	Columns []string
	Rows    [][]string
}

// newTable names columns. One that holds an Estimate is written "name±" and stands
// for three: the value and the ends of its interval.
func newTable(columns ...string) Table {
	var t Table
	for _, c := range columns {
		if name, interval := strings.CutSuffix(c, "±"); interval {
			t.Columns = append(t.Columns, name, name+"_low", name+"_high")
		} else {
			t.Columns = append(t.Columns, c)
		}
	}
	return t
}

// add adds a row of strings, whole numbers, numbers and estimates.
func (t *Table) add(values ...any) {
	var row []string
	for _, v := range values {
		switch v := v.(type) {
		case Estimate:
			row = append(row, plain(v.Value), plain(v.Low), plain(v.High))
		case Number:
			row = append(row, plain(v))
		default:
			row = append(row, fmt.Sprint(v))
		}
	}
	if len(row) != len(t.Columns) {
		panic(fmt.Sprintf("experiment: a row of %d cells in a table of %d columns", len(row), len(t.Columns)))
	}
	t.Rows = append(t.Rows, row)
}

// plain writes a number as it was measured, nothing where it is not defined.
func plain(x Number) string {
	if !finite(float64(x)) {
		return ""
	}
	return strconv.FormatFloat(float64(x), 'g', -1, 64)
}

// grows reports whether every value is larger than the one before.
func grows[T cmp.Ordered](x []T) bool {
	for i := 1; i < len(x); i++ {
		if !(x[i] > x[i-1]) {
			return false
		}
	}
	return true
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Chart is a figure as data.
type Chart struct {
	Name   string // of its files
	About  string // in words, for those who cannot see it
	Panels []Panel
	SameY  bool // all panels show one quantity, on one vertical scale
}

// Panel is a pair of axes. Labels may have *italics*, superscripts ^{x} and
// subscripts _{x}.
type Panel struct {
	Title  string
	X, Y   Axis
	Series []Series
	// Rows, if there are any, name the rows of a panel that has them in the place of
	// a vertical axis: the Y of a dot is the number of its row, from 0 at the top.
	Rows []string
	// Diagonal draws the line where both axes are equal. Levels are values of Y that
	// lines are drawn at, Marks values of X.
	Diagonal      bool
	Levels, Marks []Guide
	// Beside draws curves a little beside one another, where intervals at the same X
	// would cover each other.
	Beside bool
}

// Axis is one of a panel.
type Axis struct {
	Label string
	Log   bool
	// Break, if it has a name, is a value of a logarithmic X that stands for one which has
	// no place there, such as 0: it is named and lies left of a break in the axis.
	Break Guide
}

// Guide is a line at one value.
type Guide struct {
	At   Number
	Name string
}

// Style says how a series is drawn.
type Style int

const (
	Curve  Style = iota // markers joined by a line
	Dots                // markers
	Dashes              // a broken line, for what a law predicts
	Specks              // small markers, many of them
)

// Series is one kind of data in a panel. Series of one name look the same in all
// panels of a chart and share an entry in its key.
type Series struct {
	Name  string
	Style Style
	Dots  []Dot
}

// Dot is a point with intervals; those that are not defined are not drawn.
type Dot struct{ X, Y Estimate }

// exactly is a number that has no interval.
func exactly(x float64) Estimate {
	nan := Number(math.NaN())
	return Estimate{Number(x), nan, nan}
}
