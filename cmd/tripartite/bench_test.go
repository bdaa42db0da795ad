package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/bench"
)

func TestBenchPrintsATableOrOneObject(t *testing.T) {
	o := must(t, "bench", "--work", "product", "--seconds", "0.2", "--threads", "2")
	for _, words := range []string{"kernel ", "peak, threads", "median GFLOPS", "of peak", "256x768x768", "1x768x768"} {
		if !strings.Contains(o.stdout, words) {
			t.Errorf("lacks %q:\n%s", words, o.stdout)
		}
	}
	if o.stderr != "" {
		t.Errorf("stderr: %s", o.stderr)
	}
	var r bench.Result
	d := json.NewDecoder(strings.NewReader(must(t, "bench", "--work", "product", "--seconds", "0.2", "--threads", "2", "--json").stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != bench.Schema || r.Program != programVersion() || len(r.Peaks) != 2 || r.Peaks[1].Threads != 2 || len(r.Measurements) != 8 {
		t.Errorf("%+v", r)
	}
}

func TestBenchSaysWhatItLeavesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	o := must(t, "bench", "--work", "encoder,notebook", "--seconds", "0.05", "--threads", "1")
	if !strings.Contains(o.stdout, "left out: encoder 1x8192 exact on 1 thread,") || !strings.Contains(o.stdout, "left out: notebook") {
		t.Errorf("nothing is said of the longest work:\n%s", o.stdout)
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	wantFailure(t, command("bench", "--work", "product,sleep"), exitUsage, "--work", "product, encoder, notebook")
	wantFailure(t, command("bench", "--seconds", "0"), exitUsage, "--seconds", "above 0")
	wantFailure(t, command("bench", "--full", "--seconds", "3"), exitUsage, "--full", "--seconds")
}

func TestBenchCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := commandWith(ctx, nil, "bench")
	wantFailure(t, o, exitInterrupted)
	if o.stdout != "" {
		t.Errorf("prints %q", o.stdout)
	}
}
