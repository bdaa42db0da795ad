package transfer_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/transfer"
)

// A network in time ends where the algebraic one is, and the slower astrocyte needs
// more time for it.
func TestANetworkInTimeSettlesToTheAlgebraicOne(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short; two transfers of which one is in time")
	}
	cfg := config(t)
	cfg.Inputs.Texts = cfg.Inputs.Texts[:2]
	settled := transferred(t, cfg)
	d := network.DefaultDynamics()
	d.Astrocyte = attention.Everywhere(0.02)
	cfg.Selection, cfg.Dynamics = selection(t, "rate"), &d
	r := transferred(t, cfg)
	for name, x := range map[string][2]transfer.Number{
		"hidden cosine":       {r.Network.HiddenCosine, settled.Network.HiddenCosine},
		"head's cosine":       {r.Layers[2].Heads[3].OutputCosine, settled.Layers[2].Heads[3].OutputCosine},
		"log calcium error":   {r.Layers[0].Heads[0].LogCalciumError, settled.Layers[0].Heads[0].LogCalciumError},
		"before, with others": {r.Fidelity.Curves[1].Hidden[2], settled.Fidelity.Curves[1].Hidden[2]},
	} {
		if !(math.Abs(float64(x[0]-x[1])) < 1e-5) {
			t.Errorf("%s is %v in time, %v at the algebraic level", name, x[0], x[1])
		}
	}
	if r.Config.SecondsPerToken != 8 || r.Config.Dynamics.Astrocyte.String() != "0.02" || r.Layers[0].Heads[0].Attention != "rate" {
		t.Errorf("%+v", r.Config)
	}
	x := r.Timescales
	if len(x.Curves) != 2 || x.Curves[0].Astrocyte != "7" || x.Curves[1].Astrocyte != "0.02" || x.Layers != 4 {
		t.Fatalf("%+v", x)
	}
	for i, c := range x.Curves {
		if !slices.IsSorted(c.Present) || !(c.Hidden[0] < x.HiddenAlgebraic-0.1) || !(c.Logits[0] > 1) {
			t.Errorf("curve %d does not begin with failure: %v", i, c)
		}
		last := len(c.Present) - 1
		if !(math.Abs(float64(c.Hidden[last]-x.HiddenAlgebraic)) < 1e-5) || !(c.Logits[last] < 1e-4) || c.Agreement[last] != x.AgreementAlgebraic {
			t.Errorf("curve %d does not end at the algebraic level (%v, %v): %v", i, x.HiddenAlgebraic, x.AgreementAlgebraic, c)
		}
		for j, s := range c.Seconds {
			if want := 2 * 4 * x.TokensPerText * c.Present[j]; !(math.Abs(float64(s/want)-1) < 1e-12) {
				t.Errorf("a text takes %v s, want %v", s, want)
			}
		}
	}
	text := strings.Join(r.Notes, "\n")
	for _, words := range []string{"That is 8 s of the circuit's time for every token", "With calcium of 7 s, as slow as IP3", "With calcium of 0.02 s", "from 21 s on"} {
		if !strings.Contains(text, words) {
			t.Errorf("notes lack %q:\n%s", words, text)
		}
	}
	if settled.Timescales != nil || settled.Config.Dynamics != nil || settled.Config.SecondsPerToken != 0 {
		t.Error("a network without heads in time has times")
	}
}

func TestDynamicsOfLayersThatAreNotThereAreRefused(t *testing.T) {
	cfg := config(t)
	d := network.DefaultDynamics()
	if err := d.Window.UnmarshalText([]byte("0.25,4=1")); err != nil {
		t.Fatal(err)
	}
	cfg.Selection, cfg.Dynamics = selection(t, "rate"), &d
	if _, err := transfer.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "window") || !strings.Contains(err.Error(), "no layer 4") {
		t.Errorf("%v", err)
	}
}
