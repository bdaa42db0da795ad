package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/bench"
)

// The time is enough for all work, however busy the machine is; repetitions have
// an end of their own long before.
func TestBenchPrintsATableOrOneObject(t *testing.T) {
	o := must(t, "bench", "--work", "product", "--seconds", "20", "--threads", "2")
	for _, words := range []string{"kernel ", "peak, threads", "median GFLOPS", "of peak", "256x768x768", "1x768x768"} {
		if !strings.Contains(o.stdout, words) {
			t.Errorf("lacks %q:\n%s", words, o.stdout)
		}
	}
	if o.stderr != "" {
		t.Errorf("stderr: %s", o.stderr)
	}
	var r bench.Result
	d := json.NewDecoder(strings.NewReader(must(t, "bench", "--work", "product", "--seconds", "20", "--threads", "2", "--json").stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != bench.Schema || r.Program != programVersion() || len(r.Peaks) != 2 || r.Peaks[1].Threads != 2 || len(r.Measurements) != 8 {
		t.Errorf("%+v", r)
	}
}

// Fast products are measured beside those of float32, where there are any, and
// with their error; where there are none, that is said.
func TestBenchMeasuresFastProducts(t *testing.T) {
	var r bench.Result
	o := must(t, "bench", "--work", "product", "--seconds", "20", "--threads", "1", "--precision", "fast", "--json")
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, m := range r.Measurements {
		seen[m.Precision]++
		if !(m.Error > 1e-7 && m.Error < 5e-5) {
			t.Errorf("%+v", m)
		}
	}
	want := seen["float32"]
	if r.Reason != "" {
		want = 0
		if !strings.Contains(o.stderr, r.Reason) {
			t.Errorf("stderr does not say %q: %s", r.Reason, o.stderr)
		}
	}
	if r.Arithmetic.Precision != "fast" || seen["float32"] == 0 || seen["fast"] != want {
		t.Errorf("%+v measured %v", r.Arithmetic, seen)
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
