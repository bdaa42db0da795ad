package network

import (
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

// Dynamics are those of all heads in time: time constants and presentations, in
// seconds, which layers and heads may have of their own, and how every astrocyte is
// divided. What is not here is as in rate.Default.
type Dynamics struct {
	Hidden    attention.PerHead[float64] `json:"tau_hidden_s"`
	Output    attention.PerHead[float64] `json:"tau_output_s"`
	Astrocyte attention.PerHead[float64] `json:"tau_astrocyte_s"`
	Present   attention.PerHead[float64] `json:"present_s"`
	Window    attention.PerHead[float64] `json:"window"`
	// Domains of every head's astrocyte, assigned and coupled alike.
	Domains  int             `json:"domains"`
	Assign   rate.Assignment `json:"assign,omitempty"` // of several domains, as what follows
	Graph    rate.Shape      `json:"graph,omitempty"`
	Coupling float64         `json:"coupling,omitempty"`
}

// DefaultDynamics returns those of rate.Default for all heads, with one domain.
func DefaultDynamics() Dynamics {
	d := rate.Default(1, 1)
	return Dynamics{
		Hidden:    attention.Everywhere(d.Kinetics.Hidden),
		Output:    attention.Everywhere(d.Kinetics.Output),
		Astrocyte: attention.Everywhere(d.Kinetics.Astrocyte),
		Present:   attention.Everywhere(d.Timing.Present),
		Window:    attention.Everywhere(d.Timing.Window),
		Domains:   1, Assign: rate.ByTurns, Graph: rate.AllToAll,
	}
}

// Check reports an exception for a layer or head that a network of that many
// layers and heads does not have.
func (d *Dynamics) Check(layers, heads int) error {
	for _, p := range []struct {
		name   string
		values attention.PerHead[float64]
	}{{"tau-hidden", d.Hidden}, {"tau-output", d.Output}, {"tau-astrocyte", d.Astrocyte}, {"present", d.Present}, {"window", d.Window}} {
		if err := p.values.Check(layers, heads); err != nil {
			return fmt.Errorf("%s %w", p.name, err)
		}
	}
	return nil
}

// At returns the dynamics of one head with these curves, as Options.Dynamics asks
// for them. It reports more domains than neurons.
func (d *Dynamics) At(layer, head int, curves *tuning.Curves[float32]) (rate.Config, error) {
	c := rate.Default(1, 1) // sizes come with the curves
	c.Kinetics = rate.Kinetics{Hidden: d.Hidden.At(layer, head), Output: d.Output.At(layer, head), Astrocyte: d.Astrocyte.At(layer, head)}
	c.Timing = rate.Timing{Present: d.Present.At(layer, head), Window: d.Window.At(layer, head)}
	if d.Domains <= 1 {
		return c, nil
	}
	weights := curves.Form(tuning.Writing).W
	rows := make([]float64, len(weights))
	for i, w := range weights {
		rows[i] = float64(w)
	}
	var err error
	if c.Domains.Of, err = rate.Assign(d.Assign, rows, curves.Neurons(), d.Domains); err != nil {
		return c, err
	}
	c.Domains.Coupling = rate.Couple(d.Graph, d.Domains, d.Coupling)
	return c, nil
}
