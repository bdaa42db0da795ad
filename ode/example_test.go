package ode_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tripartite-go/tripartite/ode"
)

// When does what decays with a time constant of 2 s fall below a tenth?
func ExampleSolve() {
	decay := ode.Problem{F: func(_ float64, y, dy []float64) { dy[0] = -y[0] / 2 }}
	r, err := ode.Solve(context.Background(), decay, 0, []float64{1}, 60, ode.Options{
		RelTol: 1e-10, AbsTol: 1e-12,
		Events: []ode.Event{{G: func(_ float64, y []float64) float64 { return y[0] - 0.1 }, Terminal: true}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("after %.6f s\n", r.T) // 2 ln 10
	// Output: after 4.605170 s
}
