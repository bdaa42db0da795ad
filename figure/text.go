package figure

import (
	"math"
	"strconv"
	"strings"

	xfont "golang.org/x/image/font"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
)

// run is a piece of text in one face.
type run struct {
	text         string
	face         font.Face
	italic, bold bool
	rise         vg.Length // above the baseline
}

func (r run) width() vg.Length { return r.face.Width(r.text) }

// capHeight is the height of capitals and digits of Liberation Sans, in em.
const capHeight = 0.69

// faces finds faces of Liberation Sans.
type faces struct{ cache *font.Cache }

func newFaces() faces { return faces{font.NewCache(liberation.Collection())} }

func (f faces) face(size vg.Length, italic, bold bool) font.Face {
	want := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if italic {
		want.Style = xfont.StyleItalic
	}
	if bold {
		want.Weight = xfont.WeightBold
	}
	return f.cache.Lookup(want, size)
}

// Small letters, relative to the text they belong to.
const (
	scriptSize   = 0.72
	superscript  = 0.36 // rise in em
	subscript    = -0.18
	markupLetter = `*_^{}\`
)

// runs sets text in marked-up form: *x* is italic, ^{x} raised, _{x} lowered,
// and a backslash takes the meaning from the letter after it.
func (f faces) runs(s string, size vg.Length, bold bool) []run {
	var out []run
	var text strings.Builder
	italic, script := false, 0.0
	flush := func() {
		if text.Len() == 0 {
			return
		}
		z := size
		if script != 0 {
			z *= scriptSize
		}
		out = append(out, run{text.String(), f.face(z, italic, bold), italic, bold, size * vg.Length(script)})
		text.Reset()
	}
	letters := []rune(s)
	for i := 0; i < len(letters); i++ {
		next := rune(0)
		if i+1 < len(letters) {
			next = letters[i+1]
		}
		switch r := letters[i]; {
		case r == '\\' && next != 0:
			text.WriteRune(next)
			i++
		case r == '*':
			flush()
			italic = !italic
		case (r == '^' || r == '_') && next == '{':
			flush()
			script = superscript
			if r == '_' {
				script = subscript
			}
			i++
		case r == '}' && script != 0:
			flush()
			script = 0
		default:
			text.WriteRune(r)
		}
	}
	flush()
	return out
}

// literal protects text from outside, such as the name of a file, from being
// read as markup, and cuts it to a length that fits a legend.
func literal(s string) string {
	const most = 24
	letters := []rune(s)
	if len(letters) > most {
		letters = append(letters[:most-1], '…')
	}
	return escape(string(letters))
}

// escape takes the meaning from all letters that are markup.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(markupLetter, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func width(runs []run) vg.Length {
	var w vg.Length
	for _, r := range runs {
		w += r.width()
	}
	return w
}

// decimal writes x with the given number of decimals and a true minus sign.
func decimal(x float64, decimals int) string {
	if math.IsNaN(x) {
		return "–"
	}
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

// brief writes a non-negative x to two significant digits, small and large ones
// with a power of ten.
func brief(x float64) string {
	switch {
	case math.IsNaN(x):
		return decimal(x, 0)
	case x != 0 && x < 0.00095 || x >= 9950:
		e := math.Floor(math.Log10(x * (1 + 1e-9)))
		return decimal(x/math.Pow(10, e), 1) + "×10^{" + decimal(e, 0) + "}"
	case x < 0.0995:
		return decimal(x, 3)
	case x < 9.95:
		return decimal(x, 2)
	}
	return decimal(x, 0)
}
