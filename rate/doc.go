// Package rate runs the circuit of package tripartite in time: firing rates with
// membrane time constants, plasticity that goes on while a token is presented,
// astrocyte calcium that follows with a time constant of its own, in one domain or
// in several that exchange it. All of it is this project's reading: the paper gives
// the algebraic circuit that these dynamics settle to.
//
// Tokens are presented one after another. While writing (s = 0), with phi =
// phi(k) and a plasticity window at the end of each presentation,
//
//	tau_h   h' = -h + phi          H' = l h^T / (window present) - forget_H H
//	tau_out l' = -l + v            g' = h / (window present) - forget_g g
//
// where forgetting goes on all the while. While reading (s = 1), with phi = phi(q)
// and K domains j of the astrocyte,
//
//	tau_h     h'   = -h + phi
//	tau_astro c_j' = -c_j + K g_j.h_j + sum_i A_ij (c_i - c_j)
//	tau_out   l'   = -l + sum_j H_j h_j / (sigma + c_j)
//	          or   -(sigma + c) l + H h     shunting, one domain
//
// h = l = 0 before the first presentation, c = 1 until the first reading, and
// holds while writing; everything carries over from one presentation to the next.
//
// Nothing is integrated step by step. Inputs are constant during a presentation, or
// during a piece of one where there is noise, so that h, l, c and the memory (H, g)
// are sums of exponentials, written such that nothing cancels when time constants
// are equal or far apart (exponentials.go). What is left is the read-out, which
// takes two integrals per domain of known functions, whatever the number of output
// neurons (readout.go). A presentation costs the same however densely it is sampled.
//
//	Config      parameters, one struct for each mechanism    config.go
//	Head        one head: Write, Read, the state             head.go
//	Run         a sequence of tokens, causal or not          run.go
//	Trace       samples of all variables                     trace.go
//	Coupling    graphs of domains                            coupling.go
//	Interleaved, Contiguous, Similar    neurons to domains   domains.go
//	Noise                                                    noise.go
package rate
