"""Small random GPT-2 and BLOOM checkpoints. See models.py, which calls make() for every case."""

import zlib

from checkpoints import (
    NOTICEABLE,
    OUT,
    difference,
    edit_config,
    fill,
    finish,
    float64_softmax,
    fresh,
    load,
    noticed,
    outputs,
    rewrite,
    with_config,
)

import torch
from transformers import BloomConfig, BloomForCausalLM, BloomModel, GPT2Config, GPT2LMHeadModel, GPT2Model

# bos and eos lie in the vocabulary; nothing else depends on them.
GPT2 = dict(vocab_size=61, n_positions=20, n_embd=24, n_layer=2, n_head=3, bos_token_id=2, eos_token_id=3)
BLOOM = dict(vocab_size=61, hidden_size=24, n_layer=2, n_head=6, bos_token_id=2, eos_token_id=3)

UP, DOWN = ("c_fc", "dense_h_to_4h"), ("mlp.c_proj", "dense_4h_to_h")
TABLES = ("wte.", "wpe.", "word_embeddings.")


def buffers(tensors):
    """Adds the buffers of the causal mask, which old versions saved."""
    out = dict(tensors)
    for k in tensors:
        if k.endswith("attn.c_attn.weight"):
            out[k.replace("c_attn.weight", "bias")] = torch.tril(torch.ones(20, 20)).view(1, 1, 20, 20)
            out[k.replace("c_attn.weight", "masked_bias")] = torch.tensor(-1e4)
    return out


def stored(words):
    """Stores the tied decoder, as many files do."""
    return lambda tensors: {**tensors, "lm_head.weight": tensors[words]}


CASES = [
    dict(folder="gpt2", cls=GPT2Model, after=buffers,
         about="as openai-community/gpt2: no prefix, no decoder, attn.bias and attn.masked_bias; padding on the right"),
    dict(folder="gpt2-left-padding", cls=GPT2LMHeadModel, left=True, config=dict(n_inner=31, n_positions=57),
         about="transformer. prefix, tied decoder not stored, n_inner; padding on the left, where positions count columns"),
    dict(folder="gpt2-scaled", cls=GPT2LMHeadModel, after=stored("transformer.wte.weight"), scaled=True,
         config=dict(n_layer=3, activation_function="relu", scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True),
         config_file=dict(reorder_and_upcast_attn=True),
         about="logits divided by the number of the layer and not by sqrt(d), relu, tied decoder stored"),
    dict(folder="gpt2-odd", cls=GPT2LMHeadModel, lengths=(13, 1, 6), dtype=torch.float16, shard="12KB",
         config=dict(vocab_size=53, n_positions=13, n_embd=25, n_head=5, n_inner=27, activation_function="gelu",
                     layer_norm_epsilon=0.03, tie_word_embeddings=False),
         about="odd sizes, gelu, large epsilon, a decoder of its own, float16, several files, a text of one token"),
    dict(folder="gpt2-other-names", cls=GPT2LMHeadModel, dtype=torch.bfloat16, config=dict(n_layer=1, activation_function="silu"),
         rename=dict(n_embd="hidden_size", n_layer="num_hidden_layers", n_head="num_attention_heads", n_positions="max_position_embeddings"),
         about="bfloat16, silu, sizes under the names that other architectures use"),
    dict(folder="bloom", cls=BloomModel, rename=dict(hidden_size="n_embed", n_head="num_attention_heads"),
         config_file=dict(seq_length=2048, offset_alibi=100, skip_bias_add=True, attention_softmax_in_fp32=True, pretraining_tp=4),
         about="no prefix, six heads, names and options of the first configurations"),
    dict(folder="bloom-left-padding", cls=BloomForCausalLM, left=True, config=dict(hidden_size=15, n_head=3),
         about="transformer. prefix, three heads of width 5; padding on the left, where ALiBi counts tokens"),
    dict(folder="bloom-long", cls=BloomForCausalLM, dtype=torch.float16, lengths=(90, 37), after=stored("transformer.word_embeddings.weight"),
         config=dict(hidden_size=16, n_head=8, n_layer=1), about="eight heads, tied decoder stored, float16, texts long enough to be forgotten"),
    dict(folder="bloom-odd", cls=BloomForCausalLM, shard="20KB",
         config=dict(hidden_size=25, n_head=5, n_layer=3, vocab_size=53, layer_norm_epsilon=0.03, tie_word_embeddings=False),
         about="five heads, large epsilon, a decoder of its own, several files"),
    dict(folder="bloom-one-head", cls=BloomForCausalLM, dtype=torch.bfloat16, config=dict(hidden_size=7, n_head=1),
         about="one head of width 7, bfloat16"),
]  # fmt: skip


