#!/usr/bin/env python3
"""Make the bundled vision model: a small ViT that tells the ten kinds of clothes of Fashion-MNIST apart.

    apt-get install dataset-fashion-mnist
    pip install torch transformers
    python tools/zoo/vision.py all

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
from transformers import AutoModelForImageClassification, ViTConfig, ViTForImageClassification

import fashion
import loop
import patches

BYTES_ALLOWED = 4_000_000
WORK = str(Path(tempfile.gettempdir()) / "tripartite-vision")
HERE = Path(__file__).resolve().parents[2] / "zoo" / "vision"
# Mean and standard deviation of the training pictures, of black 0 and white 1.
MEAN, STD = 0.286, 0.353
CALIBRATION_PER_KIND = 10


def arguments():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", default=fashion.FOLDER, metavar="DIR", help="the four IDX files (%(default)s)")
    common.add_argument("--out", default=str(HERE), metavar="DIR", help="where the model goes (zoo/vision)")
    common.add_argument("--work", default=WORK, metavar="DIR", help="where checkpoints go (%(default)s)")
    common.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all random choices (%(default)s)")
    common.add_argument("--threads", type=int, default=2, metavar="N", help="threads of PyTorch (%(default)s)")
    training = argparse.ArgumentParser(add_help=False)
    loop.add_arguments(training, steps=10000, batch=64, rate=2e-3, warm_up=200, weight_decay=0.05)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, parents, text in [
        ("prepare", prepare, [common], "choose and write sample and calibration pictures"),
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
    """samples/: the first test picture of every kind. calibration/: ten training pictures of every kind, at random."""
    parts = fashion.read(args.data)
    samples, calibration = (Path(args.out) / name for name in ("samples", "calibration"))
    for folder in (samples, calibration):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    rng = np.random.default_rng([args.seed, 2])
    for label in range(len(fashion.NAMES)):
        pictures, labels = parts["test"]
        fashion.write_png(samples / f"{fashion.file_name(label)}.png", pictures[np.flatnonzero(labels == label)[0]])
        pictures, labels = parts["train"]
        chosen = np.sort(rng.choice(np.flatnonzero(labels == label), CALIBRATION_PER_KIND, replace=False))
        for number, i in enumerate(chosen):
            fashion.write_png(calibration / f"{fashion.file_name(label)}-{number}.png", pictures[i])


def new_model(seed):
    """The network in training reads one channel; export repeats it for red, green and blue."""
    torch.manual_seed(seed)
    labels = dict(enumerate(fashion.NAMES))
    model = ViTForImageClassification(ViTConfig(
        image_size=fashion.SIDE, patch_size=4, num_channels=1, hidden_size=64, num_hidden_layers=4,
        num_attention_heads=4, intermediate_size=256, hidden_act="gelu", hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, id2label=labels, label2id={name: i for i, name in labels.items()}))
    # On a CPU the backward pass of the fused kernel takes many times as long.
    model.set_attn_implementation("eager")
    side = fashion.SIDE // model.config.patch_size
    patches.initialize(model, model.vit.embeddings, model.vit.layers, side, side)
    return model


def pixels(pictures, channels=1):
    """Pixel values [n, channels, 28, 28] as preprocessor_config.json asks for them, rounded as its processor does."""
    values = (torch.from_numpy(pictures.copy()).double() * (1 / 255)).float()
    values = (values - torch.tensor(MEAN)) / torch.tensor(STD)
    return values[:, None].repeat(1, channels, 1, 1)


def train(args):
    parts = fashion.read(args.data)
    model = new_model(args.seed)
    pictures, labels = parts["train"]

    def batches(step):
        rows = loop.shuffled(len(pictures), args.batch, step, args.seed)
        varied = fashion.vary(pictures[rows], np.random.default_rng([args.seed, 1, step]))
        return pixels(varied), torch.from_numpy(labels[rows]).long()

    def loss(batch):
        logits = model(batch[0]).logits
        return functional.cross_entropy(logits.float(), batch[1])

    def validate():
        right = predictions(model, parts["validation"][0]) == parts["validation"][1]
        return {"validation_accuracy": round(float(right.mean()), 4)}

    loop.Loop(model, batches, loss, validate, args).run()


@torch.no_grad()
def logits_of(model, pictures):
    channels = model.config.num_channels
    parts = np.array_split(pictures, len(pictures) // 250 + 1)
    return torch.cat([model(pixels(part, channels)).logits.float() for part in parts])


def predictions(model, pictures):
    return logits_of(model, pictures).argmax(-1).numpy()


def export(args):
    """config.json, model.safetensors and preprocessor_config.json, checked by loading them as anybody would."""
    state = torch.load(Path(args.work) / "checkpoint.pt", weights_only=True)
    model = new_model(args.seed)
    model.load_state_dict(state["model"])
    before = predictions(model, fashion.read(args.data)["validation"][0])
    # All pictures come as red, green and blue, grey ones with three equal channels: a third of the weight for each
    # is the same function of those, and one that is defined for the others.
    patches = model.vit.embeddings.patch_embeddings.projection
    patches.weight = torch.nn.Parameter(patches.weight.data.repeat(1, 3, 1, 1) / 3)
    model.config.num_channels = 3
    folder = Path(args.work) / "export"
    model.half().save_pretrained(folder)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(folder / name, Path(args.out) / name)
    (Path(args.out) / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_convert_rgb": True,
        "do_resize": True, "size": {"height": fashion.SIDE, "width": fashion.SIDE}, "resample": 2,
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [MEAN] * 3, "image_std": [STD] * 3}, indent=2) + "\n", encoding="utf-8")
    size = loop.embedded_bytes(args.out)
    if size > BYTES_ALLOWED:
        raise SystemExit(f"the folder holds {size} bytes, {BYTES_ALLOWED} allowed")
    changed = int((predictions(load_exported(args), fashion.read(args.data)["validation"][0]) != before).sum())
    print(f"step {state['step']}: {size} bytes, {changed} of {len(before)} validation answers changed by rounding")


def load_exported(args):
    """The exported folder in float32, as transformers' automatic class loads it."""
    return AutoModelForImageClassification.from_pretrained(
        args.out, dtype=torch.float32, attn_implementation="eager").eval()


