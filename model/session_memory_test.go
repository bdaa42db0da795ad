package model

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/safetensors"
)

// kept writes the memory of a session and opens what was written.
func kept(t *testing.T, s *Session) (*safetensors.File, []byte) {
	t.Helper()
	tensors, err := s.Memory()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory")
	if err != nil {
		t.Fatal(err)
	}
	return f, b.Bytes()
}

func session(t *testing.T, m *Model, run Run) *Session {
	t.Helper()
	s, err := m.NewSession(run)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASessionGoesOnFromItsMemoryToTheBit(t *testing.T) {
	for _, folder := range []string{"gpt2-scaled", "bloom", "bloom-odd"} {
		m := open(t, folder)
		run := Run{Heads: circuits(t, m, 24), Work: workspace(t, 1)}
		one, ids := session(t, m, run), randomIDs(4, 18)
		feed := func(s *Session, ids ...int) []float32 {
			x, err := s.Feed(t.Context(), ids...)
			if err != nil {
				t.Fatal(err)
			}
			return slices.Clone(x.Data)
		}
		for n := range 17 {
			f, _ := kept(t, one)
			other := session(t, m, run)
			feed(other, 7, 7) // what it was before does not matter
			if err := other.Restore(f, n); err != nil {
				t.Fatal(err)
			}
			if other.Tokens() != n {
				t.Fatalf("%s: %d tokens, want %d", folder, other.Tokens(), n)
			}
			if n > 0 && !slices.Equal(other.Logits(), one.Logits()) {
				t.Errorf("%s: after %d tokens the logits differ", folder, n)
			}
			want, got := feed(one, ids[n]), feed(other, ids[n])
			if !slices.Equal(got, want) {
				t.Errorf("%s: after %d tokens the next differs", folder, n)
			}
			_, a := kept(t, one)
			if _, b := kept(t, other); !bytes.Equal(a, b) {
				t.Errorf("%s: after %d tokens the memories differ", folder, n+1)
			}
		}
	}
}

func TestMemoriesThatASessionRefuses(t *testing.T) {
	m := open(t, "bloom")
	run := Run{Heads: circuits(t, m, 24), Work: workspace(t, 1)}
	s := session(t, m, run)
	if _, err := s.Feed(t.Context(), 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	f, _ := kept(t, s)
	for name, c := range map[string]struct {
		run  Run
		of   *Model
		n    int
		want string
	}{
		"more neurons":   {Run{Heads: circuits(t, m, 25), Work: run.Work}, m, 3, "0.0.hebb"},
		"another model":  {Run{Work: run.Work, Heads: circuits(t, open(t, "bloom-long"), 24)}, open(t, "bloom-long"), 3, "tensor"},
		"exact":          {Run{Work: run.Work}, m, 3, "no circuit"},
		"tokens below 0": {run, m, -1, "-1 tokens"},
	} {
		other := session(t, c.of, c.run)
		if err := other.Restore(f, c.n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if other.Tokens() != 0 {
			t.Errorf("%s: %d tokens", name, other.Tokens())
		}
	}
	exact := session(t, m, Run{Work: run.Work})
	if _, err := exact.Memory(); err == nil || !strings.Contains(err.Error(), "layer 0, head 0 is no circuit") {
		t.Errorf("exact heads: %v", err)
	}
	if _, err := exact.Circuits(); err == nil {
		t.Error("exact heads are described as circuits")
	}
	a, err := s.Circuits()
	if err != nil || strings.Count(string(a), "fingerprint") != m.Layers()*m.Heads() {
		t.Errorf("circuits %s, %v", a, err)
	}
	if s.Tokens() != 3 {
		t.Errorf("%d tokens", s.Tokens())
	}
}
