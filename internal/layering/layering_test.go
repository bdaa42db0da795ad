package layering

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// graph asks the go command for the module's packages and what they import.
func graph(t *testing.T) (imports map[string][]string, deps map[string][]string) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", Module+"/...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	imports, deps = map[string][]string{}, map[string][]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath    string
			Imports, Deps []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, Module), "/")
		if rel == "" {
			rel = "."
		}
		imports[rel], deps[rel] = p.Imports, p.Deps
	}
	return imports, deps
}

func TestImportsFlowOneWay(t *testing.T) {
	imports, _ := graph(t)
	if _, ok := imports["."]; !ok || len(imports) < 5 {
		t.Fatalf("go list found %d packages and not the root", len(imports))
	}
	for _, b := range Check(imports) {
		t.Error(b)
	}
}

func TestLibraryUsersDoNotCarryBundledModels(t *testing.T) {
	_, deps := graph(t)
	for pkg, all := range deps {
		if Free(pkg) || pkg == "zoo" {
			continue
		}
		for _, d := range all {
			if strings.HasPrefix(d, Module+"/zoo") {
				t.Errorf("%s depends on %s", pkg, d)
			}
		}
	}
}

// The check can fail.
func TestBrokenRulesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		imports map[string][]string
		want    string
	}{
		"reaches up":         {map[string][]string{"tuning": {Module + "/tensor"}}, "tuning imports " + Module + "/tensor"},
		"root imports model": {map[string][]string{".": {"math", Module + "/model"}}, ". imports " + Module + "/model"},
		"kernel leaves home": {map[string][]string{"internal/kernel": {"golang.org/x/sys/cpu"}}, "internal/kernel imports golang.org/x/sys/cpu"},
		"unlisted package":   {map[string][]string{"brain": {"fmt"}}, "brain has no rule"},
		"cgo":                {map[string][]string{"tensor": {"C"}}, "tensor imports C"},
		"zoo in a library":   {map[string][]string{"task": {Module + "/zoo"}}, "task imports " + Module + "/zoo"},
	} {
		got := Check(c.imports)
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
	if got := Check(map[string][]string{"tensor": {"math", Module + "/internal/kernel"}, "cmd/tripartite": {Module + "/zoo"}}); len(got) != 0 {
		t.Errorf("good imports are refused: %q", got)
	}
}