def evaluate(args):
    """What the model card says, and what the engine is checked against."""
    parts = fashion.read(args.data)
    model = load_exported(args)
    answers = {name: predictions(model, pictures) for name, (pictures, _) in parts.items()}
    labels = parts["test"][1]
    folder = Path(args.out) / "testdata"
    loop.write_json(folder / "measures.json", {
        "made_by": "tools/zoo/vision.py evaluate",
        "parameters": sum(p.numel() for p in model.parameters()),
        "minutes": round(loop.minutes(args.work), 1),
        "pictures": {name: len(part[1]) for name, part in parts.items()},
        "accuracy": {name: float((answers[name] == part[1]).mean()) for name, part in parts.items()},
        "test_accuracy_by_kind": {name: float((answers["test"][labels == i] == i).mean())
                                  for i, name in enumerate(fashion.NAMES)},
        "shirts_taken_for_t_shirts": int(((answers["test"] == 0) & (labels == 6)).sum()),
        "t_shirts_taken_for_shirts": int(((answers["test"] == 6) & (labels == 0)).sum()),
        "test_accuracy_attending_to_all_alike": float(
            (predictions(patches.without_attention(load_exported(args)), parts["test"][0]) == labels).mean()),
        "mean_squared_norm": patches.squared_norms(model, pixels(parts["test"][0][:100], 3)),
    })
    chosen = [int(np.flatnonzero(labels == label)[0]) for label in range(len(fashion.NAMES))]
    logits = logits_of(model, parts["test"][0][chosen])
    loop.write_json(folder / "reference.json", {
        "made_by": "tools/zoo/vision.py evaluate", "arithmetic": "float32, weights rounded to float16",
        "samples": [{"file": f"{fashion.file_name(label)}.png", "label": fashion.NAMES[label], "logits": row.tolist()}
                    for label, row in enumerate(logits)],
        "first_1000_test_labels": "".join(map(str, labels[:1000])),
        "first_1000_test_answers": "".join(map(str, answers["test"][:1000]))})
    print((folder / "measures.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    loop.main(arguments())