def batch(vocab, lengths, seed, left):
    g = torch.Generator().manual_seed(seed)
    n = max(lengths)
    ids = torch.zeros(len(lengths), n, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, length in enumerate(lengths):
        at = slice(n - length, n) if left else slice(0, length)
        ids[i, at], mask[i, at] = torch.randint(0, vocab, (length,), generator=g), 1
    return dict(input_ids=ids, attention_mask=mask)


def greedy(model, prompt):
    """The likeliest continuation of a prompt by 50 tokens, or as many as there are positions."""
    room = min(50, getattr(model.config, "n_positions", 1000) - len(prompt))
    ids = model.generate(prompt[None], attention_mask=torch.ones(1, len(prompt)), do_sample=False,
                         min_new_tokens=room, max_new_tokens=room, pad_token_id=0, eos_token_id=None)  # fmt: skip
    with torch.no_grad():
        best = model(ids).logits[0, len(prompt) - 1 : -1].topk(2).values
    assert (best[:, 0] - best[:, 1]).min() > 1e-3, "two tokens are as likely as one another"
    return ids[0]


def exact_gelu(cls, model, run, want, mask):
    """What BLOOM would be with the other gelu, which no configuration names."""
    twin = with_config(cls, model)
    for block in twin.transformer.h:
        block.mlp.gelu_impl = torch.nn.GELU()
    d = difference(run(twin), want, mask)
    assert d > NOTICEABLE, f"gelu changes only {d:.1e}"
    return d


def make(case):
    cls = case["cls"]
    folder, seed = OUT / case["folder"], zlib.crc32(case["folder"].encode())
    fresh(folder)
    kind, base = (GPT2Config, GPT2) if cls.__name__.startswith("GPT2") else (BloomConfig, BLOOM)
    model = cls(kind(**{**base, **case.get("config", {})}))
    fill(model, seed, UP, DOWN, TABLES)
    model.to(case.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=case.get("shard", "5GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if "after" in case:
        rewrite(folder, case["after"])

    # A backbone saved alone has logits too: its decoder is the table of words.
    whole = {GPT2Model: GPT2LMHeadModel, BloomModel: BloomForCausalLM}.get(cls, cls)
    model = load(whole, folder, torch.float64)
    renamed = {new: getattr(model.config, old) for old, new in case.get("rename", {}).items()}
    edit_config(folder, **{old: None for old in case.get("rename", {})}, **renamed, **case.get("config_file", {}))

    inputs = batch(model.config.vocab_size, case.get("lengths", (11, 4, 7)), seed, case.get("left", False))
    mask = inputs["attention_mask"].bool()
    changes = {}
    if kind is GPT2Config:
        other = {"gelu": "gelu_new", "gelu_new": "gelu"}.get(model.config.activation_function)
        changes = dict(activation_function=other) if other else {}
        if case.get("scaled"):
            changes.update(scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False)
    if model.config.layer_norm_epsilon > 1e-3:
        changes["layer_norm_epsilon"] = 1e-5
    with float64_softmax():
        run = lambda m: outputs(m, inputs)
        want = run(model)
        found = noticed(whole, model, run, want, lambda a, b: difference(a, b, mask), changes, folder.name)
        if kind is BloomConfig:
            found = f"gelu for its approximation changes {exact_gelu(whole, model, run, want, mask):.1e}; {found}"
        inputs["generated"] = greedy(model, inputs["input_ids"][inputs["attention_mask"].bool()][:4])
    finish(folder, inputs, want, found)
