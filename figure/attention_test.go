package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/transfer"
)

// attendedTokens makes up what heads attend to.
func attendedTokens(in *transfer.AttendedInput, heads, tokens int) {
	rng := rand.New(rand.NewPCG(uint64(heads), uint64(tokens)))
	for range heads {
		exact, circuit := make([]transfer.Number, tokens), make([]transfer.Number, tokens)
		sum := transfer.Number(0)
		for t := range exact {
			exact[t] = transfer.Number(math.Exp(1.5 * rng.NormFloat64()))
			circuit[t] = exact[t] * transfer.Number(math.Exp(0.3*rng.NormFloat64()))
			sum += exact[t]
		}
		for t := range exact {
			exact[t] /= sum
			circuit[t] /= sum
		}
		in.Exact, in.Circuit = append(in.Exact, exact), append(in.Circuit, circuit)
	}
	in.Correlation = 0.9
}

// attendedPictures makes up inputs that are cut up as p says.
func attendedPictures(p transfer.Patches, inputs, heads int) transfer.Attended {
	p.Rows, p.Cols = (p.Height-p.PatchHeight)/p.StrideHeight+1, (p.Width-p.PatchWidth)/p.StrideWidth+1
	a := transfer.Attended{Layer: 11}
	for i := range inputs {
		seen := p
		seen.Seen = make([]float32, p.Channels*p.Height*p.Width)
		for k := range seen.Seen {
			seen.Seen[k] = 0.5 + 0.5*float32(math.Sin(float64(k*(i+1))/50))
		}
		in := transfer.AttendedInput{
			Input: i, Name: fmt.Sprintf("a-file-whose-name-is-far-too-long-for-its-place-%d.png", i), Patches: &seen, Readout: []int{0, 1},
			Truth:         "a truth",
			ExactAnswer:   &transfer.Answer{Text: "yellow lady's slipper, yellow lady-slipper, Cypripedium calceolus", Probability: 0.999},
			CircuitAnswer: &transfer.Answer{Text: "*_{markup}^{<script>\\", Probability: 0.01},
			UniformAnswer: &transfer.Answer{Text: "bag", Probability: transfer.Number(math.NaN())},
		}
		attendedTokens(&in, heads, 2+p.Rows*p.Cols)
		a.Inputs = append(a.Inputs, in)
	}
	return a
}

func attendedTexts(heads int, texts ...string) transfer.Attended {
	a := transfer.Attended{Layer: 3}
	for i, s := range texts {
		in := transfer.AttendedInput{Input: i, Tokens: strings.Split(s, " "), Truth: "##ing",
			ExactAnswer:   &transfer.Answer{Text: "Ġ", Probability: 0.25},
			CircuitAnswer: &transfer.Answer{Text: strings.Repeat("long", 20), Probability: 0.25},
		}
		in.Readout = []int{len(in.Tokens) - 1}
		attendedTokens(&in, heads, len(in.Tokens))
		a.Inputs = append(a.Inputs, in)
	}
	return a
}

var (
	smallPicture  = transfer.Patches{Channels: 3, Height: 28, Width: 28, PatchHeight: 4, PatchWidth: 4, StrideHeight: 4, StrideWidth: 4}
	largePicture  = transfer.Patches{Channels: 3, Height: 224, Width: 224, PatchHeight: 16, PatchWidth: 16, StrideHeight: 16, StrideWidth: 16}
	shortSound    = transfer.Patches{Channels: 1, Height: 64, Width: 128, PatchHeight: 16, PatchWidth: 16, StrideHeight: 16, StrideWidth: 8}
	middlePicture = transfer.Patches{Channels: 3, Height: 64, Width: 64, PatchHeight: 16, PatchWidth: 16, StrideHeight: 16, StrideWidth: 16}
	wideSound     = transfer.Patches{Channels: 1, Height: 32, Width: 256, PatchHeight: 16, PatchWidth: 16, StrideHeight: 10, StrideWidth: 10}
	longSound     = transfer.Patches{Channels: 1, Height: 128, Width: 1024, PatchHeight: 16, PatchWidth: 16, StrideHeight: 10, StrideWidth: 10}
)

const sentence = "[CLS] in the beginning god create ##d the heaven and the ear ##th . [SEP]"

