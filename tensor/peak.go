package tensor

import "time"

// Peak runs multiply-adds in registers alone on the calling thread for about
// that long and returns how many floating-point operations it did in a second:
// what one thread of this machine can reach at most at present. Figures of speed
// are worth something as shares of it.
func Peak(during time.Duration) (perSecond float64) {
	const slice = 100 * time.Microsecond // between two looks at the clock
	steps, done := 64, 0
	start := time.Now()
	for past := time.Duration(0); past < during || done == 0; {
		done += kernels.Peak(steps)
		now := time.Since(start)
		if now-past < slice {
			steps *= 2
		}
		past = now
	}
	return float64(done) / time.Since(start).Seconds()
}

// Peak is the sum of what all threads of the pool reach at once.
func (p *Pool) Peak(during time.Duration) (perSecond float64) {
	rates := make([]float64, p.Threads())
	p.For(len(rates), func(_, i int) { rates[i] = Peak(during) })
	for _, r := range rates {
		perSecond += r
	}
	return perSecond
}
