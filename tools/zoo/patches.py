"""Networks of patches (ViT, AST): how they start, and what the model cards say about their attention."""

import math

import torch
from torch import nn


@torch.no_grad()
def initialize(model, embeddings, layers, rows, columns):
    """Starts a small network of patches: weights large enough for so few inputs; what each sublayer adds small, as in
    GPT-2; position embeddings, of the patches after the class tokens, as sines and cosines of row and column, so that
    neighbours can be told from the first step on. They are trained like everything else."""
    for weight in model.parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, std=0.15)
    nn.init.normal_(embeddings.patch_embeddings.projection.weight, std=0.25)
    for layer in layers:
        for projection in (layer.attention.o_proj, layer.mlp.fc2):
            projection.weight /= math.sqrt(2 * len(layers))
    positions = embeddings.position_embeddings
    quarter = positions.shape[-1] // 4
    frequencies = torch.cat([torch.tensor([0.5]), torch.arange(1, quarter // 2)])
    axis = lambda count: (torch.pi * torch.arange(count)[:, None] / count * frequencies).unsqueeze(-1)
    waves = lambda count: torch.cat([axis(count).sin(), axis(count).cos()], -1).flatten(1)
    grid = torch.cat([waves(rows)[:, None].expand(-1, columns, -1), waves(columns)[None].expand(rows, -1, -1)], -1)
    positions[0, -rows * columns:, :2 * quarter] = grid.flatten(0, 1)
    positions[0, -rows * columns:, 2 * quarter:] = 0


def queries_and_keys(model):
    """The two linear maps of every layer, under either of the names that transformers has had for them."""
    named = dict(model.named_modules())
    ends = [(".q_proj", ".k_proj"), (".attention.query", ".attention.key")]
    return [(named[name], named[name.removesuffix(q) + k]) for name in named for q, k in ends if name.endswith(q)]


@torch.no_grad()
def without_attention(model):
    """The same network attending to every patch alike: what is lost tells how much attention does."""
    for query, _ in queries_and_keys(model):
        query.weight.zero_()
        query.bias.zero_()
    return model


@torch.no_grad()
def squared_norms(model, values):
    """Mean |q+k|^2 over all pairs of tokens of an input, [layers, heads], q and k scaled so that q.k is the logit."""
    heads, caught = model.config.num_attention_heads, []
    pairs = queries_and_keys(model)
    hooks = [layer.register_forward_hook(lambda _, __, out: caught.append(out)) for pair in pairs for layer in pair]
    model(values)
    for hook in hooks:
        hook.remove()
    norms = []
    for layer in range(len(pairs)):
        q, k = (x.view(*x.shape[:2], heads, -1) * (heads / x.shape[-1]) ** 0.25 for x in caught[2 * layer:2 * layer + 2])
        # E|q+k|^2 over independent pairs is E|q|^2 + E|k|^2 + 2 E[q].E[k].
        norm = (q.square().sum(-1) + k.square().sum(-1)).mean(1) + 2 * (q.mean(1) * k.mean(1)).sum(-1)
        norms.append([round(x, 2) for x in norm.mean(0).tolist()])
    return norms
