package main

import (
	"context"
	"fmt"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/zoo"
)

// textsFor returns the texts of the file that the user gave by a flag or, without
// one, those that the model brings. To a model that brings none it gives those of
// the default model, as far as they fit, with a note.
func (e *env) textsFor(ctx context.Context, m modelFiles, net *network.Network, flag, path string, own func(zoo.Model) []string) ([]string, error) {
	c := net.Model.Config()
	switch {
	case path != "":
		return readTexts(ctx, e, path)
	case m.bundled != nil && c.Input == model.Tokens:
		return own(*m.bundled), nil
	}
	if c.Input != model.Tokens {
		return nil, fmt.Errorf("%s reads %v, and texts are given by %s; choose curves that need none, such as --tuning exp", m.name, c.Input, flag)
	}
	var fit []string
	for _, t := range own(zoo.Models()[0]) {
		if c.Fits(len(net.Tokenizer.Encode(t))) {
			fit = append(fit, t)
		}
	}
	if fit == nil {
		return nil, fmt.Errorf("%s brings no texts, and the bundled verses do not fit into its %d positions; give texts like those that it was made for by %s TEXTS, one a line", m.name, c.Positions, flag)
	}
	e.warnf("%s brings no texts: bundled verses of the King James Bible take their place; give texts like those that it was made for by %s TEXTS", m.name, flag)
	return fit, nil
}

// verses and calibration are what textsFor takes of a bundled model.
func verses(m zoo.Model) []string      { return m.Samples().Texts }
func calibration(m zoo.Model) []string { return m.Calibration().Texts }
