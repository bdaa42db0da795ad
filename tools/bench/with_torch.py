"""PyTorch's side: settings, torch.compile, models."""

import itertools
import types

import numpy as np
import torch
import torch._inductor.config
import transformers
from torch import nn
from transformers import AttentionInterface, BertConfig, BertModel

from turns import Job, timed

# Weights are constants to the compiler, which may lay them out anew for oneDNN.
torch._inductor.config.freezing = True
torch._dynamo.config.error_on_recompile = True  # or the compiler would be measured
torch.set_grad_enabled(False)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

NEURONS = 128
numbers = itertools.count()


def job(work, threads, program, run, precision="highest", report=False):
    def seconds(repeat, untimed):
        settings(threads, precision)
        return timed(run, repeat, untimed)

    return Job(work, threads, program, seconds, spins=threads > 1, report=report)


def settings(threads, precision="highest"):
    """Global to torch, so they are set before every turn.

    Precision "high" lets oneDNN multiply in TensorFloat-32 where the CPU has it. Where it has not,
    products stay float32, but compiled code goes through oneDNN in place of MKL, which serves
    processors of other makers than Intel better. What comes out is compared with float32 anyway.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)


def compiled(run, x, threads, precision="highest"):
    """run(x) by torch.compile for the shape of x, compiled before it returns.

    The function gets code of its own: torch keeps what it compiled by code object, a few each, and
    falls back to uncompiled code beyond that.
    """
    settings(threads, precision)
    code = run.__code__.replace(co_name=f"run{next(numbers)}")
    own = types.FunctionType(code, run.__globals__, closure=run.__closure__)
    fast = torch.compile(own, dynamic=False, fullgraph=True)
    fast(x)
    return lambda: fast(x)


def minilm(folder):
    return BertModel.from_pretrained(folder, attn_implementation="sdpa", add_pooling_layer=False).eval()


def states(model):
    return lambda x: model(input_ids=x).last_hidden_state


def ids(sequences, tokens):
    """The ids that tools/bench/ours takes."""
    flat = [1000 + i * 7919 % 20000 for i in range(sequences * tokens)]
    return torch.tensor(flat).reshape(sequences, tokens)


def embedding(hidden):
    """The unit sentence embedding of the first sequence, in float64."""
    mean = np.asarray(hidden[0].float(), dtype=np.float64).mean(0)
    return mean / np.linalg.norm(mean)


def encoder(attention):
    """An encoder of MiniLM's shape with random weights: x [1, N, 384] to states."""
    config = BertConfig(num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536,
                        max_position_embeddings=8192, attn_implementation=attention)  # fmt: skip
    model = BertModel(config, add_pooling_layer=False).eval()
    if attention == "linear":
        for layer in model.encoder.layer:
            layer.attention.self.register_buffer("neurons", torch.randn(12, 32, NEURONS))
    return lambda x: model.encoder(x).last_hidden_state


def linear_attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
    """phi(Q) (phi(K)^T [V, 1]) with the maps of our circuits, phi(x) = exp(w.x - |x|^2/2), as one would write it."""

    def phi(x):
        x = x * scaling**0.5
        return torch.exp(x @ module.neurons - x.square().sum(-1, keepdim=True) / 2)

    memory = phi(key).transpose(-1, -2) @ nn.functional.pad(value, (0, 1), value=1.0)
    read = phi(query) @ memory
    return (read[..., :-1] / read[..., -1:]).transpose(1, 2).contiguous(), None


AttentionInterface.register("linear", linear_attention)
