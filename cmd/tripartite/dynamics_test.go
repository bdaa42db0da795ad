package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// filled runs the bundled language model on one text.
func filled(t *testing.T, args ...string) (runResult, outcome) {
	t.Helper()
	o := must(t, append([]string{"run", "--text", "And God said, Let there be [MASK].", "--json"}, args...)...)
	var r runResult
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatal(err)
	}
	return r, o
}

// A network in time answers as the algebraic one where time constants allow, and not
// with calcium as slow as IP3.
func TestRunInTimeAnswersAsTheAlgebraicLevelWhereTimeAllows(t *testing.T) {
	algebraic, _ := filled(t, "--attention", "algebraic")
	off := func(r runResult) float64 {
		worst := 0.0
		for i, w := range algebraic.Filled[0].Places[0].Words {
			got := r.Filled[0].Places[0].Words[i]
			if got.Token != w.Token {
				return 1
			}
			worst = max(worst, math.Abs(float64(got.Probability-w.Probability)))
		}
		return worst
	}
	fast, o := filled(t, "--attention", "rate", "--tau-astrocyte", "0.02")
	if e := off(fast); !(e < 1e-5) {
		t.Errorf("probabilities differ by %g", e)
	}
	if !strings.Contains(o.stderr, "the circuit takes 8 s for every token: 4 layers") {
		t.Errorf("stderr is %q", o.stderr)
	}
	d := fast.Config.Dynamics
	if d == nil || d.SecondsPerToken != 8 || d.Astrocyte.String() != "0.02" || d.Domains != 1 || fast.Config.TotalNeurons != algebraic.Config.TotalNeurons || algebraic.Config.Dynamics != nil {
		t.Errorf("config is %+v, %+v", fast.Config, d)
	}
	slow, _ := filled(t, "--attention", "algebraic,3=rate", "--tau-astrocyte", "7", "--present", "1,3=0.5")
	if e := off(slow); !(e > 0.01) {
		t.Errorf("a slow astrocyte changes probabilities by %g only", e)
	}
	if s := slow.Config.Dynamics.SecondsPerToken; s != 1 {
		t.Errorf("one layer in time takes %v s for a token, want 1", s)
	}
	split, _ := filled(t, "--attention", "rate", "--tau-astrocyte", "0.02", "--domains", "4")
	if e := off(split); !(e > 0.01) {
		t.Errorf("four domains change probabilities by %g only", e)
	}
}

// Causal heads go on from token to token, and threads change no byte.
func TestGenerateInTime(t *testing.T) {
	args := []string{"run", answering + "bloom", "--text", "In", "--tuning", "exp", "--neurons", "16", "--max-new-tokens", "12"}
	want := must(t, append(args, "--attention", "algebraic")...)
	got := must(t, append(args, "--attention", "rate", "--tau-astrocyte", "0.02", "--threads", "1")...)
	if got.stdout != want.stdout {
		t.Errorf("in time: %q, want %q", got.stdout, want.stdout)
	}
	if again := must(t, append(args, "--attention", "rate", "--tau-astrocyte", "0.02", "--threads", "3")...); again.stdout != got.stdout {
		t.Errorf("other threads: %q, then %q", got.stdout, again.stdout)
	}
	if !strings.Contains(got.stderr, "heads carry") {
		t.Errorf("stderr is %q", got.stderr)
	}
}

// Curves that are signed lose readings: that is said, and the answer that is none is
// refused.
func TestSignedCurvesInTimeAreReported(t *testing.T) {
	o := command("run", "--text", "And God said, Let there be [MASK].", "--attention", "rate", "--tuning", "cosine", "--neurons", "32")
	wantFailure(t, o, exitFailed, "NaN", "calibrated")
	if !strings.Contains(o.stderr, "have no value: calcium passed through zero") {
		t.Errorf("stderr is %q", o.stderr)
	}
}

func TestFlagsOfTimeWithoutEffectAreNoted(t *testing.T) {
	o := must(t, "run", "--text", "the [MASK] of God", "--attention", "algebraic", "--tau-astrocyte", "7")
	if !strings.Contains(o.stderr, "--tau-astrocyte has no effect: no head is in time") {
		t.Errorf("stderr is %q", o.stderr)
	}
	o = must(t, "run", "--text", "the [MASK] of God", "--attention", "exact,0.0=rate", "--coupling", "7")
	if !strings.Contains(o.stderr, "--coupling has no effect: every astrocyte is one domain") {
		t.Errorf("stderr is %q", o.stderr)
	}
	wantFailure(t, command("run", "--text", "the [MASK]", "--attention", "rate", "--tau-output", "1,9=2"), exitFailed, "tau-output", "no layer 9")
	wantFailure(t, command("run", "--text", "the [MASK]", "--attention", "rate", "--domains", "100"), exitFailed, "100 domains", "hidden neurons")
}
