"""The head that is run in time: tools/bench/ours makes the same, of numbers that are made alike."""

import numpy as np

from engine import uniform

TOKENS, WIDTH, NEURONS = 16, 16, 64
PRESENT, WINDOW = 1.0, 0.25  # seconds; the last fraction in which synapses are plastic
TAU = dict(hidden=0.02, output=0.02, astrocyte=0.2)  # seconds


def inputs():
    """phi(k) and phi(q) [TOKENS, NEURONS], v [TOKENS, WIDTH], and what they are made of, by name."""
    q, k = (normal(TOKENS, stream) * WIDTH**-0.25 for stream in (0, 1))
    v, w = normal(TOKENS, 2), normal(NEURONS, 3)

    def phi(x):
        return np.exp(x @ w.T - (x * x).sum(1, keepdims=True) / 2) / NEURONS**0.5

    return phi(k), phi(q), v, dict(q=q, k=k, v=v, W=w)


def normal(rows, stream):
    """Uniform numbers [rows, WIDTH] of mean 0 and variance 1."""
    return 3**0.5 * uniform(rows * WIDTH, stream).reshape(rows, WIDTH).astype(np.float64)