// attentionFigures are ordinary and hard ones, whole and head by head.
func attentionFigures() map[string]*Figure {
	nan := transfer.Number(math.NaN())
	undefined := attendedPictures(smallPicture, 2, 4)
	for t := range undefined.Inputs[1].Circuit[2] {
		undefined.Inputs[1].Circuit[2][t] = nan
	}
	undefined.Inputs[0].Circuit[0][7], undefined.Inputs[0].Exact[0][9] = nan, -0.1
	undefined.Inputs[0].Correlation = nan
	words := attendedTexts(2, sentence)
	words.Inputs[0].Circuit[1][3] = nan
	unkept := attendedPictures(smallPicture, 1, 1)
	unkept.Inputs[0].Patches.Seen = nil
	torn := attendedPictures(largePicture, 1, 2)
	torn.Inputs[0].Exact[0] = torn.Inputs[0].Exact[0][:5]
	torn.Inputs[0].Circuit = nil
	sizes := transfer.Patches{Channels: 3, Height: 40, Width: 16, PatchHeight: 12, PatchWidth: 12, StrideHeight: 12, StrideWidth: 12}
	sink := attendedTexts(3, "<s> ▁un believ able ▁ 中文 ▁שלום a\u202eb *_{x}^ </s>")
	sink.Inputs[0].Exact[0][0] = 50

	out := map[string]*Figure{}
	for name, a := range map[string]transfer.Attended{
		"none": {}, "empty input": {Inputs: []transfer.AttendedInput{{}}},
		"empty picture":   {Inputs: []transfer.AttendedInput{{Patches: &transfer.Patches{}}}},
		"1 small picture": attendedPictures(smallPicture, 1, 4), "6 small pictures": attendedPictures(smallPicture, 6, 16),
		"large picture": attendedPictures(largePicture, 1, 12), "7 pictures": attendedPictures(middlePicture, 7, 6),
		"1 short sound": attendedPictures(shortSound, 1, 4), "6 short sounds": attendedPictures(shortSound, 6, 8),
		"1 long sound": attendedPictures(longSound, 1, 12), "6 long sounds": attendedPictures(wideSound, 6, 16),
		"tall pictures": attendedPictures(sizes, 6, 5), "undefined": undefined, "not kept": unkept, "torn": torn,
		"text": attendedTexts(8, sentence), "3 tokens": attendedTexts(16, "a b c"), "undefined text": words, "sink": sink,
		"6 texts":      attendedTexts(12, sentence, sentence, sentence, sentence, sentence, sentence),
		"60 tokens":    attendedTexts(12, strings.Repeat("Ġword s ", 30)+"Ċ"),
		"long texts":   attendedTexts(16, strings.Repeat("▁word ", 900)+"▁end", strings.Repeat("▁a ▁rather_long_word_that_goes_on ", 300)+"end"),
		"very long":    attendedTexts(40, strings.Repeat("w", 300)+" a"),
		"single token": attendedTexts(1, "a"),
	} {
		out["attention of "+name] = Attention(a)
		out["heads of "+name] = AttentionHeads(a)
	}
	return out
}

func TestAttentionSaysWhatItShows(t *testing.T) {
	figures := attentionFigures()
	for name, want := range map[string][]string{
		"attention of 1 small picture": {"what the model sees", "exact attention", "neurons and astrocytes", "attention, %", "uniform attention",
			"layer 11, mean of 4 heads; each network runs by itself; each input has one scale for both networks",
			"truth", "exact", "circuit", "uniform", "100%", "1.0%", "bag", "–", "a truth", "*_{markup}^{<scri…", "r = 0.900"},
		"attention of 6 long sounds": {"seen", "exact", "circuit", "time (s)", "32", "0", "2.0"},
		"attention of 1 short sound": {"mel bin", "64", "0.5", "1.0"},
		"attention of undefined": {"layer 11, mean of 4 heads; each network runs by itself; each input has one scale for both networks; hatched: not defined",
			"r = –", "≤0"},
		"attention of text":       {"[CLS]", "create", "d", "th", "text 1", "truth", "ing", "(space) 25%", "framed: where the answer is read"},
		"attention of sink":       {"<s>", "un", "believ", "中文", "שלום", "a□b", "*_{x}^", "</s>"},
		"attention of long texts": {"end", "text 2"},
		"attention of none":       {"no attention was kept"},
		"heads of 1 small picture": {"head 0, r 0.97", "head 3, r 0.99", "exact above circuit, all heads on one scale; r: correlation of the two",
			"layer 11, a-file-whose-name-is-far-too-long-for-its-place-0.png"},
		"heads of text":     {"head 7", "r 0.94", "beginning", "[SEP]"},
		"heads of 3 tokens": {"head 15", "c"},
	} {
		var b bytes.Buffer
		if err := figures[name].SVG(&b); err != nil {
			t.Fatal(err)
		}
		texts := strings.Join(parse(t, b.Bytes()).texts, "\n") + "\n"
		for _, w := range want {
			if !strings.Contains("\n"+texts, "\n"+w+"\n") {
				t.Errorf("%s does not say %q; it says:\n%s", name, w, texts)
			}
		}
	}
}

