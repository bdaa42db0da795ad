"""Golden training steps for package bench, from PyTorch: loss, gradients, and three steps of AdamW.

    python tools/ref/training.py     # bench/testdata/training.safetensors

A causal, pre-norm language model with learned positions and tied embeddings in a few lines of torch, in
float32. The file holds

    ids, targets [sequences, tokens]   as float32; -1 is no target
    losses [3]                         mean cross-entropy before each step
    before., grad., after.             parameters, their first gradient, and parameters after three steps:
                                       tokens, positions, norm.weight, norm.bias; under 0. and 1., a layer:
                                       query, key, value, output, up, down, attention_norm, output_norm

The gradients of all three steps are clipped to a norm that they exceed. Epsilon is large, lest AdamW make
whole steps of the gradient of the keys' biases, which is nothing but rounding.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS, D, HEADS, HIDDEN, VOCABULARY, SEQUENCES, TOKENS = 2, 8, 2, 16, 23, 3, 6
CLIP, RATE, BETAS, EPSILON, DECAY, NORM_EPSILON = 0.5, 1e-2, (0.9, 0.95), 1e-3, 0.1, 1e-5


def parameters(gen):
    p = {"tokens": torch.randn(VOCABULARY, D, generator=gen), "positions": torch.randn(TOKENS, D, generator=gen)}
    shapes = {"query": (D, D), "key": (D, D), "value": (D, D), "output": (D, D), "up": (HIDDEN, D), "down": (D, HIDDEN)}
    for layer in range(LAYERS):
        for name, (rows, cols) in shapes.items():
            p[f"{layer}.{name}.weight"] = torch.randn(rows, cols, generator=gen) * cols**-0.5
            p[f"{layer}.{name}.bias"] = torch.randn(rows, generator=gen) * 0.3
        for name in ("attention_norm", "output_norm"):
            p[f"{layer}.{name}.weight"] = 1 + 0.3 * torch.randn(D, generator=gen)
            p[f"{layer}.{name}.bias"] = 0.3 * torch.randn(D, generator=gen)
    p["norm.weight"] = 1 + 0.3 * torch.randn(D, generator=gen)
    p["norm.bias"] = 0.3 * torch.randn(D, generator=gen)
    return {name: t.requires_grad_() for name, t in p.items()}


def loss(p, ids, targets):
    linear = lambda name, t: F.linear(t, p[name + ".weight"], p[name + ".bias"])
    norm = lambda name, t: F.layer_norm(t, (D,), p[name + ".weight"], p[name + ".bias"], NORM_EPSILON)
    x = p["tokens"][ids] + p["positions"]
    for layer in range(LAYERS):
        a = norm(f"{layer}.attention_norm", x)
        q, k, v = (linear(f"{layer}.{n}", a).view(SEQUENCES, TOKENS, HEADS, -1).transpose(1, 2) for n in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(SEQUENCES, TOKENS, D)
        x = x + linear(f"{layer}.output", mixed)
        x = x + linear(f"{layer}.down", F.gelu(linear(f"{layer}.up", norm(f"{layer}.output_norm", x))))
    logits = norm("norm", x) @ p["tokens"].T
    return F.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1), ignore_index=-1)


def main():
    gen = torch.Generator().manual_seed(12)
    p = parameters(gen)
    ids, targets = (torch.randint(VOCABULARY, (SEQUENCES, TOKENS), generator=gen) for _ in range(2))
    targets[0, 2] = targets[2, 5] = -1
    out = {"before." + name: t.detach().clone() for name, t in p.items()}
    out |= {"ids": ids.float(), "targets": targets.float()}
    decayed = [t for t in p.values() if t.dim() == 2]
    others = [t for t in p.values() if t.dim() == 1]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=BETAS, eps=EPSILON)
    losses = []
    for step in range(3):
        optimizer.zero_grad()
        value = loss(p, ids, targets)
        value.backward()
        losses.append(value.detach())
        if step == 0:
            out |= {"grad." + name: t.grad.clone() for name, t in p.items()}
        assert torch.nn.utils.clip_grad_norm_(p.values(), CLIP) > CLIP
        optimizer.step()
    out |= {"after." + name: t.detach() for name, t in p.items()} | {"losses": torch.stack(losses)}
    path = ROOT / "bench" / "testdata" / "training.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({name: t.contiguous() for name, t in out.items()}, path)
    print(path.relative_to(ROOT), path.stat().st_size, "bytes, torch", torch.__version__)


if __name__ == "__main__":
    main()
