"""Golden files for package task: what transformers answers to texts, pictures and sounds.

    python tools/ref/answers.py        # task/testdata/<case>/

Each case is a folder as people have it, of a small random checkpoint: config.json,
model.safetensors, and tokenizer, generation_config.json or preprocessor_config.json. Beside
them lies answers.json: of a causal model, prompts with the greedy continuation by `generate`
(50 tokens, fewer where it ends or where there are no more positions); of a classifier, the
files of input/image/testdata and input/audio/testdata with their logits.

Seeds are tried until answers differ, and no continuation has two tokens that are as likely as
one another.
"""

import json
import zlib

from checkpoints import ROOT, fill, fresh

import numpy as np
import torch
from PIL import Image, ImageOps
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    BloomConfig,
    BloomForCausalLM,
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    DeiTImageProcessorPil,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

OUT = ROOT / "task" / "testdata"
NEW = 50
END = "<|endoftext|>"
PROMPTS = ["In the beginning", "And God said, Let there be light: é 神 🙂", " a", "0123456789"]

UP, DOWN = ("c_fc", "dense_h_to_4h", "intermediate.dense"), ("mlp.c_proj", "dense_4h_to_h", "output.dense")
TABLES = ("wte.", "wpe.", "word_embeddings.", "position_embeddings", "_token")


def tokenizer(letters):
    """Bytes, the pairs of letters that a few words need, and the token that ends a text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "a"), ("Ġ", "the"), ("i", "n"), ("Ġ", "b"), ("o", "d"), ("g", "in"), ("Ġb", "e")][:letters]
    words = [*alphabet, *(a + b for a, b in merges)]
    t = Tokenizer(models.BPE({w: i for i, w in enumerate(words)}, merges))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.post_processor, t.decoder = processors.ByteLevel(trim_offsets=False), decoders.ByteLevel()
    t.add_special_tokens([END])
    return t


def continued(model, t, prompt, ends, positions):
    """A prompt's greedy continuation; None where two tokens are as likely as one another."""
    ids = torch.tensor([t.encode(prompt).ids])
    n = ids.shape[1]
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=min(NEW, positions - n),
                         pad_token_id=0, eos_token_id=ends)[0]  # fmt: skip
    with torch.no_grad():
        best = model(out[None]).logits[0, n - 1 : -1].topk(2).values
    if (best[:, 0] - best[:, 1]).min() < 1e-3:
        return None
    return dict(prompt=prompt, prompt_ids=ids[0].tolist(), ids=out[n:].tolist())


def causal(name, cls, config, letters=9, list_of_ends=False, older=False, varied=7):
    folder = OUT / name
    t = tokenizer(letters)
    end = t.token_to_id(END)
    kind = GPT2Config if cls is GPT2LMHeadModel else BloomConfig
    for attempt in range(60):  # until no continuation is a few tokens over and over
        fresh(folder)
        model = cls(kind(vocab_size=t.get_vocab_size(), bos_token_id=end, eos_token_id=end, **config))
        fill(model, zlib.crc32(f"{name} {attempt}".encode()), UP, DOWN, TABLES)
        model.half().save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        model = cls.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).double().eval()
        positions = getattr(model.config, "n_positions", 10_000)
        cases = [continued(model, t, p, None if list_of_ends else end, positions) for p in PROMPTS]
        if all(c and len(set(c["ids"])) >= varied for c in cases):
            break
    else:
        raise AssertionError(f"{name}: nothing but repetitions")
    ends = [end]
    if list_of_ends:  # some that come to be generated
        ends = sorted(max(set(c["ids"]), key=c["ids"].index) for c in cases[:2])
        GenerationConfig(eos_token_id=ends, bos_token_id=end).save_pretrained(folder)
        cases = [continued(model, t, p, ends, positions) for p in PROMPTS]
    if older:
        parts = json.loads(t.to_str())["model"]
        (folder / "vocab.json").write_text(json.dumps({**parts["vocab"], END: end}, ensure_ascii=False))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in parts["merges"]))
    else:
        (folder / "tokenizer.json").write_text(t.to_str())
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(eos_token=END, bos_token=END)) + "\n")
    for c in cases:
        full = len(c["prompt_ids"]) + len(c["ids"]) == positions
        c["finish"] = "end" if c["ids"][-1] in ends else "positions" if full and len(c["ids"]) < NEW else "length"
    (folder / "answers.json").write_text(json.dumps(cases) + "\n")
    print(name, attempt, [(len(c["ids"]), len(set(c["ids"])), c["finish"]) for c in cases], sum(f.stat().st_size for f in folder.iterdir()), flush=True)


