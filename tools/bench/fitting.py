"""Steps of a plain recipe in PyTorch for fitting tuning curves, to compare those of package fit with.

A head's curves are log phi_q = A_q q + b_q and log phi_k = A_k k + b_k - |B (k - mu)|^2 / 2, begun where
keys fall. A step of the first stage fits the 12 heads of a layer, as one batch, to their softmax rows
(Kullback-Leibler divergence, Adam); a step of the second all heads, through the whole network, to the
hidden states and sentence embeddings of the exact one (cosines, Adam, clipped), which it computes
along. Eager float32, as such a recipe is written. The numbers of sequences, tokens and neurons are
those of BenchmarkStep in package fit, and the sequences are the same.
"""

import os
import pathlib
import re
import subprocess

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

import with_torch
from engine import ROOT
from turns import Job

BATCH, LENGTH, NEURONS, SEQUENCES = 8, 70, 128, 400  # of a step; at most so many sequences in all
HELD = 4000  # tokens that the loss at the start is taken of
TEXTS = ROOT / "zoo" / "language" / "calibration.txt"
STEPS = {"heads": 10, "joint": 3, "joint-anew": 3}  # of one turn


class Curves(nn.Module):
    """The curves of all heads of a layer, begun where their keys [heads, n, d] fall."""

    def __init__(self, q, k, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        start = [begin(q[h], k[h], generator) for h in range(len(q))]
        self.aq, self.bq, self.ak, self.bk, self.metric, self.mu = (
            nn.Parameter(torch.stack(parts)) for parts in zip(*start)
        )

    def logs(self, q, k):
        z = (k - self.mu.unsqueeze(1)) @ self.metric.mT
        return q @ self.aq.mT + self.bq.unsqueeze(1), k @ self.ak.mT + self.bk.unsqueeze(1) - z.square().sum(-1, True) / 2

    def divergence(self, q, k):
        """KL(softmax row || circuit's row), the mean over rows and the sum over heads."""
        p = (q @ k.mT).softmax(-1)
        lq, lk = self.logs(q, k)
        lq, lk = lq - lq.amax(-1, True).detach(), lk - lk.amax((-1, -2), True).detach()
        kernel = lq.exp() @ lk.exp().mT + 1e-20
        found = kernel.log() - kernel.sum(-1, True).log()
        return (p * ((p + 1e-20).log() - found)).sum(-1).mean((0, 2)).sum()

    def forward(self, q, k, v):
        """The circuit's output: what is read with c dividing, in linear time."""
        lq, lk = self.logs(q, k)
        top = lk.amax(-2, True)  # of each neuron
        fk, lq = (lk - top).exp(), lq + top
        fq = (lq - lq.amax(-1, True)).exp()
        return fq @ (fk.mT @ v) / (fq @ fk.sum(-2).unsqueeze(-1))


def begin(q, k, generator):
    """Gaussians of unit width around centres of the keys, in coordinates that balance queries and keys."""
    d, a, mu = q.shape[1], q.mean(0), k.mean(0)
    ridge = 1e-4 * torch.eye(d)
    t = torch.linalg.cholesky((q - a).T.cov() + ridge)
    u, s, _ = torch.linalg.svd(t.T @ ((k - mu).T.cov() + ridge) @ t)
    m = s.pow(0.25).diag() @ u.T @ t.inverse()
    w = m.inverse().T  # k' = w (k - mu), q' = m (q - a)
    c = centres((k - mu) @ w.T, generator)
    return c @ m, -c @ (m @ a), c @ w + a, -c @ (w @ mu) - c.square().sum(1) / 2, w, mu


def centres(x, generator, rounds=12):
    """NEURONS centres of x, by Lloyd's algorithm."""
    x = x[torch.randperm(len(x), generator=generator)[:4000]]
    c = x[:NEURONS].clone()
    for _ in range(rounds):
        near = F.one_hot(torch.cdist(x, c).argmin(1), NEURONS).float()
        n = near.sum(0).unsqueeze(1)
        c = torch.where(n > 0, near.T @ x / n.clamp(min=1), c)
    return c


class Encoder:
    """MiniLM, exact or with curves in place of its softmax."""

    def __init__(self, folder):
        self.net = with_torch.minilm(folder).requires_grad_(False)
        self.heads = self.net.config.num_attention_heads

    def qkv(self, layer, x):
        own = layer.attention.self
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (own.query, own.key, own.value))
        scale = q.shape[-1] ** -0.25
        return q * scale, k * scale, v

    def states(self, ids, curves=None, seen=None):
        """The hidden states behind every layer; queries and keys go to seen."""
        x, out = self.net.embeddings(input_ids=ids), []
        for i, layer in enumerate(self.net.encoder.layer):
            q, k, v = self.qkv(layer, x)
            if seen is not None:
                seen.append((q, k))
            y = curves[i](q, k, v) if curves else (q @ k.mT).softmax(-1) @ v
            y = layer.attention.output(y.transpose(1, 2).flatten(2), x)
            x = layer.output(layer.intermediate(y), y)
            out.append(x)
        return out


