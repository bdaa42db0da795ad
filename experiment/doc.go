// Package experiment perturbs the circuit of neurons and astrocytes and says what
// that does, with intervals: how closely calcium follows the softmax normalizer,
// what it takes, and what a laboratory should see if astrocytes compute attention.
//
// Every experiment is a function: a config goes in, result data comes out. It is
// run for several seeds; a seed is another animal, its tuning curves drawn anew.
// What a seed measured is kept in a small file as soon as it is there, so that an
// interrupted experiment goes on to the same bytes.
//
//	lab.go         Lab: network, inputs, seeds, and what experiments share
//	seeds.go       eachSeed: one seed after another, kept in files, resumed
//	bootstrap.go   Estimate: numbers with intervals, over seeds and inputs
//	findings.go    Findings: what a result says, tabulates and draws, as data
//	list.go        List, Run: the experiments, and reports of them
//	...            one file for each experiment
//
// To add an experiment, write one file with
//
//   - a config struct with JSON names, and its defaults;
//   - a struct of what one seed measures: sums for each input, which eachSeed keeps
//     as JSON, so that infinities and NaN have no place in it;
//   - a function of context, Lab and config, which calls eachSeed and makes the
//     result of all seeds by a function of its own, so that tests can feed that data
//     in which there is nothing to see, and hold it to saying so;
//   - a result struct with the methods of Findings, whose numbers are Estimates;
//
// and one line in List. Command, files, figures and intervals follow from these.
package experiment
