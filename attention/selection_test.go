package attention

import (
	"strings"
	"testing"
)

func TestSelections(t *testing.T) {
	for _, c := range []struct {
		text string
		back string // as String writes it, "" for text
		want map[[2]int]Kind
	}{
		{"exact", "", map[[2]int]Kind{{0, 0}: KindExact, {9, 9}: KindExact}},
		{"algebraic", "", map[[2]int]Kind{{0, 0}: KindAlgebraic, {9, 9}: KindAlgebraic}},
		{"exact,2=algebraic,3.5=uniform", "", map[[2]int]Kind{
			{1, 5}: KindExact, {2, 0}: KindAlgebraic, {2, 5}: KindAlgebraic, {3, 5}: KindUniform, {3, 4}: KindExact}},
		// A head goes before its layer, whatever the order.
		{"uniform,1.0=exact,1=algebraic", "", map[[2]int]Kind{{1, 0}: KindExact, {1, 1}: KindAlgebraic, {0, 0}: KindUniform}},
		{" exact , 2 = algebraic ", "exact,2=algebraic", map[[2]int]Kind{{2, 0}: KindAlgebraic}},
	} {
		s, err := ParseSelection(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		for at, want := range c.want {
			if got := s.At(at[0], at[1]); got != want {
				t.Errorf("%q: layer %d head %d is %v, want %v", c.text, at[0], at[1], got, want)
			}
		}
		back := c.back
		if back == "" {
			back = c.text
		}
		if s.String() != back {
			t.Errorf("%q comes back as %q", c.text, s)
		}
	}
}

func TestBadSelectionsNameThePartAndTheRemedy(t *testing.T) {
	for text, want := range map[string][]string{
		"":                             {"no kind of attention", "exact, algebraic, rate, uniform"},
		"exakt":                        {`unknown kind of attention "exakt"`, "exact, algebraic, rate, uniform"},
		"exact,1=biophysical":          {`"1=biophysical"`, "not in this version"},
		"2=exact":                      {`"2=exact"`, "algebraic,2=exact"},
		"exact,algebraic":              {`"algebraic"`, "LAYER=KIND", "2=algebraic"},
		"exact,x=uniform":              {`"x" is no LAYER or LAYER.HEAD`},
		"exact,1.=uniform":             {`"1." is no LAYER`},
		"exact,1.2.3=uniform":          {`"1.2.3" is no LAYER`},
		"exact,-1=uniform":             {`"-1" is no LAYER`},
		"exact,+1=uniform":             {`"+1" is no LAYER`},
		"exact,99999999999=uniform":    {"no LAYER"},
		"exact,1=":                     {`"1="`, "no kind of attention"},
		"exact,":                       {`""`, "LAYER=KIND"},
		"exact,1=uniform,1=algebraic":  {`"1=algebraic"`, "before", "leave one"},
		"exact,1.2=uniform,1.2=exact":  {`"1.2=exact"`, "before"},
		"exact,1=uniform=x":            {`"uniform=x"`},
		"exact,1=uniform,1.0=rate,2=x": {`"2=x"`},
	} {
		_, err := ParseSelection(text)
		if err == nil {
			t.Errorf("%q was read", text)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v does not say %s", text, err, w)
			}
		}
	}
}

func TestSelectionsAreCheckedAgainstTheModel(t *testing.T) {
	s, err := ParseSelection("exact,5=algebraic,2.11=uniform")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(6, 12); err != nil {
		t.Errorf("6 layers of 12 heads: %v", err)
	}
	for _, c := range []struct {
		layers, heads int
		want          string
	}{{5, 12, "no layer 5: the model has 5"}, {6, 11, "no head 11 in layer 2: the model has 11"}} {
		if err := s.Check(c.layers, c.heads); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d layers of %d heads: %v, want %s", c.layers, c.heads, err, c.want)
		}
	}
	for kind, want := range map[Kind]bool{KindExact: true, KindAlgebraic: true, KindUniform: true} {
		if s.Uses(kind) != want {
			t.Errorf("%v is in use: %v", kind, !want)
		}
	}
	if (Selection{}).Uses(KindAlgebraic) || (Selection{}).At(3, 3) != KindExact {
		t.Error("the zero selection is not exact throughout")
	}
}

func FuzzParseSelection(f *testing.F) {
	for _, seed := range []string{"exact", "exact,2=algebraic,3.5=uniform", "2=exact", "exact,,", "exact,1.=x", " uniform , 0 = exact"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelection(text)
		if err != nil {
			return
		}
		back, err := ParseSelection(s.String())
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", text, s, err)
		}
		for layer := range 8 {
			for head := range 8 {
				if s.At(layer, head) != back.At(layer, head) {
					t.Fatalf("%q is written as %q, which differs at %d.%d", text, s, layer, head)
				}
			}
		}
	})
}
