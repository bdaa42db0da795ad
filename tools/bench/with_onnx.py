"""ONNX Runtime's side: MiniLM exported from PyTorch, twice.

"ONNX Runtime" is the graph as exported, with the optimizations that ONNX Runtime applies itself when
it loads a graph. "ONNX Runtime fused" has gone through its optimizer for transformers before, which
makes one operator of every attention. Which is faster depends on the shape. Neither has a mask, as
no sequence is padded.
"""

import os
import warnings

import onnxruntime
import torch
from onnxruntime.transformers import optimizer
from transformers import BertModel

from turns import Job, timed
from with_torch import ids


class Plain(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids).last_hidden_state


class Masked(Plain):
    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def export(model, folder):
    """Writes the graphs and returns their paths by program."""
    # The optimizer knows attention that is written out, with a mask; sdpa comes out in another form.
    bert = BertModel.from_pretrained(model, attn_implementation="eager", add_pooling_layer=False)
    example = ids(2, 16)
    axes = {0: "sequences", 1: "tokens"}

    def write(wrapped, inputs, path):
        names = ["input_ids", "attention_mask"][: len(inputs)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an exporter on its way out, and of constants in traces
            torch.onnx.export(
                wrapped.eval(), inputs, path, input_names=names, output_names=["states"],
                dynamic_axes={n: axes for n in [*names, "states"]}, opset_version=17, dynamo=False,
            )  # fmt: skip

    plain, fused = os.path.join(folder, "plain.onnx"), os.path.join(folder, "fused.onnx")
    write(Plain(bert), (example,), plain)
    write(Masked(bert), (example, torch.ones_like(example)), fused)
    graph = optimizer.optimize_model(fused, model_type="bert", num_heads=12, hidden_size=384)
    attentions = [n for n in graph.model.graph.node if n.op_type == "Attention"]
    if len(attentions) != bert.config.num_hidden_layers:
        raise SystemExit(
            f"ONNX Runtime's optimizer fused {len(attentions)} attentions of {bert.config.num_hidden_layers}"
        )
    for n in attentions:
        del n.input[3:]  # the mask; before it are input, weight, bias
    graph.save_model_to_file(fused)
    return {"ONNX Runtime": plain, "ONNX Runtime fused": fused}


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    s = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(x):
        feed = {"input_ids": x, "attention_mask": x * 0 + 1}
        return s.run(None, {i.name: feed[i.name] for i in s.get_inputs()})[0]

    return run


def job(work, threads, program, run, x):
    return Job(
        work, threads, program, lambda repeat, untimed: timed(lambda: run(x), repeat, untimed), spins=threads > 1
    )
