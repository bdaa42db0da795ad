package nn

import "github.com/tripartite-go/tripartite/tensor"

// Handing work over has a price: the other threads have to see it, and to bring what
// they need into their caches. Where all parts of a task together take less than a
// few times that, the calling thread does them alone. The result is the same, to the
// bit.

// leastShared is how much work is shared among threads, in multiply-adds of large
// products. With AVX-512 on a server it takes a thread 2 µs. There, two threads took
// the time of one for 1 µs of work, 0.8 of it for 2 µs and 0.65 for 5 µs; that is
// while they have a processor each, and a share that is too small costs more where
// they have not.
const leastShared = 1 << 18

// worthSharing says whether threads share a task of that cost, in multiply-adds.
func (w *Workspace) worthSharing(cost int) bool { return cost >= w.least }

// weightCost is what it costs to read a weight from the second-level cache, in
// multiply-adds: a product of few rows is bound by that.
const weightCost = 4

// cost is the work of the map for some rows.
func (l Linear) cost(rows int) int { return (rows + weightCost) * l.In() * l.Out() }

// run does all parts of a task, on the calling thread where they cost too little.
func (w *Workspace) run(parts int, task tensor.Task, cost int) {
	if w.worthSharing(cost) {
		w.pool.Run(parts, task)
		return
	}
	for i := range parts {
		task.Do(0, i)
	}
}
