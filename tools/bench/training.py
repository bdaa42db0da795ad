"""One training step of a small language model in PyTorch, to compare tools/bench/ours "training" with.

The model is that of bench.LanguageModel: causal and pre-norm, 4 layers of width 128, 4 heads, a
feed-forward width of 512 with the exact GELU, learned positions, a vocabulary of 8,192 whose
embeddings are the read-out too, no dropout. A step takes 16 sequences of 128 tokens forward, their
mean cross-entropy back, and the weights on by AdamW, in float32.
"""

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, HIDDEN, VOCABULARY = 4, 128, 4, 512, 8192
SEQUENCES, TOKENS = 16, 128


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.inputs, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x):
        s, t, _ = x.shape
        q, k, v = (y.view(s, t, HEADS, -1).transpose(1, 2) for y in self.inputs(self.norm1(x)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(mixed.transpose(1, 2).reshape(s, t, WIDTH))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.blocks, self.norm = nn.Sequential(*(Block() for _ in range(LAYERS))), nn.LayerNorm(WIDTH)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.positions.weight
        logits = self.norm(self.blocks(x)) @ self.tokens.weight.T
        return F.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))


def step(compiled=False):
    """A function that trains by one step and returns the loss as a tensor.

    It runs on as many threads as torch.set_num_threads allows when it is called, and needs
    gradients to be enabled only within. With compiled, forward pass and loss go through
    torch.compile, which wants a C++ compiler and compiles in the first call.
    """
    torch.manual_seed(1)
    model = Language()
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    groups = [dict(params=decayed), dict(params=others, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ids = torch.randint(VOCABULARY, (SEQUENCES, TOKENS + 1))
    ids, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    forward = torch.compile(model) if compiled else model

    def run():
        with torch.enable_grad():
            loss = forward(ids, targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return run
