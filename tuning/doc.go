// Package tuning holds the tuning curves of the hidden neurons: how fast each
// neuron fires for a given key or query.
//
// A map phi: R^d -> R^m of tuning curves (a feature map) is chosen such that
//
//	exp(q.k) ~ phi(q).phi(k)
//
// so that synapses which store v phi(k)^T by Hebbian plasticity, read out with
// phi(q), weigh every stored value by an approximation of its softmax weight.
//
// The package has one file per matter:
//
//	maps.go       the eleven maps, by name, and which of them estimate exp(q.k)
//	curves.go     Curves: a map with its weights, evaluated in the log domain
//	form.go       Form: the one shape that every map, calibrated or not, takes
//	draw.go       random weights: iid or orthogonal rows, seeded
//	fitted.go     curves that were learned, from the forms of both phases
//	calibrate.go  Calibration: an exact change of variables that shrinks |q+k|
//	budget.go     the variance law: how many neurons an error costs
//
// Sources. The maps exp, cosine, linear, truncated-exp, positive-cosine and
// clipped-sine are those of the notebooks that accompany Kozachkov, Kastanenka
// & Krotov, PNAS 2023. Exp and hyperbolic are the positive random features of
// Choromanski et al., Rethinking Attention with Performers (2021); trig those of
// Rahimi & Recht (2007); gerf the generalized exponential of Likhosherstov et
// al., Chefs' Random Tables (2022); elu1 is that of Katharopoulos et al. (2020).
// Linear transforms that depend on the data, and parameters per axis, are known
// from Likhosherstov et al., FAVOR#: Sharp Attention Kernel Approximations via
// New Classes of Positive Random Features, arXiv:2302.00787. This project's, and
// not the paper's, are the centring of both sides with its reading as
// excitability, the variance law over many keys with a weight for each, and the
// budget.
//
// Everything here is sequential, allocates only where it says so, and imports
// nothing but the standard library and gonum.
package tuning
