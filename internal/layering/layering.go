// Package layering states which package of this module may import which, and
// finds imports that break the rules. Data flows one way, from tokens to
// figures, and no package reaches back up.
package layering

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the path of this module.
const Module = "github.com/tripartite-go/tripartite"

// Rule says what one package may import besides the standard library.
type Rule struct {
	// Packages of this module, relative to its root; "." is the root package.
	// Importing X allows neither what X imports nor what lies below X.
	Internal []string
	// Prefixes of module paths from outside.
	External []string
}

// Rules returns the rule of every package, by its path relative to the root. A
// package that is not listed must be added here first, deliberately.
func Rules() map[string]Rule {
	gonum := []string{"gonum.org/v1/gonum"}
	rules := map[string]Rule{
		"internal/atomicfile":   {},
		"internal/layering":     {},
		"internal/stats":        {External: gonum},
		"internal/counts":       {},
		"internal/preprocessor": {},
		"internal/pieces":       {},
		"internal/npz":          {Internal: []string{"internal/atomicfile"}},
		"internal/hubtest":      {},
		"internal/kernel":       {},
		"internal/kernel/gen":   {}, // writes the assembly of kernel

		"safetensors": {Internal: []string{"internal/atomicfile"}},
		"tuning":      {External: gonum},
		"ode":         {External: gonum},
		".":           {Internal: []string{"tuning", "safetensors"}},
		"tensor":      {Internal: []string{"internal/kernel"}, External: []string{"golang.org/x/sys/unix"}},
		"rate":        {Internal: []string{".", "tuning"}, External: gonum},
		"attention":   {Internal: []string{".", "tuning", "rate", "tensor"}},
		"nn":          {Internal: []string{"tensor", "attention"}},
		"model":       {Internal: []string{"nn", "attention", "tensor", "safetensors"}},
		"input/text":  {External: []string{"golang.org/x/text"}},
		"input/image": {Internal: []string{"internal/preprocessor"}, External: []string{"golang.org/x/image/webp"}},
		"input/audio": {Internal: []string{"internal/preprocessor"}, External: []string{"gonum.org/v1/gonum/dsp/fourier", "github.com/mewkiz/flac"}},
		"hub":         {},
	}
	engine := []string{".", "tuning", "safetensors", "tensor", "attention", "nn", "model"}
	rules["network"] = Rule{Internal: append(engine, "rate", "input/text", "input/image", "input/audio")}
	rules["task"] = Rule{Internal: append(engine, "input/text", "network")}
	rules["internal/activations"] = Rule{Internal: []string{".", "tuning", "attention", "model", "nn", "tensor"}, External: gonum}
	rules["internal/answers"] = Rule{Internal: []string{"model", "network"}}
	measures := slices.Clip(append(engine, "network", "internal/activations", "internal/answers", "internal/counts", "internal/stats"))
	rules["transfer"] = Rule{Internal: append(measures, "input/text", "task"), External: gonum}
	rules["experiment"] = Rule{Internal: append(measures, "rate", "transfer", "internal/atomicfile"), External: gonum}
	rules["stream"] = Rule{Internal: []string{".", "tuning", "model", "attention", "nn", "tensor", "safetensors", "internal/atomicfile"}}
	rules["fit"] = Rule{Internal: append(engine, "network", "internal/atomicfile", "internal/stats"), External: gonum}
	rules["bench"] = Rule{Internal: []string{"attention", "nn", "tensor", "tuning", "internal/stats"}}
	// Answers the script that compares with other programs.
	rules["tools/bench/ours"] = Rule{Internal: []string{"bench", "model", "nn", "rate", "tensor", "tuning"}}
	// From result data only.
	rules["figure"] = Rule{Internal: []string{"transfer", "experiment", "rate", "internal/counts", "internal/pieces", "internal/stats"}, External: []string{"gonum.org/v1/plot", "gonum.org/v1/gonum", "golang.org/x/image"}}
	rules["internal/report"] = Rule{Internal: []string{"transfer", "experiment", "figure", "internal/atomicfile", "internal/counts", "internal/pieces", "internal/stats"}}

	// Bundled models: imported by the command alone, so that a library's user does
	// not carry them.
	bundled := []string{"zoo/language", "zoo/causal", "zoo/vision", "zoo/audition"}
	rules["zoo"] = Rule{Internal: bundled}
	rules["internal/zootest"] = Rule{Internal: []string{"model", "nn", "tensor"}} // their tests
	for _, pkg := range bundled {
		rules[pkg] = Rule{}
	}
	return rules
}

// Free reports whether a package may import everything: commands and what is
// written for them.
func Free(pkg string) bool {
	return pkg == "cmd" || strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "internal/cli")
}

// Check returns a sentence for every import that breaks the rules. Imports maps
// each package of the module (relative path) to the paths it imports.
func Check(imports map[string][]string) []string {
	rules := Rules()
	var broken []string
	for pkg, paths := range imports {
		if Free(pkg) {
			continue
		}
		rule, ok := rules[pkg]
		if !ok {
			broken = append(broken, fmt.Sprintf("%s has no rule: add one to internal/layering", pkg))
			continue
		}
		for _, path := range paths {
			if !rule.allows(path) {
				broken = append(broken, fmt.Sprintf("%s imports %s", pkg, path))
			}
		}
	}
	slices.Sort(broken)
	return broken
}

func (r Rule) allows(path string) bool {
	if path == Module {
		return slices.Contains(r.Internal, ".")
	}
	if rel, ok := strings.CutPrefix(path, Module+"/"); ok {
		return slices.Contains(r.Internal, rel)
	}
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return path != "C" // the standard library, but no cgo
	}
	return slices.ContainsFunc(r.External, func(prefix string) bool {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	})
}
