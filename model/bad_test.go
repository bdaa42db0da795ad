package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// copyOf returns the folder of a good case, to be spoiled.
func copyOf(t testing.TB, folder string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	dir := os.DirFS(filepath.Join("testdata", folder))
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// setConfig changes entries of config.json; nil deletes one.
func setConfig(t testing.TB, files fstest.MapFS, changes map[string]any) {
	t.Helper()
	var config map[string]any
	if err := json.Unmarshal(files["config.json"].Data, &config); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		if config[key] = value; value == nil {
			delete(config, key)
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	files["config.json"] = &fstest.MapFile{Data: text}
}

// stored is a tensor in the making.
type stored struct {
	shape []int
	data  []float32
	whole []int64 // instead of data
}

// setTensors rewrites model.safetensors after change.
func setTensors(t testing.TB, files fstest.MapFS, change func(map[string]stored)) {
	t.Helper()
	raw := files["model.safetensors"].Data
	file, err := safetensors.NewReader(bytes.NewReader(raw), int64(len(raw)), "model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]stored{}
	for _, info := range file.Tensors() {
		s := stored{shape: info.Shape}
		if info.DType == safetensors.I64 {
			s.whole, err = file.Int64(info.Name)
		} else {
			s.data, err = file.Float32(info.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
		all[info.Name] = s
	}
	change(all)
	var list []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if s := all[name]; s.whole != nil {
			list = append(list, safetensors.New(name, s.shape, s.whole))
		} else {
			list = append(list, safetensors.New(name, s.shape, s.data))
		}
	}
	var out bytes.Buffer
	if err := safetensors.Write(&out, list, nil); err != nil {
		t.Fatal(err)
	}
	files["model.safetensors"] = &fstest.MapFile{Data: out.Bytes()}
}

// refused loads a spoiled folder and wants an error with all those words.
func refused(t *testing.T, files fs.FS, words ...string) {
	t.Helper()
	m, err := Load(files, "spoiled")
	if err == nil {
		t.Fatalf("the model was loaded: %+v", m.Config())
	}
	if m != nil {
		t.Error("a model comes with the error")
	}
	for _, w := range append(words, "model spoiled: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
}

func TestTheHelpersSpoilNothing(t *testing.T) {
	files := copyOf(t, "bert-pretraining-old-names")
	setTensors(t, files, func(map[string]stored) {})
	setConfig(t, files, nil)
	if _, err := Load(files, "copy"); err != nil {
		t.Error(err)
	}
}

func TestAllMissingUnusedAndMisshapenTensorsAreListed(t *testing.T) {
	files := copyOf(t, "bert")
	setTensors(t, files, func(all map[string]stored) {
		delete(all, "encoder.layer.1.output.dense.bias")
		delete(all, "embeddings.LayerNorm.weight")
		delete(all, "pooler.dense.bias")
		all["encoder.layer.2.output.dense.bias"] = stored{shape: []int{24}, data: make([]float32, 24)}
		all["surplus"] = stored{shape: []int{1}, data: make([]float32, 1)}
		w := all["encoder.layer.0.intermediate.dense.weight"]
		all["encoder.layer.0.intermediate.dense.weight"] = stored{shape: []int{24, 40}, data: w.data}
		all["embeddings.token_type_embeddings.weight"] = stored{shape: []int{48}, data: make([]float32, 48)}
	})
	refused(t, files,
		"missing 3: ", `"encoder.layer.1.output.dense.bias"`, `"embeddings.LayerNorm.weight"`, `"pooler.dense.bias"`,
		"not used 2: ", `"encoder.layer.2.output.dense.bias"`, `"surplus"`,
		"wrong shape 2: ", `"encoder.layer.0.intermediate.dense.weight" is [24 40], config.json makes it [40 24] (intermediate_size, hidden_size)`,
		`"embeddings.token_type_embeddings.weight" is [48], config.json makes it [2 24]`, "download")
}

func TestHeadsAreLoadedWholeOrNotAtAll(t *testing.T) {
	for name, c := range map[string]struct {
		folder string
		change func(map[string]stored)
		config map[string]any
		want   []string
	}{
		"half a head": {"bert-masked-lm", func(all map[string]stored) {
			delete(all, "cls.predictions.transform.dense.weight")
		}, nil, []string{"missing 1", `"cls.predictions.transform.dense.weight"`}},
		"no bias": {"bert-masked-lm", func(all map[string]stored) {
			delete(all, "cls.predictions.bias")
			delete(all, "cls.predictions.decoder.bias")
		}, nil, []string{"missing 1", `"cls.predictions.bias"`}},
		"untied without decoder": {"bert-masked-lm-tied", func(map[string]stored) {}, map[string]any{"tie_word_embeddings": false},
			[]string{"missing 1", `"cls.predictions.decoder.weight"`}},
		"decoder of another vocabulary": {"bert-masked-lm", func(all map[string]stored) {
			all["cls.predictions.decoder.weight"] = stored{shape: []int{63, 24}, data: make([]float32, 63*24)}
		}, nil, []string{"wrong shape 1", "[63 24]", "[64 24]"}},
		"ALBERT's names in BERT": {"bert", func(all map[string]stored) {
			all["predictions.bias"] = stored{shape: []int{64}, data: make([]float32, 64)}
		}, nil, []string{"not used 1", `"predictions.bias"`}},
	} {
		t.Run(name, func(t *testing.T) {
			files := copyOf(t, c.folder)
			setTensors(t, files, c.change)
			setConfig(t, files, c.config)
			refused(t, files, c.want...)
		})
	}
}

func TestHeadsForOtherTasksAreIgnoredByName(t *testing.T) {
	files := copyOf(t, "bert-masked-lm")
	extra := []string{"classifier.bias", "cls.seq_relationship.weight", "qa_outputs.weight"}
	setTensors(t, files, func(all map[string]stored) {
		for _, name := range extra {
			all[name] = stored{shape: []int{2}, data: make([]float32, 2)}
		}
	})
	m, err := Load(files, "extra")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Ignored(), extra) {
		t.Errorf("ignored %q, want %q", m.Ignored(), extra)
	}
}

func TestDamageIsFoundInEveryPieceOfATable(t *testing.T) {
	const words = piece/24 + 1000
	files := copyOf(t, "bert")
	setConfig(t, files, map[string]any{"vocab_size": words})
	table := make([]float32, words*24)
	for i := range table {
		table[i] = math.MaxFloat32 // their sum is infinite, they are not
	}
	setTensors(t, files, func(all map[string]stored) {
		all["embeddings.word_embeddings.weight"] = stored{shape: []int{words, 24}, data: table}
	})
	if _, err := Load(files, "large numbers"); err != nil {
		t.Error(err)
	}
	table[piece+5] = float32(math.NaN())
	setTensors(t, files, func(all map[string]stored) {
		all["embeddings.word_embeddings.weight"] = stored{shape: []int{words, 24}, data: table}
	})
	refused(t, files, fmt.Sprintf("%q holds NaN at element %d;", "embeddings.word_embeddings.weight", piece+5))
}

func TestDamagedWeightsAreRefused(t *testing.T) {
	for name, value := range map[string]float32{"NaN": float32(math.NaN()), "+Inf": float32(math.Inf(1))} {
		files := copyOf(t, "albert")
		setTensors(t, files, func(all map[string]stored) {
			all["encoder.albert_layer_groups.0.albert_layers.0.ffn.weight"].data[17] = value
		})
		refused(t, files, `"encoder.albert_layer_groups.0.albert_layers.0.ffn.weight"`, name, "element 17", "download")
	}
	for range 5 { // several are read at a time, but the first in order is named
		files := copyOf(t, "bert")
		setTensors(t, files, func(all map[string]stored) {
			for _, layer := range []string{"0", "1"} {
				all["encoder.layer."+layer+".output.dense.weight"].data[3] = float32(math.Inf(-1))
			}
			all["encoder.layer.1.output.dense.bias"].data[2] = float32(math.Inf(-1))
		})
		refused(t, files, `"encoder.layer.1.output.dense.bias" holds -Inf at element 2;`)
		setTensors(t, files, func(all map[string]stored) { all["encoder.layer.1.output.dense.bias"].data[2] = 0 })
		refused(t, files, `"encoder.layer.0.output.dense.weight" holds -Inf at element 3;`)
	}
	files := copyOf(t, "albert")
	setTensors(t, files, func(all map[string]stored) {
		all["pooler.bias"] = stored{shape: []int{24}, whole: make([]int64, 24)}
	})
	refused(t, files, `"pooler.bias"`, "I64", "F32")
}

func TestTruncatedWeightsAreRefused(t *testing.T) {
	whole := copyOf(t, "bert")["model.safetensors"].Data
	header := 8 + int(binary.LittleEndian.Uint64(whole))
	for _, n := range []int{0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(whole) - 1} {
		files := copyOf(t, "bert")
		files["model.safetensors"].Data = whole[:n]
		refused(t, files, "model.safetensors", "truncated", "again")
	}
	files := copyOf(t, "bert")
	files["model.safetensors"].Data = append(slices.Clone(whole), 0)
	refused(t, files, "model.safetensors", "follow the last tensor")
}

func TestTwiceTheSameKeyIsRefused(t *testing.T) {
	files := copyOf(t, "bert")
	header := `{"pooler.dense.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"pooler.dense.bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	files["model.safetensors"].Data = append(append(data, header...), make([]byte, 8)...)
	refused(t, files, "model.safetensors", `"pooler.dense.bias"`, "twice")

	files = copyOf(t, "bert")
	files["config.json"].Data = []byte(`{"model_type":"bert","hidden_size":24,"hidden_size":32}`)
	refused(t, files, "config.json", `"hidden_size"`, "twice")
}

func TestFilesThatAreNotThere(t *testing.T) {
	for _, name := range []string{"config.json", "model.safetensors"} {
		files := copyOf(t, "bert")
		delete(files, name)
		refused(t, files, name, "there is n")
	}
}

func TestConfigurationsAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		folder  string
		changes map[string]any
		want    []string
	}{
		"architecture":        {"bert", map[string]any{"model_type": "t5"}, []string{`"t5"`, "albert, audio-spectrogram-transformer, bert"}},
		"no architecture":     {"bert", map[string]any{"model_type": nil}, []string{"no model_type", `"bert"`}},
		"activation":          {"bert", map[string]any{"hidden_act": "mish"}, []string{"hidden_act", `"mish"`, "gelu_new"}},
		"activation's kind":   {"bert", map[string]any{"hidden_act": []int{1}}, []string{"hidden_act is [1], want text"}},
		"decoder":             {"bert", map[string]any{"is_decoder": true}, []string{"is_decoder"}},
		"cross attention":     {"bert", map[string]any{"add_cross_attention": true}, []string{"add_cross_attention"}},
		"positions":           {"bert", map[string]any{"position_embedding_type": "relative_key"}, []string{`"relative_key"`, "absolute"}},
		"pruned heads":        {"bert", map[string]any{"pruned_heads": map[string][]int{"0": {1}}}, []string{"pruned_heads"}},
		"quantized":           {"bert", map[string]any{"quantization_config": map[string]int{"bits": 4}}, []string{"quantization_config"}},
		"epsilon":             {"bert", map[string]any{"layer_norm_eps": -1}, []string{"layer_norm_eps is -1"}},
		"epsilon's kind":      {"bert", map[string]any{"layer_norm_eps": "small"}, []string{"layer_norm_eps", "a number"}},
		"zero":                {"bert", map[string]any{"hidden_size": 0}, []string{"hidden_size is 0, want 1"}},
		"negative":            {"bert", map[string]any{"num_attention_heads": -3}, []string{"num_attention_heads is -3"}},
		"1e12":                {"bert", map[string]any{"vocab_size": int64(1e12)}, []string{"vocab_size is 1000000000000"}},
		"beyond int64":        {"bert", map[string]any{"vocab_size": json.Number("99999999999999999999")}, []string{"vocab_size is 99999999999999999999"}},
		"fraction":            {"bert", map[string]any{"hidden_size": 24.5}, []string{"hidden_size is 24.5, want a whole number"}},
		"text":                {"bert", map[string]any{"hidden_size": "24"}, []string{`hidden_size is "24", want a whole number`}},
		"indivisible":         {"bert", map[string]any{"num_attention_heads": 5}, []string{"hidden_size 24", "num_attention_heads 5"}},
		"layers":              {"bert", map[string]any{"num_hidden_layers": 4000}, []string{"4000 num_hidden_layers", "tensors"}},
		"too many layers":     {"bert", map[string]any{"num_hidden_layers": 1 << 27}, []string{"num_hidden_layers 134217728", "4096"}},
		"shared layers":       {"albert", map[string]any{"num_hidden_layers": 1 << 27}, []string{"num_hidden_layers 134217728"}},
		"layers times blocks": {"albert", map[string]any{"num_hidden_layers": 4096, "inner_group_num": 1 << 27}, []string{"inner_group_num 134217728"}},
		"groups":              {"albert", map[string]any{"num_hidden_groups": 4}, []string{"num_hidden_groups 4", "num_hidden_layers 3"}},
		"more layers":         {"bert", map[string]any{"num_hidden_layers": 3}, []string{"missing 16", `"encoder.layer.2.attention.self.query.weight"`}},
		"fewer layers":        {"bert", map[string]any{"num_hidden_layers": 1}, []string{"not used 16", `"encoder.layer.1.output.dense.bias"`}},
		"larger vocabulary":   {"bert", map[string]any{"vocab_size": 200_000_000}, []string{"[64 24]", "[200000000 24]"}},
		"larger heads":        {"bert", map[string]any{"hidden_size": 1 << 28, "num_attention_heads": 1 << 28}, []string{"wrong shape", "268435456"}},
		"labels":              {"bert", map[string]any{"id2label": map[string]string{"0": "a", "7": "b"}}, []string{"id2label", `"7"`}},
	} {
		t.Run(name, func(t *testing.T) {
			files := copyOf(t, c.folder)
			setConfig(t, files, c.changes)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			refused(t, files, c.want...)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<22 {
				t.Errorf("%d bytes were allocated", n)
			}
		})
	}
}

func TestConfigThatIsNoObject(t *testing.T) {
	for text, want := range map[string]string{
		"": "not valid JSON", "[]": "no JSON object", "{": "not valid JSON", `{"a":}`: "not valid JSON", `{"a":1} x`: "something follows", `{"a" 1}`: "not valid JSON",
		strings.Repeat(`{"a":`, 20000): "not valid JSON",
	} {
		files := copyOf(t, "bert")
		files["config.json"].Data = []byte(text)
		refused(t, files, "config.json: ", want)
	}
}

func TestAWrongActivationWouldBeNoticed(t *testing.T) {
	for folder, wrong := range map[string]string{"bert": "gelu_new", "bert-gelu-new": "gelu", "albert": "gelu", "albert-square": "gelu_new", "bert-relu": "silu"} {
		files := copyOf(t, folder)
		setConfig(t, files, map[string]any{"hidden_act": wrong})
		m, err := Load(files, folder)
		if err != nil {
			t.Fatal(err)
		}
		ref := openReference(t, folder)
		p := ref.padded(t)
		b, err := p.Ragged()
		if err != nil {
			t.Fatal(err)
		}
		last, err := m.Forward(t.Context(), b, Run{Work: workspace(t, 1)})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := ref.floats(t, "hidden_states")
		want = want[len(want)-len(p.IDs)*m.Width():]
		got := make([]float32, len(want))
		p.Spread(got, last, b)
		worst, scale := 0.0, 1.0
		for at, mask := range p.Mask {
			for j := at * m.Width(); mask == 1 && j < (at+1)*m.Width(); j++ {
				worst = max(worst, math.Abs(float64(got[j]-want[j])))
				scale = max(scale, math.Abs(float64(want[j])))
			}
		}
		if worst < 2*2e-4*scale {
			t.Errorf("%s: %s changes the last hidden state by %.1e of %.1f only", folder, wrong, worst, scale)
		}
	}
}

func TestTokensThatTheModelCannotTake(t *testing.T) {
	m := open(t, "bert") // 64 words, 2 segments, 20 positions
	long := NewBatch(make([]int, 3), make([]int, 21))
	for name, c := range map[string]struct {
		batch Batch
		want  []string
	}{
		"id":       {NewBatch([]int{1, 64}), []string{"sequence 0", "token 1", "64", "0 to 63", "tokenizer"}},
		"negative": {NewBatch([]int{-1}), []string{"-1"}},
		"segment":  {Batch{Sequences: tensor.NewSequences(1), IDs: []int{1}, Segments: []int{2}}, []string{"token type", "0 to 1"}},
		"position": {Batch{Sequences: tensor.NewSequences(1), IDs: []int{1}, Positions: []int{20}}, []string{"position 20", "shorten"}},
		"length":   {long, []string{"sequence 1 of 21 tokens", "20 positions", "shorten the text or split it"}},
	} {
		_, err := m.Forward(t.Context(), c.batch, Run{Work: workspace(t, 1)})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range append(c.want, "bert") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: the error does not say %q: %v", name, w, err)
			}
		}
	}
}

func TestMasksThatAreNone(t *testing.T) {
	p := Padded{Rows: 2, Cols: 2, IDs: []int64{1, 2, 3, 4}}
	p.Mask = []int64{1, 1, 2, 1}
	if _, err := p.Ragged(); err == nil || !strings.Contains(err.Error(), "row 1, column 0") {
		t.Errorf("a mask of 2: %v", err)
	}
	p.Mask = []int64{1, 0, 0, 0}
	if _, err := p.Ragged(); err == nil || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("a row of padding: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	good := copyOf(f, "bert")
	f.Add(good["config.json"].Data)
	f.Add(copyOf(f, "albert-groups")["config.json"].Data)
	f.Add([]byte(`{"model_type":"bert","hidden_size":1e12,"num_attention_heads":0,"num_hidden_layers":-1}`))
	f.Add([]byte(`{"model_type":"albert","num_hidden_layers":4096,"num_hidden_groups":4096,"inner_group_num":4096}`))
	f.Add([]byte(`{"model_type":"bert","id2label":{"0":"a","00":"b"},"layer_norm_eps":1e400}`))
	f.Add([]byte(`{"model_type":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := parseConfig(text)
		if err != nil {
			return
		}
		if cfg.Width%cfg.Heads != 0 || cfg.Applications() > maxApplications || cfg.Applications() < 1 || cfg.Input == Tokens && cfg.Vocabulary < 1 {
			t.Fatalf("%+v", cfg)
		}
		m, err := Load(fstest.MapFS{"config.json": {Data: text}, "model.safetensors": good["model.safetensors"]}, "fuzz")
		if err != nil {
			return
		}
		if _, err := m.Forward(t.Context(), NewBatch([]int{0, 1}), Run{Work: workspace(t, 1)}); err != nil && cfg.Positions > 1 {
			t.Fatal(err)
		}
	})
}
