"""Small random ViT, DeiT and AST checkpoints. See models.py, which calls make() for every case."""

import zlib

from checkpoints import OUT, edit_config, fill, finish, float64_softmax, fresh, load, noticed

import torch
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    ASTModel,
    DeiTConfig,
    DeiTForImageClassification,
    DeiTForImageClassificationWithTeacher,
    DeiTModel,
    ViTConfig,
    ViTForImageClassification,
    ViTForMaskedImageModeling,
    ViTModel,
)

BLOCK = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, hidden_act="gelu", layer_norm_eps=1e-12)
IMAGE = dict(**BLOCK, image_size=12, patch_size=4, num_channels=3)
SOUND = dict(**BLOCK, patch_size=4, frequency_stride=3, time_stride=3, max_length=17, num_mel_bins=10)

CASES = [
    dict(folder="vit", cls=ViTModel, about="no prefix, older names, pooler"),
    dict(folder="vit-newer-names", cls=ViTForImageClassification, newer=True, config=dict(qkv_bias=False, num_labels=5),
         about="vit. prefix, newer names, no biases in queries, keys and values, five labels"),
    dict(folder="vit-oblong", cls=ViTModel, newer=True, options=dict(use_mask_token=True),
         config=dict(image_size=[9, 20], patch_size=[3, 5], num_channels=1, pooler_output_size=17, pooler_act="relu",
                     hidden_act="gelu_new", layer_norm_eps=0.03, hidden_size=25, num_attention_heads=5, intermediate_size=45),
         about="no prefix, newer names, oblong grey images and patches, another pooler, large epsilon, mask token"),
    dict(folder="vit-two-labels", cls=ViTForImageClassification, dtype=torch.bfloat16,
         config=dict(image_size=14, hidden_act="relu", num_hidden_layers=1), config_file=dict(dtype=None, torch_dtype="bfloat16", head_dim=8),
         about="older names, labels not listed, images that patches do not divide, bfloat16"),
    dict(folder="vit-masked-images", cls=ViTForMaskedImageModeling, config=dict(encoder_stride=4, hidden_act="silu", num_hidden_layers=1),
         about="vit. prefix, mask token and decoder that are not needed, neither pooler nor classifier"),
    dict(folder="deit", cls=DeiTModel, about="no prefix, older names, pooler"),
    dict(folder="deit-labels", cls=DeiTForImageClassification, newer=True, config=dict(num_labels=4, num_channels=2, hidden_act="silu"),
         about="deit. prefix, newer names, one classifier"),
    dict(folder="deit-teacher", cls=DeiTForImageClassificationWithTeacher, dtype=torch.float16, config=dict(num_labels=7),
         about="as facebook/deit-base-distilled-patch16-224: older names, mean of two classifiers; float16"),
    dict(folder="deit-teacher-odd", cls=DeiTForImageClassificationWithTeacher, newer=True, shard="20KB",
         config=dict(num_labels=1, qkv_bias=False, layer_norm_eps=0.02, hidden_size=15, num_attention_heads=5, image_size=[8, 13],
                     hidden_act="gelu_new"),
         about="newer names, one label, no biases in queries, keys and values, large epsilon, several files"),
    dict(folder="ast", cls=ASTModel, about="no prefix, older names, patches that overlap"),
    dict(folder="ast-labels", cls=ASTForAudioClassification, config=dict(num_labels=6, time_stride=2),
         about="as MIT/ast-finetuned-audioset: prefix, older names, six labels"),
    dict(folder="ast-newer-names", cls=ASTForAudioClassification, newer=True, dtype=torch.bfloat16,
         config=dict(num_labels=3, qkv_bias=False, hidden_act="gelu_new", max_length=22, num_mel_bins=7, time_stride=6),
         about="newer names, no biases in queries, keys and values, frames between patches that are not read, bfloat16"),
    dict(folder="ast-odd", cls=ASTModel, newer=True,
         config=dict(hidden_size=15, num_attention_heads=5, patch_size=5, frequency_stride=1, layer_norm_eps=0.03, num_hidden_layers=3,
                     hidden_act="relu"),
         about="no prefix, newer names, odd sizes, large epsilon, relu"),
]  # fmt: skip

CONFIGS = dict(ViT=(ViTConfig, IMAGE), DeiT=(DeiTConfig, IMAGE), AST=(ASTConfig, SOUND))


def run(model, inputs):
    kind = next(iter(model.parameters())).dtype
    with torch.no_grad():
        o = model(**{k: v.to(kind) for k, v in inputs.items()}, output_hidden_states=True)
        # The backbone of a model with a head, for what the head does not return.
        base = o if "last_hidden_state" in o else model.base_model(**{k: v.to(kind) for k, v in inputs.items()})
    arrays = dict(hidden_states=torch.stack(o.hidden_states), last_hidden_state=base.last_hidden_state)
    if "logits" in o:
        arrays["logits"] = o.logits
    if base.pooler_output is not None:
        arrays["pooler_output"] = base.pooler_output
    return arrays


def distance(a, b):
    return max(((a[k].double() - b[k].double()).abs().max() / max(1.0, b[k].abs().max())).item() for k in b)


def make(case):
    cls, options = case["cls"], case.get("options", {})
    folder, seed = OUT / case["folder"], zlib.crc32(case["folder"].encode())
    fresh(folder)
    kind, base = next(v for k, v in CONFIGS.items() if cls.__name__.startswith(k))
    model = cls(kind(**{**base, **case.get("config", {})}), **options)
    fill(model, seed, ("fc1",), ("fc2",), ("_token", "position_embeddings"))
    model = model.to(case.get("dtype", torch.float32))
    model.save_pretrained(folder, max_shard_size=case.get("shard", "5GB"), save_original_format=not case.get("newer", False))
    edit_config(folder, **case.get("config_file", {}))

    model = load(cls, folder, torch.float64, **options)
    c, g = model.config, torch.Generator().manual_seed(seed)
    if kind is ASTConfig:
        inputs = dict(input_values=torch.randn(3, c.max_length, c.num_mel_bins, generator=g))
    else:
        size = c.image_size if isinstance(c.image_size, (list, tuple)) else [c.image_size] * 2
        inputs = dict(pixel_values=torch.randn(3, c.num_channels, *size, generator=g))
    changes = {}
    if c.hidden_act in ("gelu", "gelu_new"):
        changes["hidden_act"] = {"gelu": "gelu_new", "gelu_new": "gelu"}[c.hidden_act]
    if c.layer_norm_eps > 1e-6:
        changes["layer_norm_eps"] = 1e-12
    with float64_softmax():
        want = run(model, inputs)
        found = noticed(cls, model, lambda m: run(m, inputs), want, distance, changes, folder.name)
    finish(folder, inputs, want, found)