func TestAttentionIsDescribedToThoseWhoCannotSee(t *testing.T) {
	d := Attention(attendedTexts(2, sentence)).Description()
	for _, want := range []string{"layer 3, mean of 2 heads", "behind the words of 1 input", "text 1: correlation 0.900, truth ing, exact (space) 25%"} {
		if !strings.Contains(d, want) {
			t.Errorf("%q is not in %q", want, d)
		}
	}
}

func TestAttentionGivesTheSameBytes(t *testing.T) {
	draw := func(a transfer.Attended) []byte {
		var b bytes.Buffer
		for _, f := range []*Figure{Attention(a), AttentionHeads(a)} {
			for _, err := range []error{f.PNG(&b, 60), f.SVG(&b), f.Inline(&b)} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		return b.Bytes()
	}
	for _, a := range []transfer.Attended{attendedPictures(shortSound, 2, 4), attendedTexts(2, sentence)} {
		if !bytes.Equal(draw(a), draw(a)) {
			t.Error("two drawings of the same attention differ")
		}
	}
}

func TestPatchesThatOverlapGiveTheirMean(t *testing.T) {
	p := transfer.Patches{Channels: 3, Height: 3, Width: 5, PatchHeight: 2, PatchWidth: 2, StrideHeight: 2, StrideWidth: 1, Rows: 1, Cols: 4}
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		channels int
		want     []float64
	}{
		{3, []float64{1, 1.5, nan, nan, 4, 1, 1.5, nan, nan, 4, inf, inf, inf, inf, inf}},
		{1, []float64{inf, inf, inf, inf, inf, 1, 1.5, nan, nan, 4, 1, 1.5, nan, nan, 4}}, // low frequencies at the bottom
	} {
		p.Channels = test.channels
		got := newView(&p, 10*mm).spread([]float64{1, 2, nan, 4})
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%d channels: got %v, want %v", test.channels, got, test.want)
		}
	}
}

func TestSoundsHaveLowFrequenciesAtTheBottomAndPicturesStay(t *testing.T) {
	p := transfer.Patches{Channels: 1, Height: 2, Width: 2, PatchHeight: 1, PatchWidth: 1, StrideHeight: 1, StrideWidth: 1, Rows: 2, Cols: 2,
		Seen: []float32{9, 1, 1, 1}}
	img := newView(&p, 10*mm).seen()
	side := img.Bounds().Dx()
	if side < finest || img.Bounds().Dy() != side {
		t.Fatalf("it is %v", img.Bounds())
	}
	if loud, quiet := img.NRGBAAt(0, side-1), img.NRGBAAt(0, 0); loud.R <= quiet.R || img.NRGBAAt(side/2-1, side/2) != loud {
		t.Errorf("the first frequency is %v at the bottom, the second %v at the top", loud, quiet)
	}
	p.Channels, p.Seen = 3, []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2}
	img = newView(&p, 10*mm).seen()
	for i, want := range []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {0, 0, 255, 255}} {
		if got := img.NRGBAAt(i%2*(side-1), i/2*(side-1)); got != want {
			t.Errorf("pixel %d is %v, want %v", i, got, want)
		}
	}
}

func TestLargePicturesAreDrawnCoarsely(t *testing.T) {
	p := longSound
	p.Seen = make([]float32, p.Height*p.Width)
	for i := range p.Seen {
		p.Seen[i] = float32(i % 2) // of two neighbours, the mean
	}
	v := newView(&p, 100*mm)
	img := v.seen()
	if v.coarse != 2 || img.Bounds().Dx() != 512 || img.Bounds().Dy() != 64 {
		t.Fatalf("%d pixels as one, in %v", v.coarse, img.Bounds())
	}
	if c, want := img.NRGBAAt(100, 30), (oklab{L: 0.08 + 0.9*0.5}).nrgba(); c != want {
		t.Errorf("the mean is %v, want %v", c, want)
	}
}

