package rate_test

import (
	"fmt"
	"log"

	"github.com/tripartite-go/tripartite/rate"
)

// Two tokens are written for a second each. A query like the first key reads its
// value, as long as calcium has the time to settle.
func Example() {
	for _, tau := range []float64{0.05, 0.5, 7} {
		cfg := rate.Default(2, 1)
		cfg.Kinetics.Astrocyte = tau
		head, err := rate.New(cfg)
		if err != nil {
			log.Fatal(err)
		}
		for _, token := range []struct{ rates, value []float64 }{
			{[]float64{3, 0.1}, []float64{10}},
			{[]float64{0.1, 3}, []float64{-10}},
		} {
			if err := head.Write(token.rates, token.value); err != nil {
				log.Fatal(err)
			}
		}
		y := make([]float64, 1)
		if err := head.Read(y, []float64{3, 0.1}); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("tau_astro %4g s: y %6.3f, c %.3f\n", tau, y[0], head.Calcium()[0])
	}
	// Output:
	// tau_astro 0.05 s: y  8.751, c 9.610
	// tau_astro  0.5 s: y 10.017, c 8.445
	// tau_astro    7 s: y 39.584, c 2.146
}
