#!/usr/bin/env python3
"""Make the bundled causal model: a language model of the bytes of the King James Bible, with ALiBi.

    apt-get install bible-kjv bible-kjv-text
    pip install torch transformers tokenizers
    python tools/zoo/causal.py all

`all` runs prepare, train, export and evaluate. Training writes a checkpoint often and goes on where it was
interrupted when the same command is given again.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

import causal_lm
import kjv
import loop
import ngram

BYTES_ALLOWED = 4_000_000
WORK = str(Path(tempfile.gettempdir()) / "tripartite-causal")
HERE = Path(__file__).resolve().parents[2] / "zoo" / "causal"
SHORTEST, LONGEST = 80, 240  # bytes of the verses that are shown and calibrated with
ORDERS = range(3, 8)


def arguments():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--bible", metavar="FILE", help="output of `bible -f gen1:1-rev22:21`; runs it when absent")
    common.add_argument("--out", default=str(HERE), metavar="DIR", help="where the model goes (zoo/causal)")
    common.add_argument("--work", default=WORK, metavar="DIR", help="where checkpoints go (%(default)s)")
    common.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all random choices (%(default)s)")
    common.add_argument("--threads", type=int, default=2, metavar="N", help="threads of PyTorch (%(default)s)")
    training = argparse.ArgumentParser(add_help=False)
    loop.add_arguments(training, steps=7000, batch=8, rate=2e-3, warm_up=200, weight_decay=0.05)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, parents, text in [
        ("prepare", prepare, [common], "write the tokenizer, verses and calibration texts"),
        ("train", train, [common, training], "train, or go on with an interrupted training"),
        ("export", export, [common], "write the checkpoint as a Hugging Face folder in float16"),
        ("evaluate", evaluate, [common], "measure the exported model; write testdata/measures.json and reference.json"),
        ("all", everything, [common, training], "all of these in order"),
    ]:
        commands.add_parser(name, parents=parents, help=text, description=text).set_defaults(run=run)
    return parser


def everything(args):
    for run in (prepare, train, export, evaluate):
        run(args)


def prepare(args):
    """tokenizer.json, tokenizer_config.json, verses.txt and calibration.txt."""
    parts, tokenizer, out = kjv.split(kjv.read_bible(args.bible)), causal_lm.tokenizer(), Path(args.out)
    tokenizer.save(str(out / "tokenizer.json"))
    end = causal_lm.END_TOKEN
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": end, "eos_token": end, "pad_token": end,
        "clean_up_tokenization_spaces": False}, indent=2) + "\n", encoding="utf-8")
    verses = kjv.demonstration(tokenizer, parts["test"], shortest=SHORTEST, longest=LONGEST)
    calibration = kjv.calibration(tokenizer, parts["train"], args.seed, shortest=SHORTEST, longest=LONGEST)
    if set(verses) & set(calibration):
        raise SystemExit("a demonstration verse is among the calibration texts")
    for name, lines in (("verses.txt", verses), ("calibration.txt", calibration)):
        (out / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    print(f"{len(verses)} verses, {len(calibration)} calibration texts")


def read_chapters(args):
    parts = kjv.split(kjv.read_bible(args.bible))
    return {name: causal_lm.chapters(verses) for name, verses in parts.items()}


def train(args):
    chapters = read_chapters(args)
    # One END between chapters.
    stream = np.concatenate([sequence[:-1] for sequence in chapters["train"].values()])
    model = causal_lm.new_model(args.seed)
    network = causal_lm.Training(model, causal_lm.WINDOW)
    validation = np.concatenate([sequence[:-1] for sequence in chapters["validation"].values()])
    held = torch.from_numpy(causal_lm.windows(validation, len(validation) // causal_lm.WINDOW - 2, 0, args.seed))

    def batches(step):
        return torch.from_numpy(causal_lm.windows(stream, args.batch, step, args.seed))

    def loss(rows):
        return functional.cross_entropy(network(rows[:, :-1]).float().flatten(0, 1), rows[:, 1:].flatten())

    @torch.no_grad()
    def validate():
        return {"validation_loss": round(float(np.mean([loss(rows).item() for rows in held.split(16)])), 4)}

    loop.Loop(model, batches, loss, validate, args).run()


def export(args):
    """config.json and model.safetensors, checked by loading them as anybody would."""
    state = torch.load(Path(args.work) / "checkpoint.pt", weights_only=True)
    model = causal_lm.new_model(args.seed)
    model.load_state_dict(state["model"])
    folder = Path(args.work) / "export"
    model.half().save_pretrained(folder)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(folder / name, Path(args.out) / name)
    size = loop.embedded_bytes(args.out)
    if size > BYTES_ALLOWED:
        raise SystemExit(f"the folder holds {size} bytes, {BYTES_ALLOWED} allowed")
    loaded, tokenizer = load_exported(args)
    text = "In the beginning"
    if tokenizer(text)["input_ids"] != list(text.encode()):
        raise SystemExit("the tokenizer loads back changed")
    # Training and transformers compute one function.
    ids = torch.tensor([list(text.encode() * 16)])
    with torch.no_grad():
        difference = (causal_lm.Training(loaded, ids.shape[1])(ids) - loaded(ids).logits).abs().max().item()
    print(f"step {state['step']}: {size} bytes, logits of training's forward pass differ by {difference:.1e}")


def load_exported(args):
    """The exported folder in float32, as transformers' automatic classes load it."""
    model = AutoModelForCausalLM.from_pretrained(args.out, dtype=torch.float32, attn_implementation="eager").eval()
    return model, AutoTokenizer.from_pretrained(args.out)