func TestScaleOfAttentionIsNotLeftToOneToken(t *testing.T) {
	even := make([]float64, 100)
	for i := range even {
		even[i] = float64(i) / 1000
	}
	peak := append(append([]float64(nil), even...), 0.9)
	for _, test := range []struct {
		values []float64
		want   shades
	}{
		{even, shades{hi: 0.099}},
		{peak, shades{hi: 0.095, open: true}},
		{[]float64{-0.1, 0.2, math.NaN(), math.Inf(1)}, shades{hi: 0.2, signed: true}},
		{[]float64{0, 0}, shades{hi: 1}},
		{[]float64{math.NaN()}, shades{hi: 1}},
		{nil, shades{hi: 1}},
	} {
		if got := newShades(test.values); got.open != test.want.open || got.signed != test.want.signed || math.Abs(got.hi-test.want.hi) > 1e-12 {
			t.Errorf("%v has the scale %+v, want %+v", test.values, got, test.want)
		}
	}
}

func TestMeanOfHeadsIsOnlyDefinedWhereAllAre(t *testing.T) {
	nan := transfer.Number(math.NaN())
	got := meanOfHeads([][]transfer.Number{{1, 2, nan}, {3, 4, 5, 6}}, 4)
	if fmt.Sprint(got) != "[2 3 NaN NaN]" {
		t.Errorf("got %v", got)
	}
	if got := meanOfHeads(nil, 2); fmt.Sprint(got) != "[NaN NaN]" {
		t.Errorf("without heads: %v", got)
	}
}

func TestWindowHoldsWhereTheAnswerIsRead(t *testing.T) {
	for _, test := range []struct {
		n, most int
		readout []int
		lo, hi  int
	}{
		{5, 10, []int{4}, 0, 5}, {50, 10, []int{0}, 0, 10}, {50, 10, []int{49}, 40, 50}, {50, 10, []int{20}, 11, 21},
		{50, 10, nil, 0, 10}, {50, 10, []int{99}, 40, 50}, {0, 10, nil, 0, 0},
	} {
		if lo, hi := window(test.n, test.readout, test.most); lo != test.lo || hi != test.hi {
			t.Errorf("%+v: %d to %d", test, lo, hi)
		}
	}
}

func TestGlowKeepsItsOrderForAllReadersAndTheRelief(t *testing.T) {
	g := newGlow()
	for vision, m := range visions {
		for _, p := range []float64{0, 0.5, 1} {
			last := -1.0
			for i := range 21 {
				l := seen(g.at(float64(i)/20, p), m).L
				if l <= last {
					t.Errorf("%s: at lightness %g, %d%% of attention is not lighter than less: %.4f, %.4f", vision, p, 5*i, l, last)
				}
				last = l
			}
		}
		for i := range 11 {
			x := float64(i) / 10
			dark, middle, light := seen(g.at(x, 0), m).L, seen(g.at(x, 0.5), m).L, seen(g.at(x, 1), m).L
			// 0.02 is about a just noticeable difference.
			if middle-dark < 0.05 || light-middle < 0.05 {
				t.Errorf("%s: at attention %g the picture has the lightnesses %.3f, %.3f, %.3f", vision, x, dark, middle, light)
			}
		}
	}
}

func TestPairsOfHeadsFillTheirRows(t *testing.T) {
	for _, test := range []struct {
		p       transfer.Patches
		n, want int
	}{
		{largePicture, 1, 1}, {largePicture, 4, 4}, {largePicture, 6, 3}, {largePicture, 8, 4}, {largePicture, 12, 6}, {largePicture, 16, 8},
		{longSound, 4, 1}, {longSound, 12, 2}, {longSound, 16, 2},
	} {
		columns, panel := cells(&test.p, test.n)
		if columns != test.want || panel.X < 15*mm || panel.Y < 5*mm {
			t.Errorf("%d heads of %d x %d: %d columns of %.1f mm x %.1f mm, want %d", test.n, test.p.Height, test.p.Width, columns, panel.X/mm, panel.Y/mm, test.want)
		}
	}
}

func TestRasterKeepsHardPixels(t *testing.T) {
	v := view{Patches: transfer.Patches{Height: 1, Width: 2}, coarse: 1}
	img := v.paint(func(i, _, _ int) color.NRGBA { return []color.NRGBA{ink, blue}[i] })
	r := newRaster(20*mm, 10*mm, 100)
	r.picture(img, vg.Rectangle{Min: vg.Point{X: 5 * mm, Y: 2 * mm}, Max: vg.Point{X: 15 * mm, Y: 7 * mm}})
	colors := map[color.Color]int{}
	to := r.img.Image()
	for y := range to.Bounds().Dy() {
		for x := range to.Bounds().Dx() {
			colors[color.NRGBAModel.Convert(to.At(x, y))]++
		}
	}
	if len(colors) != 3 || colors[ink] == 0 || math.Abs(float64(colors[ink]-colors[blue])) > 40 {
		t.Errorf("colours %v", colors)
	}
}