BLOCK = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, hidden_act="gelu", layer_norm_eps=1e-12)


def labelled(name, cls, config, labels, processor, read, files, varied=2):
    folder = OUT / name
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    inputs = [torch.tensor(read(processor, ROOT / path)).double() for path in files]
    for attempt in range(60):  # until not all are given one label
        fresh(folder)
        model = cls(config)
        fill(model, zlib.crc32(f"{name} {attempt}".encode()), UP, DOWN, TABLES)
        model.half().save_pretrained(folder)
        model = cls.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).double().eval()
        with torch.no_grad():
            logits = [model(x).logits[0] for x in inputs]
        if len({int(x.argmax()) for x in logits}) >= varied:
            break
    else:
        raise AssertionError(f"{name}: one label for all")
    processor.save_pretrained(folder)
    cases = [dict(file=path, logits=[round(v, 6) for v in x.tolist()]) for path, x in zip(files, logits)]
    (folder / "answers.json").write_text(json.dumps(cases) + "\n")
    print(name, attempt, [labels[int(np.argmax(c["logits"]))] for c in cases], sum(f.stat().st_size for f in folder.iterdir()), flush=True)


def picture(processor, path):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    return processor(images=image, return_tensors="np")["pixel_values"]


def sound(processor, path):
    """A WAV file with 16 bits a sample, 16,000 samples a second, of one channel."""
    data = path.read_bytes()
    samples = np.frombuffer(data[data.index(b"data") + 8 :], "<i2").astype(np.float32) / 32768
    return processor(samples, sampling_rate=16000, return_tensors="np")["input_values"]


def main():
    small = dict(n_layer=2, n_head=2)
    causal("gpt2", GPT2LMHeadModel, dict(n_positions=64, n_embd=16, tie_word_embeddings=False, **small))
    causal("gpt2-ends", GPT2LMHeadModel, dict(n_positions=100, n_embd=12, tie_word_embeddings=False, activation_function="gelu", **small), list_of_ends=True, older=True)
    causal("bloom", BloomForCausalLM, dict(hidden_size=18, n_layer=2, n_head=3, tie_word_embeddings=False))
    causal("bloom-ends", BloomForCausalLM, dict(hidden_size=12, n_layer=2, n_head=2, tie_word_embeddings=False), letters=4, list_of_ends=True)
    images = ["gradient.png", "rings.png", "text.png", "lossy.webp", "exif-6.jpg", "noise.png", "alpha.png", "cmyk.jpg"]
    images = [f"input/image/testdata/{f}" for f in images]
    half = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
    labelled("vit", ViTForImageClassification, ViTConfig(**BLOCK, image_size=32, patch_size=8, num_channels=3),
             ["astrocyte", "neuron", "synapse", "microglia", "nothing, or no cell", "other"],
             ViTImageProcessorPil(size=dict(height=32, width=32), **half), picture, images, varied=3)  # fmt: skip
    labelled("deit", DeiTForImageClassificationWithTeacher, DeiTConfig(**BLOCK, image_size=32, patch_size=8, num_channels=3),
             ["left", "right"], DeiTImageProcessorPil(size=dict(height=36, width=36), crop_size=dict(height=32, width=32)), picture, images)  # fmt: skip
    sounds = [f"input/audio/testdata/{f}" for f in ("tone.wav", "silence.wav")]
    labelled("ast", ASTForAudioClassification,
             ASTConfig(**BLOCK, patch_size=8, frequency_stride=6, time_stride=6, max_length=32, num_mel_bins=20),
             ["speech", "music", "silence", "noise"], ASTFeatureExtractor(num_mel_bins=20, max_length=32), sound, sounds)  # fmt: skip


if __name__ == "__main__":
    main()
