"""The causal language model itself: bytes, its shape, its forward pass in training, its measures.

The network is transformers' BloomForCausalLM, so that the checkpoint carries the names everyone knows.
"""

import math

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.nn import functional
from transformers import BloomConfig, BloomForCausalLM

END = 256  # stands before and after every chapter
VOCABULARY = 257
END_TOKEN = "</s>"
WINDOW = 256
LAYERS, HEADS, HIDDEN = 4, 5, 160


def tokenizer():
    """A byte-level BPE that merges nothing: the number of a byte is its value."""
    vocabulary = {character: byte for byte, character in byte_characters().items()}
    made = Tokenizer(models.BPE(vocab={**vocabulary, END_TOKEN: END}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([END_TOKEN])
    if made.encode("\x00é</s>").ids != [0, 0xC3, 0xA9, END]:
        raise SystemExit("the tokenizer does not number bytes by their values")
    return made


def byte_characters():
    """The printable character that GPT-2's byte-level BPE writes for each byte: itself where it is printable and no
    space in Latin-1, else the next character from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


def chapters(verses):
    """One array for every chapter: END, then one line for every verse, then END."""
    texts = {}
    for verse in verses:
        texts.setdefault((verse.book, verse.place.split(":")[0]), []).append(verse.text + "\n")
    return {place: np.array([END, *"".join(lines).encode(), END], np.int64) for place, lines in texts.items()}


def new_model(seed):
    torch.manual_seed(seed)
    model = BloomForCausalLM(BloomConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, n_layer=LAYERS, n_head=HEADS, hidden_dropout=0.0,
        attention_dropout=0.0, bos_token_id=END, eos_token_id=END, pad_token_id=END))
    # As in GPT-2: what each sublayer adds starts small.
    for block in model.transformer.h:
        for projection in (block.self_attention.dense, block.mlp.dense_4h_to_h):
            projection.weight.data /= math.sqrt(2 * LAYERS)
    return model


class Training(torch.nn.Module):
    """The same function as BloomForCausalLM, for windows of one length. ALiBi is added as the distance to the key:
    transformers adds the key's position, whose size bfloat16 rounds to whole steps."""

    def __init__(self, model, window):
        super().__init__()
        self.model = model
        distance = torch.arange(window)[None, :] - torch.arange(window)[:, None]
        bias = torch.tensor(slopes(HEADS))[:, None, None] * distance
        self.register_buffer("bias", bias.masked_fill(distance > 0, -math.inf)[None], persistent=False)

    def forward(self, ids):
        bloom = self.model.transformer
        x = bloom.word_embeddings_layernorm(bloom.word_embeddings(ids))
        for block in bloom.h:
            q, k, v = block.self_attention.query_key_value(block.input_layernorm(x)).view(
                *ids.shape, HEADS, 3, -1).permute(3, 0, 2, 1, 4)
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            scores = scores + self.bias.to(scores.dtype)
            mixed = scores.softmax(-1).to(v.dtype) @ v
            x = x + block.self_attention.dense(mixed.transpose(1, 2).flatten(2))
            wide = block.mlp.dense_h_to_4h(block.post_attention_layernorm(x))
            x = x + block.mlp.dense_4h_to_h(functional.gelu(wide, approximate="tanh"))
        return self.model.lm_head(bloom.ln_f(x))


def slopes(heads):
    """ALiBi's slopes (Press, Smith & Lewis, arXiv:2108.12409): for a power of two p the first p powers of 2^(-8/p);
    for more heads then every other one of twice as many."""
    p = 2 ** int(math.log2(heads))
    powers = lambda p: [2.0 ** (-8 * (i + 1) / p) for i in range(p)]
    return powers(p) + powers(2 * p)[::2][:heads - p]


def windows(stream, count, step, seed):
    """The rows of a step [count, WINDOW + 1]: every epoch cuts the text at other places, each piece once."""
    per_epoch = (len(stream) - 2 * WINDOW) // WINDOW // count
    epoch, at = divmod(step, per_epoch)
    rng = np.random.default_rng([seed, epoch])
    starts = int(rng.integers(WINDOW)) + WINDOW * rng.permutation(per_epoch * count)[at * count:(at + 1) * count]
    return stream[starts[:, None] + np.arange(WINDOW + 1)]


@torch.no_grad()
def bits(model, sequences):
    """The sum of -log2 p over all tokens but the first of each sequence, each read from its start."""
    total = 0.0
    for sequence in sequences:
        ids = torch.from_numpy(sequence)
        logits = model(ids[None, :-1]).logits[0].float()
        total += functional.cross_entropy(logits, ids[1:], reduction="sum").item() / math.log(2)
    return total


def bits_per_byte(total, sequences):
    """The two ENDs of a sequence are no bytes of the text; that the text ends is predicted and paid for all the same."""
    return total / sum(len(sequence) - 2 for sequence in sequences)


@torch.no_grad()
def squared_norms(model, sequences):
    """Mean |q+k|^2 over all pairs of tokens of a text, [layers, heads], q and k scaled so that q.k is the logit."""
    caught = []
    hooks = [block.self_attention.query_key_value.register_forward_hook(lambda _, __, out: caught.append(out[0]))
             for block in model.transformer.h]
    total = torch.zeros(LAYERS, HEADS)
    for sequence in sequences:
        caught.clear()
        model(torch.from_numpy(sequence)[None])
        for layer, fused in enumerate(caught):
            q, k, _ = (fused.view(len(sequence), HEADS, 3, -1) / (HIDDEN // HEADS) ** 0.25).unbind(2)
            # E|q+k|^2 over independent pairs is E|q|^2 + E|k|^2 + 2 E[q].E[k].
            total[layer] += (q.square().sum(-1) + k.square().sum(-1)).mean(0) + 2 * (q.mean(0) * k.mean(0)).sum(-1)
    for hook in hooks:
        hook.remove()
    return [[round(x, 2) for x in row] for row in (total / len(sequences)).tolist()]


@torch.no_grad()
def without_queries(model):
    """The same network attending by distance alone: what is lost tells how much the contents of tokens matter."""
    for block in model.transformer.h:
        fused = block.self_attention.query_key_value
        fused.weight.view(HEADS, 3, -1, HIDDEN)[:, 0] = 0
        fused.bias.view(HEADS, 3, -1)[:, 0] = 0
    return model
