package task

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/model"
)

func loadModel(t *testing.T, name string) *model.Model {
	t.Helper()
	m, err := model.Load(os.DirFS(filepath.Join(testdata, name)), name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func arrays(t *testing.T, name string) Arrays {
	t.Helper()
	file := name + "/reference.safetensors"
	ids, types, mask := ints(t, file, "input_ids"), ints(t, file, "token_type_ids"), ints(t, file, "attention_mask")
	return Arrays{InputIDs: &ids, TokenTypeIDs: &types, AttentionMask: &mask}
}

func TestArraysComeOutInTheShapesOfTransformers(t *testing.T) {
	for _, name := range []string{"bert", "bert-left-padding", "bert-masked-lm", "albert-groups", "albert-pretraining"} {
		m := loadModel(t, name)
		in := arrays(t, name)
		got, err := Hidden(t.Context(), m, in, options(t))
		if err != nil {
			t.Fatal(err)
		}
		file := name + "/reference.safetensors"
		want, shape := floats(t, file, "hidden_states")
		if !slices.Equal(got.HiddenStates.Shape, shape) || !slices.Equal(got.LastHiddenState.Shape, shape[1:]) {
			t.Fatalf("%s: shapes %v and %v, want %v", name, got.HiddenStates.Shape, got.LastHiddenState.Shape, shape)
		}
		// What transformers leaves under padding means nothing.
		tokens, d := len(in.InputIDs.Data), shape[3]
		for i := range want {
			if in.AttentionMask.Data[i/d%tokens] == 0 {
				want[i] = 0
			}
		}
		near(t, name, got.HiddenStates.Data, want, 1e-3)
		near(t, name, got.LastHiddenState.Data, want[len(want)-tokens*d:], 1e-3)
		if (got.Logits != nil) != m.HasLogits() || (got.PoolerOutput != nil) != m.HasPooler() {
			t.Errorf("%s: logits %v, pooler output %v", name, got.Logits != nil, got.PoolerOutput != nil)
		}
		if got.Logits != nil {
			if _, shape := floats(t, file, "logits"); !slices.Equal(got.Logits.Shape, shape) {
				t.Errorf("%s: logits %v, want %v", name, got.Logits.Shape, shape)
			}
		}
		if got.PoolerOutput != nil && !slices.Equal(got.PoolerOutput.Shape, []int{shape[1], d}) {
			t.Errorf("%s: pooler output %v", name, got.PoolerOutput.Shape)
		}
	}
}

func TestABatchOfOneHasNoBatchAxis(t *testing.T) {
	m := loadModel(t, "albert-pretraining")
	for _, shape := range [][]int{{3}, {1, 3}} {
		got, err := Hidden(t.Context(), m, Arrays{InputIDs: &Ints{Shape: shape, Data: []int64{2, 9, 3}}}, options(t))
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct{ got, want []int }{
			"hidden_states":     {got.HiddenStates.Shape, []int{m.Layers() + 1, 3, m.Width()}},
			"last_hidden_state": {got.LastHiddenState.Shape, []int{3, m.Width()}},
			"logits":            {got.Logits.Shape, []int{3, 64}},
			"pooler_output":     {got.PoolerOutput.Shape, []int{m.Width()}},
		} {
			if !slices.Equal(c.got, c.want) {
				t.Errorf("input %v: %s has the shape %v, want %v", shape, what, c.got, c.want)
			}
		}
	}
}

func TestRowsDoNotDependOnHowManyRunTogether(t *testing.T) {
	m := loadModel(t, "bert-pretraining-old-names")
	in := arrays(t, "bert-pretraining-old-names")
	few, err := Hidden(t.Context(), m, in, options(t))
	if err != nil {
		t.Fatal(err)
	}
	const times = 100 // several batches
	rows, cols := in.InputIDs.Shape[0], in.InputIDs.Shape[1]
	repeat := func(a Ints) Ints {
		return Ints{Shape: []int{times * rows, cols}, Data: slices.Repeat(a.Data, times)}
	}
	ids := repeat(*in.InputIDs)
	types, mask := repeat(*in.TokenTypeIDs), repeat(*in.AttentionMask)
	many, err := Hidden(t.Context(), m, Arrays{InputIDs: &ids, TokenTypeIDs: &types, AttentionMask: &mask}, options(t))
	if err != nil {
		t.Fatal(err)
	}
	end := func(x []float32, n int) []float32 { return x[len(x)-n:] }
	for what, c := range map[string]struct{ few, many []float32 }{
		"last hidden state": {few.LastHiddenState.Data, many.LastHiddenState.Data},
		"all hidden states": {end(few.HiddenStates.Data, len(few.LastHiddenState.Data)), many.HiddenStates.Data},
		"logits":            {few.Logits.Data, many.Logits.Data},
		"pooler output":     {few.PoolerOutput.Data, many.PoolerOutput.Data},
	} {
		if !slices.Equal(c.few, end(c.many, len(c.few))) {
			t.Errorf("%s of the last rows differ among many", what)
		}
	}
	first := many.HiddenStates.Data[:len(few.HiddenStates.Data)/(m.Layers()+1)]
	if !slices.Equal(first, few.HiddenStates.Data[:len(first)]) {
		t.Error("the first hidden state of the first rows differs among many")
	}
}

func TestArraysThatDoNotFit(t *testing.T) {
	m := loadModel(t, "bert")
	row := Ints{Shape: []int{2}, Data: []int64{2, 3}}
	for name, c := range map[string]struct {
		in   Arrays
		want []string
	}{
		"three axes":  {Arrays{InputIDs: &Ints{Shape: []int{1, 1, 2}, Data: row.Data}}, []string{"input_ids", "[1 1 2]"}},
		"none":        {Arrays{InputIDs: &Ints{Shape: []int{}, Data: row.Data[:1]}}, []string{"input_ids"}},
		"no token":    {Arrays{InputIDs: &Ints{Shape: []int{3, 0}}}, []string{"input_ids", "no token"}},
		"other shape": {Arrays{InputIDs: &row, AttentionMask: &Ints{Shape: []int{1, 2}, Data: []int64{1, 1}}}, []string{"attention_mask", "[1 2]", "[2]"}},
		"other types": {Arrays{InputIDs: &row, TokenTypeIDs: &Ints{Shape: []int{1}, Data: []int64{0}}}, []string{"token_type_ids"}},
		"all padding": {Arrays{InputIDs: &row, AttentionMask: &Ints{Shape: []int{2}, Data: []int64{0, 0}}}, []string{"attention_mask"}},
		"mask":        {Arrays{InputIDs: &row, AttentionMask: &Ints{Shape: []int{2}, Data: []int64{1, 3}}}, []string{"attention_mask is 3"}},
		"id":          {Arrays{InputIDs: &Ints{Shape: []int{2}, Data: []int64{2, 64}}}, []string{"id 64", "0 to 63"}},
		"large id":    {Arrays{InputIDs: &Ints{Shape: []int{2}, Data: []int64{2, 1 << 62}}}, []string{"vocabulary"}},
		"segment":     {Arrays{InputIDs: &row, TokenTypeIDs: &Ints{Shape: []int{2}, Data: []int64{0, -1}}}, []string{"token type"}},
		"long":        {Arrays{InputIDs: &Ints{Shape: []int{21}, Data: make([]int64, 21)}}, []string{"20 positions", "shorten"}},
		"late row":    {Arrays{InputIDs: &Ints{Shape: []int{300, 20}, Data: append(make([]int64, 299*20), slices.Repeat([]int64{99}, 20)...)}}, []string{"sequence 299", "99"}},
	} {
		_, err := Hidden(t.Context(), m, c.in, options(t))
		says(t, name, err, c.want...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Hidden(ctx, m, Arrays{InputIDs: &row}, options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestImagesSoundsAndCausalModels(t *testing.T) {
	for name, c := range map[string]struct {
		input          string
		logits, pooled bool
	}{
		"vit": {"pixel_values", false, true}, "vit-two-labels": {"pixel_values", true, false}, "deit-teacher": {"pixel_values", true, false},
		"ast-labels": {"input_values", true, true}, "gpt2-left-padding": {"input_ids", true, false}, "bloom": {"input_ids", true, false},
	} {
		m, file := loadModel(t, name), name+"/reference.safetensors"
		var in Arrays
		mask := []int64{1}
		switch c.input {
		case "input_ids":
			ids, masks := ints(t, file, c.input), ints(t, file, "attention_mask")
			in, mask = Arrays{InputIDs: &ids, AttentionMask: &masks}, masks.Data
		default:
			x, shape := floats(t, file, c.input)
			if f := (&Floats{Shape: shape, Data: x}); c.input == "pixel_values" {
				in.PixelValues = f
			} else {
				in.InputValues = f
			}
		}
		got, err := Hidden(t.Context(), m, in, options(t))
		if err != nil {
			t.Fatal(err)
		}
		if (got.Logits != nil) != c.logits || (got.PoolerOutput != nil) != c.pooled {
			t.Errorf("%s: logits %v, pooler output %v", name, got.Logits != nil, got.PoolerOutput != nil)
		}
		for array, out := range map[string]*Floats{
			"hidden_states": &got.HiddenStates, "last_hidden_state": &got.LastHiddenState, "logits": got.Logits, "pooler_output": got.PoolerOutput,
		} {
			if out == nil || array == "last_hidden_state" && c.input == "input_ids" {
				continue
			}
			want, shape := floats(t, file, array)
			if !slices.Equal(out.Shape, shape) {
				t.Fatalf("%s: %s has the shape %v, want %v", name, array, out.Shape, shape)
			}
			for i := range want { // what transformers leaves under padding means nothing
				if width := shape[len(shape)-1]; mask[i/width%len(mask)] == 0 {
					want[i] = 0
				}
			}
			near(t, name+", "+array, out.Data, want, 2e-3) // 2e-4 of values up to 10 and more
		}
	}
}

func TestOneImageHasNoBatchAxis(t *testing.T) {
	m := loadModel(t, "vit-two-labels")
	x, _ := floats(t, "vit-two-labels/reference.safetensors", "pixel_values")
	for _, shape := range [][]int{{3, 14, 14}, {1, 3, 14, 14}} {
		got, err := Hidden(t.Context(), m, Arrays{PixelValues: &Floats{shape, x[:3*14*14]}}, options(t))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.HiddenStates.Shape, []int{2, 10, 24}) || !slices.Equal(got.Logits.Shape, []int{2}) {
			t.Errorf("input %v: hidden states %v, logits %v", shape, got.HiddenStates.Shape, got.Logits.Shape)
		}
	}
	for name, c := range map[string]struct {
		in   Arrays
		want []string
	}{
		"tokens":     {Arrays{InputIDs: &Ints{Shape: []int{1}, Data: []int64{1}}}, []string{"reads pixel_values", "holds input_ids"}},
		"nothing":    {Arrays{}, []string{"reads pixel_values"}},
		"other size": {Arrays{PixelValues: &Floats{[]int{3, 7, 28}, x[:3*14*14]}}, []string{"[1 3 7 28]", "resize"}},
		"no axes":    {Arrays{PixelValues: &Floats{[]int{}, x[:1]}}, []string{"pixel_values"}},
		"no images":  {Arrays{PixelValues: &Floats{[]int{0, 3, 14, 14}, nil}}, []string{"pixel_values", "holds nothing"}},
	} {
		_, err := Hidden(t.Context(), m, c.in, options(t))
		says(t, name, err, c.want...)
	}
}
