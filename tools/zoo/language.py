#!/usr/bin/env python3
"""Make the bundled language model: an ALBERT-style masked language model of the King James Bible.

    apt-get install bible-kjv bible-kjv-text
    pip install torch transformers tokenizers
    python tools/zoo/language.py all

`all` runs prepare, train, export, shorten, evaluate and reference. Training writes a checkpoint often and goes on
where it was interrupted when the same command is given again; so does shortening.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM, AutoTokenizer

import kjv
import masked_lm

BYTES_ALLOWED = 6_000_000
SHORTEN = {"steps": 3500, "rate": 6e-4, "warm_up": 100}  # where shortening differs from training
WORK = str(Path(tempfile.gettempdir()) / "tripartite-language")
HERE = Path(__file__).resolve().parents[2] / "zoo" / "language"


def main():
    args = arguments().parse_args()
    Path(args.work).mkdir(parents=True, exist_ok=True)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    started = time.monotonic()
    args.run(args)
    print(f"{args.command}: {time.monotonic() - started:.1f} s", file=sys.stderr)


def arguments():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--bible", metavar="FILE", help="output of `bible -f gen1:1-rev22:21`; runs it when absent")
    common.add_argument("--out", default=str(HERE), metavar="DIR", help="where the model goes (zoo/language)")
    common.add_argument("--work", default=WORK, metavar="DIR", help="where checkpoints and measures go (%(default)s)")
    common.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all random choices (%(default)s)")
    common.add_argument("--threads", type=int, default=2, metavar="N", help="threads of PyTorch (%(default)s)")

    training = training_arguments()
    training.add_argument("--short-epochs", type=int, default=4, metavar="N",
                          help="first epochs, on pieces of 8 to 24 tokens (%(default)s)")
    shortening = training_arguments(**SHORTEN)
    shortening.add_argument("--trained", metavar="DIR", help="the model to begin from (the trained one in WORK)")
    short = argparse.ArgumentParser(add_help=False)
    short.add_argument("--shortness", type=float, default=0.05, metavar="N",
                       help="weight of the squared lengths of queries and keys in shortening (%(default)s)")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, parents, text in [
        ("prepare", prepare, [common], "train the vocabulary, choose the verses and the calibration texts"),
        ("train", train, [common, training], "train, or go on with an interrupted training"),
        ("export", export, [common], "write the trained model as a Hugging Face folder in float16"),
        ("shorten", shorten, [common, shortening, short], "train the trained model on for short queries and keys, and export that"),
        ("evaluate", evaluate, [common], "measure the exported model on the test books"),
        ("reference", reference, [common], "write testdata/fill.json, what the exported model answers"),
        ("all", everything, [common, training, short], "all of these in order; how to train is for `train` alone, but for the device"),
    ]:
        commands.add_parser(name, parents=parents, help=text, description=text).set_defaults(run=run)
    return parser


def training_arguments(steps=12000, rate=1e-3, warm_up=300):
    training = argparse.ArgumentParser(add_help=False)
    training.add_argument("--steps", type=int, default=steps, metavar="N", help="optimizer steps (%(default)s)")
    training.add_argument("--batch-tokens", type=int, default=2048, metavar="N", help="tokens per step (%(default)s)")
    training.add_argument("--rate", type=float, default=rate, metavar="N", help="highest learning rate (%(default)s)")
    training.add_argument("--warm-up", type=int, default=warm_up, metavar="N", help="steps of linear warm-up (%(default)s)")
    training.add_argument("--weight-decay", type=float, default=0.1, metavar="N",
                          help="AdamW's decay of matrices (%(default)s)")
    training.add_argument("--mask-share", type=float, default=0.15, metavar="N",
                          help="share of tokens to predict (%(default)s)")
    training.add_argument("--every", type=int, default=250, metavar="N", help="steps between checkpoints (%(default)s)")
    training.add_argument("--device", default="cpu", metavar="NAME", help="where PyTorch trains (%(default)s)")
    training.add_argument("--no-bfloat16", dest="bfloat16", action="store_false", help="train in float32 throughout")
    training.add_argument("--fresh", action="store_true", help="start anew although there is a checkpoint")
    return training


def everything(args):
    prepare(args)
    train(args)
    shorten(argparse.Namespace(**vars(args) | SHORTEN, trained=None))
    evaluate(args)
    reference(args)


def prepare(args):
    """Tokenizer, verses.txt and calibration.txt."""
    parts = kjv.split(kjv.read_bible(args.bible))
    tokenizer = kjv.train_tokenizer(verse.text for verse in parts["train"])
    kjv.save_tokenizer(tokenizer, args.out)
    verses = kjv.demonstration(tokenizer, parts["test"])
    calibration = kjv.calibration(tokenizer, parts["train"], args.seed)
    if set(verses) & set(calibration):
        raise SystemExit("a demonstration verse is among the calibration texts")
    write_lines(Path(args.out) / "verses.txt", verses)
    write_lines(Path(args.out) / "calibration.txt", calibration)
    print(f"{len(verses)} verses, {len(calibration)} calibration texts")


def load_books(args):
    parts = kjv.split(kjv.read_bible(args.bible))
    tokenizer = Tokenizer.from_file(str(Path(args.out) / "tokenizer.json"))
    return parts, {name: kjv.encode(tokenizer, verses) for name, verses in parts.items()}, tokenizer


def train(args):
    go(args, masked_lm.Trainer, masked_lm.new_model(args.seed))


def go(args, trainer, model):
    """Trains a model and says how far it is, in WORK/train.jsonl too."""
    _, books, _ = load_books(args)
    run = trainer(model, books["train"], masked_lm.fixed_masks(books["validation"], args.seed), args)
    journal = Path(args.work) / "train.jsonl"

    def log(**entry):
        print(json.dumps(entry), flush=True)
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    run.run(log)


def save(args, trainer):
    """Writes the model of a checkpoint to a folder in WORK, in float16, and returns that and its step."""
    path = Path(args.work) / trainer.file
    if not path.exists():
        raise SystemExit(f"{path} is missing: train first, with the same --work")
    state = torch.load(path, weights_only=True, map_location="cpu")
    model = masked_lm.new_model(args.seed)
    model.load_state_dict(state["model"])
    folder = Path(args.work) / trainer.exported
    model.half().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder, state["step"]


def export(args, trainer=masked_lm.Trainer):
    """config.json and model.safetensors, checked by loading them as anybody would."""
    folder, step = save(args, trainer)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(folder / name, Path(args.out) / name)
    stored = load_file(Path(args.out) / "model.safetensors")
    if "predictions.decoder.weight" in stored:
        raise SystemExit("the tied decoder is stored twice")
    embedded = (path for path in Path(args.out).iterdir() if path.suffix in (".safetensors", ".json", ".txt"))
    size = sum(path.stat().st_size for path in embedded)
    if size > BYTES_ALLOWED:
        raise SystemExit(f"the folder holds {size} bytes, {BYTES_ALLOWED} allowed")
    model, _ = load_exported(args)
    same = all(torch.equal(value, stored[name].float()) for name, value in model.state_dict().items() if name in stored)
    print(f"step {step}: {sum(p.numel() for p in model.parameters())} parameters, {size} bytes,"
          f" loads back {'unchanged' if same else 'CHANGED'}")


def shorten(args):
    """Trains the trained model on, as it is exported, for short queries and keys, and exports what comes of it."""
    trained = Path(args.trained) if args.trained else save(args, masked_lm.Trainer)[0]
    if not (trained / "model.safetensors").exists():
        raise SystemExit(f"{trained} holds no model.safetensors")
    args.begun_from = hashlib.sha256((trained / "model.safetensors").read_bytes()).hexdigest()
    go(args, masked_lm.Shortener, load(trained))
    export(args, masked_lm.Shortener)


def load_exported(args):
    """The exported folder in float32, as transformers' automatic classes load it."""
    return load(args.out), AutoTokenizer.from_pretrained(args.out)


