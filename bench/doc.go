// Package bench measures how fast the engine is on this machine: products, an
// encoder of MiniLM's shape with softmax and with circuits, the head of the
// authors' notebooks, whose neurons the threads share, and training steps of a
// small language model.
//
//	Config -> Run -> Result
//
// Times of a machine that others use too mean little by themselves. So that
// figures can be compared, all work is run in turns, one repetition of each in
// every round, and right before every repetition the peak is measured: what
// multiply-adds in registers alone reach at that moment. Results are shares of
// it, and ratios of times of the same round.
package bench
