package tripartite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tuning"
)

func TestSavedMemoryReadsTheSame(t *testing.T) {
	const n, d, dv = 10, 4, 3
	for _, m := range tuning.Maps() { // relu leaves neurons silent, whose shift is -Inf
		q, k, v := sequence[float32](8, n, d, dv)
		c := written[float32](t, m, k, v, d, dv, func(c *tripartite.Config[float32]) { c.Forget = 0.1 })
		path := filepath.Join(t.TempDir(), "memory.safetensors")
		if err := c.Memory().Save(path); err != nil {
			t.Fatal(err)
		}
		loaded, err := tripartite.LoadMemory[float32](path)
		if err != nil {
			t.Fatal(err)
		}
		again := circuit(t, m, 40, d, dv, func(c *tripartite.Config[float32]) { c.Forget = 0.1 })
		if err := again.Restore(loaded); err != nil {
			t.Fatal(err)
		}
		want, _ := read(c, q, d, dv)
		got, _ := read(again, q, d, dv)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: output %d is %v after loading, was %v", m, i, got[i], want[i])
			}
		}
		info, err := tripartite.InspectMemory(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Tokens != n || info.Neurons != c.Memory().Neurons() || info.Outputs != dv || info.Precision != "float32" ||
			info.Bytes != c.Memory().Bytes() || info.Circuit != c.Memory().Circuit() {
			t.Errorf("%s: described as %+v", m, info)
		}
	}
}

// What else a file says is there to be read, and nothing of the memory's own can
// be replaced by it.
func TestAMemoryIsSavedWithFurtherMetadata(t *testing.T) {
	k, v := []float64{1, 2}, []float64{3}
	m := written[float64](t, tuning.Exp, k, v, 2, 1, nil).Memory()
	path := filepath.Join(t.TempDir(), "memory.safetensors")
	if err := m.SaveWith(path, map[string]string{"whose": "mine"}); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.Metadata()["whose"]; got != "mine" {
		t.Errorf("whose: %q", got)
	}
	if again, err := tripartite.LoadMemory[float64](path); err != nil || again.Tokens() != 1 {
		t.Errorf("loaded: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("the schema can be replaced")
		}
	}()
	_ = m.SaveWith(path, map[string]string{"schema": "other"})
}

// Restoring copies: the loaded memory is not written through.
func TestRestoreCopies(t *testing.T) {
	_, k, v := sequence[float64](1, 2, 4, 3)
	c := written[float64](t, tuning.Exp, k, v, 4, 3, nil)
	saved := c.Memory().Clone()
	other := circuit[float64](t, tuning.Exp, 40, 4, 3, nil)
	if err := other.Restore(saved); err != nil {
		t.Fatal(err)
	}
	other.Write(k[:4], v[:3])
	if saved.Tokens() != 2 || other.Memory().Tokens() != 3 {
		t.Errorf("%d and %d tokens, want 2 and 3", saved.Tokens(), other.Memory().Tokens())
	}
}

func TestDamagedMemoriesAreRefused(t *testing.T) {
	const d, dv = 2, 1
	_, k, v := sequence[float64](1, 3, d, dv)
	c := written[float64](t, tuning.Exp, k, v, d, dv, nil)
	dir := t.TempDir()
	good := filepath.Join(dir, "good.safetensors")
	if err := c.Memory().Save(good); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	meta := f.Metadata()
	f.Close()
	m := c.Memory().Neurons()
	with := func(key, value string) map[string]string {
		out := map[string]string{}
		for k, v := range meta {
			out[k] = v
		}
		out[key] = value
		return out
	}
	gain, hebb, shift := make([]float64, m), make([]float64, m*dv), make([]float64, m)
	all := []safetensors.Tensor{
		safetensors.New("hebb", []int{dv, m}, hebb), safetensors.New("gain", []int{m}, gain), safetensors.New("shift", []int{m}, shift),
	}
	nan := append([]float64{}, gain...)
	nan[1] /= nan[1]
	for name, c := range map[string]struct {
		tensors []safetensors.Tensor
		meta    map[string]string
		want    string
	}{
		"other schema":   {all, with("schema", "tripartite.memory/2"), `schema is "tripartite.memory/2"`},
		"no metadata":    {all, nil, `schema is ""`},
		"tokens":         {all, with("tokens", "-4"), `number of tokens is "-4"`},
		"identity":       {all, with("circuit", "{"), "identity of the circuit"},
		"forgetting":     {all, with("circuit", `{"forget":1}`), "forgetting is 1"},
		"missing tensor": {all[:2], meta, "tensor shift is missing"},
		"wrong shape":    {[]safetensors.Tensor{all[0], all[2], safetensors.New("gain", []int{m - 1}, gain[:m-1])}, meta, "tensor gain"},
		"NaN":            {[]safetensors.Tensor{all[0], all[2], safetensors.New("gain", []int{m}, nan)}, meta, "gain[1] is NaN"},
	} {
		path := filepath.Join(dir, "bad.safetensors")
		if err := safetensors.WriteFile(path, c.tensors, c.meta); err != nil {
			t.Fatal(err)
		}
		if _, err := tripartite.LoadMemory[float64](path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one with %q and the path", name, err, c.want)
		}
	}
	if _, err := tripartite.LoadMemory[float32](good); err == nil || !strings.Contains(err.Error(), "saved in float64, asked for in float32") {
		t.Errorf("other precision: error %v", err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.safetensors")
	for _, n := range []int{0, 4, 100, len(whole) - 1} {
		if err := os.WriteFile(cut, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := tripartite.LoadMemory[float64](cut); err == nil {
			t.Errorf("a file cut to %d of %d bytes is accepted", n, len(whole))
		}
	}
}
