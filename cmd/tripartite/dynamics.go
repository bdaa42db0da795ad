package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/rate"
)

// dynamicsFlags are the time constants and domains of heads in time, named as for
// simulate.
type dynamicsFlags struct{ network.Dynamics }

// inTime are the names of these flags.
var inTime = []string{"tau-hidden", "tau-output", "tau-astrocyte", "present", "window", "domains", "assign", "coupling", "graph"}

func (f *dynamicsFlags) add(c *cobra.Command) {
	f.Dynamics = network.DefaultDynamics()
	flags := c.Flags()
	above := func(x float64) bool { return x > 0 }
	for _, p := range []struct {
		to                *attention.PerHead[float64]
		name, want, usage string
		ok                func(float64) bool
	}{
		{&f.Hidden, "tau-hidden", "a number of seconds above 0", "time constant of the hidden neurons of rate heads, s; exceptions for LAYER or LAYER.HEAD follow, as in 0.02,2=0.1,3.5=0.01", above},
		{&f.Output, "tau-output", "a number of seconds above 0", "time constant of their output neurons, s", above},
		{&f.Astrocyte, "tau-astrocyte", "a number of seconds above 0", "time constant of calcium, s; IP3, which drives slow calcium, has 7", above},
		{&f.Present, "present", "a number of seconds above 0", "seconds that a token is presented for, to be written and again to be read, in every layer", above},
		{&f.Window, "window", "a fraction in (0, 1]", "last fraction of a presentation in which synapses are plastic, in (0, 1]", func(x float64) bool { return x > 0 && x <= 1 }},
	} {
		example := p.to.String()
		flags.Var(&value[attention.PerHead[float64]]{p.to, *p.to, "RULE", func(s string) (attention.PerHead[float64], error) {
			return parsePerHead(s, example, p.ok, p.want)
		}}, p.name, p.usage)
	}
	intVar(flags, &f.Domains, "domains", 1, "domains of the astrocyte of a rate head, each with calcium of its own")
	choiceVar(c, &f.Assign, "assign", "how neurons are assigned to domains: interleaved, contiguous, or similar (by tuning)", rate.Assignments()...)
	amount(flags, &f.Coupling, "coupling", "strength of diffusion between domains; 1 is as fast as calcium decays (default 0)")
	choiceVar(c, &f.Graph, "graph", "which domains are neighbours: all, chain, ring or grid", rate.Shapes()...)
	group(c, "Time", inTime...)
}

// parsePerHead reads a number for all heads, and exceptions.
func parsePerHead(s, example string, ok func(float64) bool, want string) (attention.PerHead[float64], error) {
	p, err := attention.ParsePerHead(s, "value", example, func(text string) (float64, error) {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || !ok(x) {
			return 0, errors.New("want " + want)
		}
		return x, nil
	})
	if err != nil { // which names the flag's value already
		err = errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("%q: ", s)))
	}
	return p, err
}

// check notes flags that have no effect.
func (f *dynamicsFlags) check(e *env, c *cobra.Command, sel attention.Selection) {
	for _, name := range inTime {
		switch {
		case !c.Flags().Changed(name):
		case !sel.Uses(attention.KindRate):
			e.warnf("--%s has no effect: no head is in time; add --attention rate", name)
		case f.Domains == 1 && (name == "assign" || name == "coupling" || name == "graph"):
			e.warnf("--%s has no effect: every astrocyte is one domain; add --domains 4", name)
		}
	}
}

// resolvedDynamics is what results carry of heads in time.
type resolvedDynamics struct {
	network.Dynamics
	// SecondsPerToken is the circuit's time: of all layers, one after another.
	SecondsPerToken float64 `json:"seconds_per_token"`
}

// told says what happened to readings of heads in time, which no output shows, and
// returns the error that a head met, if any.
func told(e *env, i attention.Incidents) error {
	if i.Err != nil {
		return i.Err
	}
	if i.Lost > 0 {
		e.warnf("%s of %s in time have no value: calcium passed through zero while it divided, or a head before had none; use curves that are positive everywhere, such as calibrated or exp",
			counts.Format(i.Lost), counts.Plural(i.Readings, "reading"))
	}
	if i.NonPositive > 0 {
		e.warnf("calcium was zero or negative at the end of %s of %s in time, where it normalizes nothing", counts.Format(i.NonPositive), counts.Plural(i.Readings, "reading"))
	}
	return nil
}