def evaluate(args):
    """What the model card says, and what the engine is checked against."""
    chapters = read_chapters(args)
    model, tokenizer = load_exported(args)
    sequences = {name: list(part.values()) for name, part in chapters.items()}
    text = {name: b"".join(bytes(s[1:-1].tolist()) for s in part) for name, part in sequences.items()}
    per_byte = lambda part: round(causal_lm.bits_per_byte(causal_lm.bits(model, part), part), 4)
    book = lambda name, part="test": [s for place, s in chapters[part].items() if place[0] == name]
    in_order = {order: round(causal_lm.bits_per_byte(ngram.KneserNey(
        sequences["train"], order, causal_lm.VOCABULARY).bits(sequences["test"]), sequences["test"]), 4) for order in ORDERS}
    folder = Path(args.out) / "testdata"
    verses = (Path(args.out) / "verses.txt").read_text(encoding="utf-8").splitlines()
    measures = {
        "made_by": "tools/zoo/causal.py evaluate",
        "parameters": sum(p.numel() for p in model.parameters()),
        "minutes": round(loop.minutes(args.work), 1),
        "bytes": {name: len(part) for name, part in text.items()},
        "chapters": {name: len(part) for name, part in chapters.items()},
        "bits_per_byte": {"test": per_byte(sequences["test"]), "validation": per_byte(sequences["validation"]),
                          "genesis_1_to_10_seen_in_training": per_byte(book("Ge", "train")[:10])},
        "test_by_book": {name: per_byte(book(short)) for short, name in kjv.TEST.items()},
        "test_kneser_ney_by_order": in_order,
        "test_compressed": {name: round(8 * size / len(text["test"]), 4)
                            for name, size in ngram.compressors(text["train"], text["test"]).items()},
        "mean_squared_norm": causal_lm.squared_norms(model, [np.array(tokenizer(v)["input_ids"]) for v in verses]),
    }
    by_distance = causal_lm.without_queries(load_exported(args)[0])
    measures["test_attending_by_distance_alone"] = round(
        causal_lm.bits_per_byte(causal_lm.bits(by_distance, sequences["test"]), sequences["test"]), 4)
    loop.write_json(folder / "measures.json", measures)
    loop.write_json(folder / "reference.json", reference(model, tokenizer, verses))
    print((folder / "measures.json").read_text(encoding="utf-8"))


@torch.no_grad()
def reference(model, tokenizer, verses):
    """All logits after three texts, and what greedy generation makes of their first words."""
    passages = []
    for text in (verses[0], verses[len(verses) // 2], verses[-1]):
        ids = [causal_lm.END, *tokenizer(text)["input_ids"]]
        prompt = ids[:24]
        grown = model.generate(torch.tensor([prompt]), max_new_tokens=50, do_sample=False)[0].tolist()
        passages.append({"text": text, "input_ids": ids, "logits": model(torch.tensor([ids])).logits[0, -1].tolist(),
                         "prompt_ids": prompt, "greedy_ids": grown[len(prompt):]})
    return {"made_by": "tools/zoo/causal.py evaluate", "arithmetic": "float32, weights rounded to float16",
            "passages": passages}


if __name__ == "__main__":
    loop.main(arguments())
