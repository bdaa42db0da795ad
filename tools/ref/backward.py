"""Golden gradients for packages nn and attention, from PyTorch's automatic differentiation.

    python tools/ref/backward.py     # nn/testdata/backward.safetensors, attention/testdata/backward.safetensors

Blocks and circuits are written here in a few lines of torch and run in float32, as PyTorch users run
them. Every case holds its input, parameters, the gradient dy of its output, and, under grad., the
gradient with respect to each of them of sum(dy * y).

    NORM.ACTIVATION. in nn   x, dy, y [N, D]; query, key, value, output, up, down .weight [out, in] and .bias;
                             attention_norm, output_norm .weight and .bias; NORM is pre or post; 3 heads,
                             causal where NORM is pre
    NAME. in attention       q, k [N, d], v, dy, y [N, dv]; read.W, write.W [m, d], .B [m], write.Metric [d, d],
                             write.Center, write.Excite [d]; sigma and forget [1]

A circuit's tuning curves are log phi = W x + B + Excite x - |Metric (x - Center)|^2 / 2, of queries
without the last two, which cancel. Its sums are taken relative to one maximum per neuron and one per query.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
N, D, HEADS, HIDDEN, EPSILON = 9, 12, 3, 20, 1e-5
ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
}


def random(gen, *shape, std=1.0):
    return (torch.randn(*shape, generator=gen) * std).requires_grad_()


def block(p, x, pre, act):
    """One transformer block: p maps names to parameters."""
    linear = lambda name, t: F.linear(t, p[name + ".weight"], p[name + ".bias"])
    norm = lambda name, t: F.layer_norm(t, (D,), p[name + ".weight"], p[name + ".bias"], EPSILON)
    split = lambda t: t.view(N, HEADS, -1).transpose(0, 1)
    inside = norm("attention_norm", x) if pre else x
    q, k, v = (split(linear(name, inside)) for name in ("query", "key", "value"))
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=pre).transpose(0, 1).reshape(N, -1)
    a = x + linear("output", mixed)
    if not pre:
        a = norm("attention_norm", a)
    y = a + linear("down", act(linear("up", norm("output_norm", a) if pre else a)))
    return y if pre else norm("output_norm", y)


def circuit(p, q, k, v, sigma, forget, causal):
    """One head: write all keys and values, read all queries; causal: each the keys up to it."""
    z = (k - p["write.Center"]) @ p["write.Metric"].T
    lk = k @ p["write.W"].T + p["write.B"] + (k @ p["write.Excite"] - z.pow(2).sum(-1) / 2)[:, None]
    lq = q @ p["read.W"].T + p["read.B"]
    shift = lk.amax(0).detach()
    lq = lq + shift
    top = lq.amax(1, keepdim=True).detach()
    kernel = (lq - top).exp() @ (lk - shift).exp().T
    t = torch.arange(len(q))
    age = t[:, None] - t if causal else (len(q) - 1 - t).expand(len(q), -1)
    kernel = kernel * torch.where(age >= 0, (1 - forget) ** age.clamp(min=0), 0.0)
    return kernel @ v / (sigma * (-top).exp() + kernel.sum(1, keepdim=True))


def case(out, prefix, leaves, y, dy):
    (y * dy).sum().backward()
    out.update({prefix + name: t.detach() for name, t in leaves.items()})
    out.update({prefix + "grad." + name: t.grad for name, t in leaves.items()})
    out.update({prefix + "y": y.detach(), prefix + "dy": dy})


def save(package, out):
    path = ROOT / package / "testdata" / "backward.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({name: t.contiguous() for name, t in out.items()}, path)
    print(path.relative_to(ROOT), path.stat().st_size, "bytes, torch", torch.__version__)


def main():
    gen = torch.Generator().manual_seed(11)
    out = {}
    for norm in ("pre", "post"):
        for name, act in ACTIVATIONS.items():
            leaves = {"x": random(gen, N, D)}
            for layer, rows, cols in (("query", D, D), ("key", D, D), ("value", D, D), ("output", D, D),
                                      ("up", HIDDEN, D), ("down", D, HIDDEN)):  # fmt: skip
                leaves[layer + ".weight"] = random(gen, rows, cols, std=cols**-0.5)
                leaves[layer + ".bias"] = random(gen, rows, std=0.3)
            for layer in ("attention_norm", "output_norm"):
                leaves[layer + ".weight"] = random(gen, D)
                leaves[layer + ".bias"] = random(gen, D, std=0.3)
            y = block(leaves, leaves["x"], norm == "pre", act)
            case(out, f"{norm}.{name}.", leaves, y, torch.randn(y.shape, generator=gen))
    save("nn", out)

    out = {}
    d, m, dv = 5, 14, 4
    for name, sigma, forget, causal in (("plain", 0.0, 0.0, False), ("sink", 0.4, 0.1, False),
                                        ("causal", 0.0, 0.0, True), ("causal-sink", 0.4, 0.1, True)):  # fmt: skip
        leaves = {"q": random(gen, 21, d, std=0.7), "k": random(gen, 21, d, std=0.7), "v": random(gen, 21, dv)}
        leaves |= {"read.W": random(gen, m, d), "read.B": random(gen, m, std=0.3)}
        leaves |= {"write.W": random(gen, m, d), "write.B": random(gen, m, std=0.3), "write.Metric": random(gen, d, d, std=0.5)}
        leaves |= {"write.Center": random(gen, d, std=0.5), "write.Excite": random(gen, d, std=0.3)}
        y = circuit(leaves, leaves["q"], leaves["k"], leaves["v"], sigma, forget, causal)
        case(out, f"{name}.", leaves, y, torch.randn(y.shape, generator=gen))
        out[f"{name}.sigma"] = torch.tensor([sigma])
        out[f"{name}.forget"] = torch.tensor([forget])
    save("attention", out)


if __name__ == "__main__":
    main()
