package zoo_test

import (
	"io/fs"
	"testing"

	"github.com/tripartite-go/tripartite/zoo"
)

func TestEveryModelIsFoundByItsNameAndIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range zoo.Models() {
		if seen[m.Name] {
			t.Errorf("two models are called %q", m.Name)
		}
		seen[m.Name] = true
		found, ok := zoo.Find(m.Name)
		if !ok || found.Summary != m.Summary {
			t.Errorf("Find(%q) = %q, %v; want the model itself", m.Name, found.Summary, ok)
		}
		if m.Kind == "" || m.Summary == "" || m.Licence == "" {
			t.Errorf("%s does not say its kind, summary and licence: %+v", m.Name, m)
		}
		for _, name := range []string{"config.json", "model.safetensors"} {
			if _, err := fs.Stat(m.Files(), name); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
		if len(m.Verses()) == 0 || len(m.Calibration()) == 0 {
			t.Errorf("%s has no texts to be shown on or calibrated with", m.Name)
		}
	}
	if !seen["language"] {
		t.Error("the default model is not listed")
	}
}

func TestUnknownNamesAreNotFound(t *testing.T) {
	for _, name := range []string{"", "Language", "language/"} {
		if m, ok := zoo.Find(name); ok {
			t.Errorf("Find(%q) found %s", name, m.Name)
		}
	}
}
