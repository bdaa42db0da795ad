package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/hub"
	"github.com/tripartite-go/tripartite/zoo"
)

// modelEntry is one line of `tripartite models`.
type modelEntry struct {
	Name    string `json:"name"`
	Source  string `json:"source"` // "bundled", "cache", or "hub" for what pull can fetch
	Default bool   `json:"default"`
	Kind    string `json:"kind"`
	Bytes   int64  `json:"bytes"` // of the weights
	Licence string `json:"licence"`
	Summary string `json:"summary"`
}

// modelList is what `tripartite models --json` prints.
type modelList struct {
	Schema  string       `json:"schema"`
	Program string       `json:"program"` // version of the program
	Models  []modelEntry `json:"models"`
}

func newModels(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "models",
		Short: "List known models",
		Long: `Models lists what can be given as MODEL to other commands: the bundled models,
and those in the Hugging Face cache ($HF_HUB_CACHE, $HF_HOME/hub or
~/.cache/huggingface/hub). Then it lists some that "tripartite pull MODEL" can
fetch from the Hugging Face hub. MODEL may also be a folder with config.json,
model.safetensors and the tokenizer's files. The size is that of the weights,
beside it stands what a bundled model does, or a checkpoint's model_type.`,
		Example: `  tripartite models
  tripartite models --json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			models, err := knownModels()
			if err != nil {
				return err
			}
			if e.json {
				return e.printJSON(modelList{"tripartite.models/1", programVersion(), models})
			}
			return printModels(e.stdout, models)
		},
	}
}

// knownModels lists the bundled models, then those in the cache, then those on the
// hub that are not there.
func knownModels() ([]modelEntry, error) {
	var models []modelEntry
	for i, m := range zoo.Models() {
		models = append(models, modelEntry{
			Name: m.Name, Source: "bundled", Default: i == 0, Kind: m.Kind,
			Bytes: weightBytes(m.Files()), Licence: m.Licence, Summary: m.Summary,
		})
	}
	cached, err := hub.Cached()
	if err != nil {
		return nil, err
	}
	for _, m := range cached {
		models = append(models, describe(m))
	}
	for _, m := range hub.Known() {
		if !slices.ContainsFunc(cached, func(c hub.Model) bool { return c.ID == m.ID }) {
			models = append(models, modelEntry{Name: m.ID, Source: "hub", Kind: m.Kind, Bytes: m.Bytes, Licence: m.Licence, Summary: m.Summary})
		}
	}
	return models, nil
}

// describe says of a cached model what its files say. Whether it can be run
// shows when it is loaded.
func describe(m hub.Model) modelEntry {
	e := modelEntry{Name: m.ID, Source: "cache", Kind: "unknown", Bytes: weightBytes(m.Files), Licence: "not stated"}
	var config struct {
		Type   string `json:"model_type"`
		Layers int    `json:"num_hidden_layers"`
		Width  int    `json:"hidden_size"`
	}
	if text, err := fs.ReadFile(m.Files, "config.json"); err == nil && json.Unmarshal(text, &config) == nil {
		if config.Type != "" {
			e.Kind = config.Type
		}
		if config.Layers > 0 && config.Width > 0 {
			e.Summary = fmt.Sprintf("%d layers of width %d", config.Layers, config.Width)
		}
	}
	if card, err := fs.ReadFile(m.Files, "README.md"); err == nil {
		if l := cardLicence(string(card)); l != "" {
			e.Licence = l
		}
	}
	return e
}

// weightBytes adds up the files of a model's weights, as far as they are there:
// of a cached model that was not fetched whole, some are not.
func weightBytes(files fs.FS) int64 {
	var sum int64
	names, _ := fs.Glob(files, "*.safetensors") // the pattern is right
	for _, name := range names {
		if isTuning, _ := path.Match(tuningPattern, name); isTuning {
			continue
		}
		if info, err := fs.Stat(files, path.Clean(name)); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// cardLicence finds the licence in the metadata at the head of a model card.
func cardLicence(card string) string {
	lines := strings.Split(card, "\n")
	if strings.TrimSpace(lines[0]) != "---" {
		return ""
	}
	for _, l := range lines[1:] {
		if strings.TrimSpace(l) == "---" {
			break
		}
		if name, ok := strings.CutPrefix(l, "license:"); ok {
			return strings.Trim(strings.TrimSpace(name), `"'`)
		}
	}
	return ""
}

// printModels prints a part for every source, and two lines for a model.
func printModels(w io.Writer, models []modelEntry) error {
	titles := map[string]string{
		"bundled": "Bundled with this program", "cache": "In the Hugging Face cache", "hub": `On the Hugging Face hub, for "tripartite pull"`,
	}
	width, source := 0, ""
	for _, m := range models {
		width = max(width, utf8.RuneCountInString(m.Name))
	}
	for _, m := range models {
		if m.Source != source {
			if source != "" {
				fmt.Fprintln(w)
			}
			source = m.Source
			fmt.Fprintf(w, "%s:\n", titles[source])
		}
		kind := m.Kind
		if m.Default {
			kind += " (default)"
		}
		about := "Licence: " + m.Licence
		if m.Summary != "" {
			about = m.Summary + ". " + about
		}
		fmt.Fprintf(w, "  %-*s  %7.1f MB  %s\n      %s\n", width, m.Name, float64(m.Bytes)/1e6, kind, about)
	}
	return nil
}