def load(folder):
    return AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def evaluate(args):
    """measures.json: what the model card says."""
    parts, books, _ = load_books(args)
    model, tokenizer = load_exported(args)
    test = masked_lm.fixed_masks(books["test"], args.seed, draws=10)
    measures = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": {name: sum(len(ids) for book in part for ids in book) for name, part in books.items()},
        "verses": {name: len(part) for name, part in parts.items()},
        "eight_word_runs_of_test_also_in_train": kjv.overlap(parts["train"], parts["test"]),
        "validation": masked_lm.masked_loss(model, masked_lm.fixed_masks(books["validation"], args.seed, draws=10)),
        "test": masked_lm.masked_loss(model, test),
        "test_by_book": {book: masked_lm.masked_loss(model, masked_lm.fixed_masks([ids], args.seed, draws=10))
                         for book, ids in zip(kjv.TEST.values(), books["test"])},
        "genesis_seen_in_training": masked_lm.masked_loss(model, masked_lm.fixed_masks(books["train"][:1], args.seed)),
        "unigram": masked_lm.unigram(books["train"], test),
        "mean_squared_norm": masked_lm.squared_norms(model, verse_ids(args, tokenizer)),
        "test_uniform_attention": masked_lm.masked_loss(masked_lm.without_attention(model), test),
    }
    measures["unigram"]["commonest"] = tokenizer.convert_ids_to_tokens(measures["unigram"]["commonest"])
    text = json.dumps(measures, indent=2)
    (Path(args.work) / "measures.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def verse_ids(args, tokenizer):
    lines = (Path(args.out) / "verses.txt").read_text(encoding="utf-8").splitlines()
    return [np.array(tokenizer(line)["input_ids"]) for line in lines]


@torch.no_grad()
def reference(args):
    """testdata/fill.json: top five logits at every mask of twelve passages, and two sentence embeddings."""
    model, tokenizer = load_exported(args)
    lines = (Path(args.out) / "verses.txt").read_text(encoding="utf-8").splitlines()
    chosen = [lines[i] for i in np.linspace(0, len(lines) - 1, 12).round().astype(int)]
    passages, embeddings = [], []
    for number, text in enumerate(chosen):
        words = text.split(" ")
        for at in (3 + number % 4, len(words) - 4):  # one near the start, one near the end
            words[at] = "[MASK]"
        masked = " ".join(words)
        ids = tokenizer(masked)["input_ids"]
        logits = model(torch.tensor([ids])).logits[0]
        masks = []
        for position in (i for i, token in enumerate(ids) if token == kjv.MASK):
            top = logits[position].topk(5)
            masks.append({"position": position, "ids": top.indices.tolist(), "logits": top.values.tolist()})
        passages.append({"text": masked, "input_ids": ids, "masks": masks})
    for text in chosen[:2]:
        ids = tokenizer(text)["input_ids"]
        mean = model.albert(torch.tensor([ids])).last_hidden_state[0].mean(0)
        embeddings.append({"text": text, "input_ids": ids, "embedding": (mean / mean.norm()).tolist()})
    folder = Path(args.out) / "testdata"
    folder.mkdir(exist_ok=True)
    (folder / "fill.json").write_text(json.dumps({
        "made_by": "tools/zoo/language.py reference", "arithmetic": "float32, weights rounded to float16",
        "passages": passages, "embeddings": embeddings}, indent=1) + "\n", encoding="utf-8")


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