def sequences(folder, texts):
    """Ids [n, LENGTH]: the texts one after another, cut, each begun and ended as one is."""
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    first, last = tokenizer.encode("").ids
    ids = [i for t in pathlib.Path(texts).read_text().splitlines() for i in tokenizer.encode(t).ids[1:-1]]
    body = LENGTH - 2
    return torch.tensor([[first, *ids[i : i + body], last] for i in range(0, len(ids) - body + 1, body)][:SEQUENCES])


class Recipe:
    def __init__(self, folder, texts):
        self.encoder, self.ids = Encoder(folder), sequences(folder, texts)
        self.seen = []
        self.encoder.states(self.ids, seen=self.seen)
        self.held = -(-HELD // LENGTH)
        self.generator = torch.Generator().manual_seed(1)

    def curves(self, layer):
        q, k = (x.transpose(0, 1).flatten(1, 2) for x in self.seen[layer])
        return Curves(q, k, seed=layer)

    def draw(self):
        return torch.randint(len(self.ids), (BATCH,), generator=self.generator)

    def heads(self):
        """A function that takes a step of the first stage, of the heads of layer 0, and the loss before."""
        curves, (q, k) = self.curves(0), self.seen[0]
        optimizer = torch.optim.Adam(curves.parameters(), lr=5e-2, betas=(0.9, 0.99))

        def step():
            i = self.draw()
            with torch.enable_grad():
                loss = curves.divergence(q[i], k[i])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return step, float(curves.divergence(q[: self.held], k[: self.held]))

    def joint(self):
        """The same of the second stage; the loss is that of the first sequences."""
        curves = [self.curves(i) for i in range(len(self.seen))]
        parameters = [p for c in curves for p in c.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=1e-3)

        def loss(ids):
            with torch.no_grad():
                exact = self.encoder.states(ids)
            found = self.encoder.states(ids, curves)
            hidden = sum(1 - F.cosine_similarity(x, y, dim=-1).mean() for x, y in zip(found, exact)) / len(exact)
            return hidden + 2 * (1 - F.cosine_similarity(found[-1].mean(1), exact[-1].mean(1), dim=-1).mean())

        def step():
            ids = self.ids[self.draw()]
            with torch.enable_grad():
                now = loss(ids)
                optimizer.zero_grad()
                now.backward()
                nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()

        return step, float(loss(self.ids[:BATCH]))


class Benchmark:
    """BenchmarkStep of package fit, a process for every turn."""

    def __init__(self, folder, model, texts):
        self.program = pathlib.Path(folder) / "fit.test"
        subprocess.run(["go", "test", "-c", "-o", self.program, "./fit"], cwd=ROOT, check=True)
        self.env = dict(os.environ, TRIPARTITE_MINILM=model, TRIPARTITE_TEXTS=str(pathlib.Path(texts).resolve()))

    def run(self, stage, threads, steps):
        """Seconds of a step, and the loss before the first."""
        command = [self.program, "-test.run=^$", f"-test.bench=^BenchmarkStep$/^{stage}$", f"-test.benchtime={steps}x",
                   f"-test.cpu={threads}"]  # fmt: skip
        out = subprocess.run(command, cwd=ROOT / "fit", env=self.env, check=True, capture_output=True, text=True).stdout
        m = re.search(r"\s([\d.]+) ns/op\s+([\d.e+-]+) loss", out)
        if not m:
            raise SystemExit(f"BenchmarkStep/{stage} says no time: {out}")
        return 1e-9 * float(m[1]), float(m[2])

    def job(self, work, stage, threads, program="ours"):
        def seconds(repeat, untimed):
            return self.run(stage, threads, STEPS[stage] * repeat)[0]

        return Job(work, threads, program, seconds, report=program != "ours")


def job(work, stage, threads, step):
    one = with_torch.job(work, threads, "torch", step)
    return Job(work, threads, "torch", lambda repeat, untimed: one.seconds(STEPS[stage] * repeat, True), spins=one.spins)
