package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/experiment"
)

func TestExperimentsAreListed(t *testing.T) {
	text := must(t, "experiment", "list").stdout
	var listed struct {
		Experiments []struct {
			Name   string
			Config map[string]any
		}
	}
	if err := json.Unmarshal([]byte(must(t, "experiment", "list", "--json").stdout), &listed); err != nil {
		t.Fatal(err)
	}
	for i, x := range experiment.List() {
		if !strings.Contains(text, x.Name+" ") || !strings.Contains(text, x.Summary) {
			t.Errorf("%s is not listed in\n%s", x.Name, text)
		}
		if e := listed.Experiments[i]; e.Name != x.Name || len(e.Config) == 0 {
			t.Errorf("%+v, want %s with its settings", e, x.Name)
		}
	}
}

// A result goes on from finished seeds, to the same bytes.
func TestAnExperimentResumes(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", "Jesus wept.\nThe LORD is my shepherd.\nAnd God said, Let there be light.\n")
	run := func(out string, more ...string) string {
		return must(t, append([]string{"experiment", "normalizer", "--input", texts, "--set", "neurons=16", "-o", filepath.Join(dir, out)}, more...)...).stdout
	}
	run("whole", "--seeds", "3")
	run("parts", "--seeds", "2")
	text := run("parts", "--seeds", "3", "--resume")
	if !strings.Contains(text, "Measured") || !strings.Contains(text, "result.csv") {
		t.Errorf("it printed\n%s", text)
	}
	for _, name := range []string{"result.json", "result.csv", "summary.txt", "normalizer.png", "normalizer.svg", "seed-2.json"} {
		a, err := os.ReadFile(filepath.Join(dir, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "parts", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs", name)
		}
	}
}

// Ctrl-C keeps the seeds that are finished, and says how to go on.
func TestAnInterruptedExperimentSaysHowItGoesOn(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", "Jesus wept.\nThe LORD is my shepherd.\n")
	out := filepath.Join(dir, "out")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(out, "seed-1.json")); err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	o := commandWith(ctx, nil, "experiment", "normalizer", "--input", texts, "--set", "neurons=64", "--seeds", "1000", "-o", out)
	if o.code != exitInterrupted || !strings.Contains(o.stderr, "finished seed") || !strings.Contains(o.stderr, "--resume") {
		t.Errorf("exit code %d, %q", o.code, o.stderr)
	}
	if _, err := os.Stat(filepath.Join(out, "result.json")); err == nil {
		t.Error("an interrupted experiment has a result")
	}
}

func TestExperimentsRefuseWhatTheyCannotRun(t *testing.T) {
	dir := t.TempDir()
	texts := write(t, dir, "texts.txt", "Jesus wept.\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"experiment", "normalize"}, exitUsage, "normalizer"},
		{[]string{"experiment", "normalizer", "--seeds", "0"}, exitUsage, "from 1 to"},
		{[]string{"experiment", "normalizer", "--set", "neurons"}, exitUsage, "NAME=VALUE"},
		{[]string{"experiment", "normalizer", "--set", "size=3"}, exitUsage, "neurons"},
		{[]string{"experiment", "normalizer", "--set", "neurons=x"}, exitUsage, "512"},
		{[]string{"experiment", "normalizer", "-o", "-"}, exitUsage, "folder"},
		{[]string{"experiment", "normalizer", "--input", texts, "--calibrate", texts}, exitUsage, "--calibrate"},
		{[]string{"experiment", "normalizer", "-o", texts}, exitFailed, "it is a file"},
		{[]string{"experiment", "normalizer", "-m", "no-such-model", "-o", dir}, exitFailed, "bundled are"},
		{[]string{"experiment", "normalizer", "--set", "tuning=none", "-o", dir}, exitUsage, "calibrated"},
		{[]string{"experiment", "normalizer", "--set", "draw=none", "-o", dir}, exitFailed, "orthogonal"},
		{[]string{"experiment", "normalizer", "--set", "neurons=0", "-o", dir}, exitUsage, "normalizer: neurons is 0"},
		{[]string{"experiment", "timescales", "--set", "tau_astrocyte_s=[0]", "-o", dir}, exitUsage, "timescales: tau_astrocyte_s is 0"},
		{[]string{"experiment", "timescales", "--set", "window=0", "-o", dir}, exitUsage, "timescales: window is 0"},
	} {
		if o := command(c.args...); o.code != c.code || !strings.Contains(o.stderr, c.want) {
			t.Errorf("%q: exit code %d, %q; want %d and %q", c.args, o.code, o.stderr, c.code, c.want)
		}
	}
}
