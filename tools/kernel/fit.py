"""Fits the polynomial of internal/kernel/gen/functions.go for the logarithm.

    python3 tools/kernel/fit.py        (needs numpy)

It is the polynomial of the degree whose largest error, relative to the result
of the function, is smallest: found by Lawson's iteration (C. L. Lawson, thesis,
UCLA 1961), which solves weighted least squares again and again and gives more
weight to where the error is large. Arithmetic is float64 on 4,000 Chebyshev
points; the generator rounds the coefficients to float32.
"""

import math

import numpy as np
from numpy.polynomial import chebyshev


def minimax(wanted, weight, low, high, degree, points=4000, rounds=400):
    """Returns coefficients of 1, x, x², ... and the largest weighted error."""
    t = np.cos(np.pi * (np.arange(points) + 0.5) / points)
    x = (low + high) / 2 + (high - low) / 2 * t
    y, w = wanted(x), weight(x)
    basis = chebyshev.chebvander(t, degree)
    share = np.full(points, 1 / points)
    best, found = math.inf, None
    for _ in range(rounds):
        scale = np.sqrt(share) * w
        c = np.linalg.lstsq(basis * scale[:, None], y * scale, rcond=None)[0]
        error = np.abs((basis @ c - y) * w)
        if error.max() < best:
            best, found = error.max(), c
        share *= error
        share /= share.sum()
    p = chebyshev.Chebyshev(found, domain=[low, high]).convert(kind=np.polynomial.Polynomial)
    return p.coef, best


def log_tail(f):
    """q in log(1 + f) = f + f²·q(f), by its series where the quotient cancels."""
    series = -1 / 2 + f / 3 - f**2 / 4 + f**3 / 5 - f**4 / 6
    near = np.abs(f) < 1e-3
    return np.where(near, series, (np.log1p(f) - f) / np.where(near, 1, f * f))


def show(name, fit):
    coefficients, error = fit
    print(f"{name}: relative error {error:.2g}")
    for c in coefficients:
        print(f"\t{float(c)!r},")


show("logarithm", minimax(log_tail, lambda f: f * f / np.abs(np.log1p(f)), math.sqrt(0.5) - 1, math.sqrt(2) - 1, 8))
