package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// BenchmarkWork runs what Run measures, on one thread, for profiles:
//
//	go test -run '^$' -bench Work/encoder/1x512 -cpuprofile cpu.prof ./bench
func BenchmarkWork(b *testing.B) {
	pools := []*tensor.Pool{tensor.NewPool(1)}
	all, err := jobs(Config{Kinds: Kinds(), Seed: 1}, pools)
	if err != nil {
		b.Fatal(err)
	}
	for _, j := range all {
		b.Run(fmt.Sprintf("%s/%s/%s", j.Kind, j.Shape, j.Attention), func(b *testing.B) {
			run, _, err := j.prepare()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
