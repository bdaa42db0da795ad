package main

import (
	"context"
	"math"

	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

// Shape of the head that is run in time.
const (
	dynamicTokens  = 16
	dynamicWidth   = 16
	dynamicNeurons = 64
)

// dynamics prepares a head in time: all tokens are written for a second each, then
// all are read, with the defaults of package rate. The same head is in dynamics.py.
func (r request) dynamics() (job, error) {
	const n, d, m = dynamicTokens, dynamicWidth, dynamicNeurons
	scale := math.Pow(d, -0.25)
	q, k, v, w := normal(n*d, 0, scale), normal(n*d, 1, scale), normal(n*d, 2, 1), normal(m*d, 3, 1)
	curves, err := tuning.New[float64](tuning.Config{Map: tuning.Exp, Inputs: d, W: w})
	if err != nil {
		return job{}, err
	}
	rates := func(p tuning.Phase, x []float64) []float64 {
		out, log, sign := make([]float64, n*m), make([]float64, m), make([]float64, m)
		for t := range n {
			curves.Log(log, sign, p, x[t*d:(t+1)*d])
			for i, l := range log {
				out[t*m+i] = math.Exp(l)
			}
		}
		return out
	}
	in := rate.Input{Keys: rates(tuning.Writing, k), Queries: rates(tuning.Reading, q), Values: v}
	cfg := rate.Default(m, d)
	var last *rate.Result
	return job{
		run: func() (err error) {
			last, err = rate.Run(context.Background(), cfg, in, rate.Options{Record: r.Record})
			return err
		},
		output: func() []float64 { return last.Y },
	}, nil
}

// normal returns uniform numbers of mean 0, scaled to a standard deviation.
func normal(n int, stream uint32, deviation float64) []float64 {
	x := make([]float32, n)
	uniform(x, stream)
	y := float64s(x)
	for i := range y {
		y[i] *= deviation * math.Sqrt(3)
	}
	return y
}
