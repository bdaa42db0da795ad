// Package tripartite builds self-attention out of neurons and astrocytes. It
// implements the circuit of Kozachkov, Kastanenka & Krotov, Building
// transformers from neurons and astrocytes, PNAS 120(34), 2023
// (doi:10.1073/pnas.2219150120).
//
// Hidden (presynaptic) neurons project to output (postsynaptic) neurons. Each
// synapse is wrapped by a process of one astrocyte: a tripartite synapse. A
// neuromodulator switches the circuit between two phases s.
//
// Writing (s = 0). A token drives the hidden neurons with its key and the output
// neurons with its value; Hebbian plasticity stores their product, presynaptic
// plasticity the hidden rates:
//
//	h = phi(k),  l = v      H <- H + l h^T,  g <- g + h
//
// Reading (s = 1). The query drives the hidden neurons. The astrocyte sums what
// its processes sense into calcium, which divides every synapse alike:
//
//	h = phi(q),  c = g.h    l = H h / c
//
// With tuning curves such that phi(q).phi(k) ~ exp(q.k), l is the output of
// softmax attention and, without calibration, calcium c is its normalizer (with
// it, up to one factor per query):
//
//	l_t = sum_tau v_tau exp(q_t.k_tau) / sum_tau exp(q_t.k_tau)
//
// The pair (H, g) is the circuit's [Memory], all of it: its size does not depend
// on the number of tokens written, and memories add.
//
// This package is the plain reading of these equations: one head, sequential,
// in float32 or float64, no concurrency, no assembly. A reader should start with
// [Circuit]. Engines that run whole pretrained networks are in package attention
// and are tested against this one. Tuning curves are in package tuning.
//
// Half-saturation, forgetting, the log domain and calibration are this
// project's, not the paper's.
package tripartite
