"""The authors' notebook job, one head with 100,000 neurons and exp, in torch and numpy."""

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from turns import Job, timed

TOKENS, WIDTH, NEURONS = 197, 64, 100_000
# Neurons at a time: 512 and 1,024 did equally well, 2,048 took longer on one thread. Compiled code did as well with
# 2,048, and is compiled in a fraction of the time.
BLOCK, COMPILED_BLOCK = 1024, 2048


def in_torch(block=BLOCK):
    """A function of q and k, and both: float32 in blocks of neurons, scaled against overflow as ours is."""
    g = torch.Generator().manual_seed(1)
    qk = torch.randn(2, TOKENS, WIDTH, generator=g) * WIDTH**-0.25
    v, w = torch.randn(TOKENS, WIDTH, generator=g), torch.randn(NEURONS, WIDTH, generator=g)
    v1 = torch.cat([v, torch.ones(TOKENS, 1)], 1)

    def run(qk):
        q, k = qk
        nq, nk = ((x * x).sum(1, keepdim=True) / 2 for x in (q, k))
        out = torch.zeros(TOKENS, WIDTH + 1)
        for i in range(0, NEURONS, block):
            wi = w[i : i + block].T
            out += torch.exp(q @ wi - nq) @ (torch.exp(k @ wi - nk).T @ v1)
        return out[:, :WIDTH] / out[:, WIDTH:]

    return run, qk


def in_numpy(work, threads):
    """The same in float64, all neurons at once, in place."""
    rng = np.random.default_rng(1)
    q, k = (rng.standard_normal((TOKENS, WIDTH)) * WIDTH**-0.25 for _ in range(2))
    v1 = np.concatenate([rng.standard_normal((TOKENS, WIDTH)), np.ones((TOKENS, 1))], 1)
    w = rng.standard_normal((NEURONS, WIDTH))
    fq, fk = np.empty((TOKENS, NEURONS)), np.empty((TOKENS, NEURONS))

    def run():
        for f, x in ((fq, q), (fk, k)):
            np.matmul(x, w.T, out=f)
            f -= (x * x).sum(1, keepdims=True) / 2
            np.exp(f, out=f)
        out = fq @ (fk.T @ v1)
        return out[:, :WIDTH] / out[:, WIDTH:]

    def seconds(repeat, untimed):
        with threadpool_limits(limits=threads, user_api="blas"):
            return timed(run, repeat, untimed)

    return Job(work, threads, "numpy float64", seconds, spins=threads > 1)
