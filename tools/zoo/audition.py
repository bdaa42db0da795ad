#!/usr/bin/env python3
"""Make the bundled model of hearing: a small AST that tells ten spoken digits apart.

    apt-get install espeak-ng flite flac asterisk-core-sounds-en-wav
    pip install torch transformers
    python tools/zoo/audition.py all

`all` runs synthesize, record, prepare, train, export and evaluate. Training writes a checkpoint often and goes on where it
was interrupted when the same command is given again. The asterisk recordings are only measured on.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification, AutoModelForAudioClassification

import digits
import loop
import patches

BYTES_ALLOWED = 4_000_000
WORK = str(Path(tempfile.gettempdir()) / "tripartite-audition")
HERE = Path(__file__).resolve().parents[2] / "zoo" / "audition"
HUMAN = "/usr/share/asterisk/sounds/en_US_f_Allison/digits"
CALIBRATION_PER_DIGIT = 2
CLIPS_PER_WORD = 5


def arguments():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--human", default=HUMAN, metavar="DIR", help="recordings 0.wav to 9.wav (%(default)s)")
    common.add_argument("--out", default=str(HERE), metavar="DIR", help="where the model goes (zoo/audition)")
    common.add_argument("--work", default=WORK, metavar="DIR", help="where sounds and checkpoints go (%(default)s)")
    common.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all random choices (%(default)s)")
    common.add_argument("--threads", type=int, default=2, metavar="N", help="threads of PyTorch (%(default)s)")
    training = argparse.ArgumentParser(add_help=False)
    loop.add_arguments(training, steps=6000, batch=64, rate=2e-3, warm_up=200, weight_decay=0.1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, parents, text in [
        ("synthesize", synthesize, [common], "let espeak-ng and flite say the digits"),
        ("record", record, [common], "put the training words into clips with rooms, noise and telephones"),
        ("prepare", prepare, [common], "write sample and calibration sounds"),
        ("train", train, [common, training], "train, or go on with an interrupted training"),
        ("export", export, [common], "write the checkpoint as a Hugging Face folder in float16"),
        ("evaluate", evaluate, [common], "measure the exported model; write testdata/measures.json and reference.json"),
        ("all", everything, [common, training], "all of these in order"),
    ]:
        commands.add_parser(name, parents=parents, help=text, description=text).set_defaults(run=run)
    return parser


def everything(args):
    for run in (synthesize, record, prepare, train, export, evaluate):
        run(args)


def synthesize(args):
    """words.npz: every word that was spoken."""
    parts = digits.synthesize(args.seed)
    arrays = {}
    for part, words in parts.items():
        names, labels, sounds = zip(*words)
        arrays |= {f"{part}_voices": np.array(names), f"{part}_labels": np.array(labels),
                   f"{part}_ends": np.cumsum([len(sound) for sound in sounds]),
                   f"{part}_samples": np.round(np.concatenate(sounds).clip(-1, 1) * 32767).astype(np.int16)}
        print(f"{part}: {len(sounds)} words of {len(set(names))} voices, {arrays[f'{part}_ends'][-1] / digits.RATE:.0f} s")
    np.savez(Path(args.work) / "words.npz", **arrays)


def read_words(args):
    """{part: (voices, labels, [samples])}."""
    stored, parts = np.load(Path(args.work) / "words.npz"), {}
    for part in ("train", "validation", "test"):
        samples = stored[f"{part}_samples"].astype(np.float32) / 32767
        words = np.split(samples, stored[f"{part}_ends"][:-1])
        parts[part] = (stored[f"{part}_voices"], stored[f"{part}_labels"], words)
    return parts


def clips_of(words, args, stream, **options):
    return digits.clips(words, np.random.default_rng([args.seed, stream]), **options)


def record(args):
    """clips.npy: log-mel features, not normalized, of every training word in five clips, [5, words, frames, bins]."""
    words = read_words(args)["train"][2]
    features = np.empty((CLIPS_PER_WORD, len(words), digits.FRAMES, digits.BINS), np.float16)
    for take in range(CLIPS_PER_WORD):
        rng = np.random.default_rng([args.seed, 1, take])
        for at in range(0, len(words), 100):
            features[take, at:at + 100] = digits.log_mel(*digits.clips(words[at:at + 100], rng, resize=True)).numpy()
    np.save(Path(args.work) / "clips.npy", features)


def prepare(args):
    """samples/: a test clip of every digit, half of them by flite's rms. calibration/: two training clips of every
    digit. preprocessor_config.json, with the mean and the deviation of the features of training clips."""
    parts, out = read_words(args), Path(args.out)
    for name in ("samples", "calibration"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir()
    rng = np.random.default_rng([args.seed, 2])
    voices, labels, words = parts["test"]
    human = voices == "flite rms"
    chosen = [int(rng.choice(np.flatnonzero((labels == d) & (human if d % 2 == 0 else ~human)))) for d in range(10)]
    waves, lengths = clips_of([words[i] for i in chosen], args, 3)
    for digit, wave, length in zip(digits.WORDS, waves, lengths):
        digits.write_wav(out / "samples" / f"{digit}.wav", wave[:length])
    voices, labels, words = parts["train"]
    chosen = np.concatenate([rng.choice(np.flatnonzero(labels == d), CALIBRATION_PER_DIGIT, replace=False)
                             for d in range(10)])
    waves, lengths = clips_of([words[i] for i in chosen], args, 4)
    for number, (wave, length) in enumerate(zip(waves, lengths)):
        digit, count = divmod(number, CALIBRATION_PER_DIGIT)
        path = out / "calibration" / f"{digits.WORDS[digit]}-{count}.wav"
        digits.write_wav(path, wave[:length])
        subprocess.run(["flac", "--best", "--silent", "--delete-input-file", str(path)], check=True)
    values = np.load(Path(args.work) / "clips.npy", mmap_mode="r")[0, ::10].astype(np.float64)
    values = values[values != 0]  # of the frames that hold sound
    (out / "preprocessor_config.json").write_text(json.dumps({
        "feature_extractor_type": "ASTFeatureExtractor", "feature_size": 1, "sampling_rate": digits.RATE,
        "num_mel_bins": digits.BINS, "max_length": digits.FRAMES, "padding_value": 0.0, "padding_side": "right",
        "do_normalize": True, "mean": round(values.mean(), 3), "std": round(values.std(), 3),
        "return_attention_mask": False}, indent=2) + "\n", encoding="utf-8")


def new_model(seed):
    torch.manual_seed(seed)
    labels = dict(enumerate(digits.WORDS))
    model = ASTForAudioClassification(ASTConfig(
        hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256, hidden_act="gelu",
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, patch_size=16, frequency_stride=16, time_stride=8,
        max_length=digits.FRAMES, num_mel_bins=digits.BINS, id2label=labels,
        label2id={name: i for i, name in labels.items()}))
    # On a CPU the backward pass of the fused kernel takes many times as long.
    model.set_attn_implementation("eager")
    base = model.audio_spectrogram_transformer
    patches.initialize(model, base.embeddings, base.layers, *base.embeddings.get_shape(model.config))
    return model


def normalized(args, features):
    config = json.loads((Path(args.out) / "preprocessor_config.json").read_text(encoding="utf-8"))
    return (features - config["mean"]) / (2 * config["std"])


def train(args):
    parts = read_words(args)
    model = new_model(args.seed)
    clips = np.load(Path(args.work) / "clips.npy", mmap_mode="r").reshape(-1, digits.FRAMES, digits.BINS)
    labels = np.tile(parts["train"][1], CLIPS_PER_WORD)
    held = normalized(args, digits.log_mel(*clips_of(parts["validation"][2], args, 7)))

    def batches(step):
        rows = loop.shuffled(len(clips), args.batch, step, args.seed)
        features = digits.mask(normalized(args, clips[rows].astype(np.float32)),
                               np.random.default_rng([args.seed, 9, step]))
        return torch.from_numpy(features), torch.from_numpy(labels[rows]).long()

    def loss(batch):
        return functional.cross_entropy(model(batch[0]).logits.float(), batch[1])

    def validate():
        right = logits_of(model, held).argmax(-1).numpy() == parts["validation"][1]
        return {"validation_accuracy": round(float(right.mean()), 4)}

    loop.Loop(model, batches, loss, validate, args).run()


@torch.no_grad()
def logits_of(model, values):
    return torch.cat([model(part).logits.float() for part in values.split(250)])


def export(args):
    """config.json and model.safetensors, checked by loading them as anybody would."""
    state = torch.load(Path(args.work) / "checkpoint.pt", weights_only=True)
    model = new_model(args.seed)
    model.load_state_dict(state["model"])
    held = normalized(args, digits.log_mel(*clips_of(read_words(args)["validation"][2], args, 7)))
    before = logits_of(model, held).argmax(-1)
    folder = Path(args.work) / "export"
    model.half().save_pretrained(folder)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(folder / name, Path(args.out) / name)
    size = loop.embedded_bytes(args.out)
    if size > BYTES_ALLOWED:
        raise SystemExit(f"the folder holds {size} bytes, {BYTES_ALLOWED} allowed")
    changed = int((logits_of(load_exported(args), held).argmax(-1) != before).sum())
    print(f"step {state['step']}: {size} bytes, {changed} of {len(held)} validation answers changed by rounding")


def load_exported(args):
    """The exported folder in float32, as transformers' automatic class loads it."""
    return AutoModelForAudioClassification.from_pretrained(
        args.out, dtype=torch.float32, attn_implementation="eager").eval()


def extracted(args, sounds):
    """What transformers itself makes of sounds at 16 kHz."""
    extractor = ASTFeatureExtractor.from_pretrained(args.out)
    return torch.cat([extractor(sound, sampling_rate=digits.RATE, return_tensors="pt")["input_values"]
                      for sound in sounds])


def evaluate(args):
    """What the model card says, and what the engine is checked against."""
    parts, model, folder = read_words(args), load_exported(args), Path(args.out) / "testdata"
    voices, labels, words = parts["test"]
    inputs = {}
    for name, options in (("noisy", {}), ("clean", {"noise": False})):
        waves, lengths = clips_of(words, args, 8, **options)
        inputs[name] = extracted(args, [wave[:length] for wave, length in zip(waves, lengths)])
        difference = (inputs[name] - normalized(args, digits.log_mel(waves, lengths))).abs().max().item()
        print(f"{name}: features differ by at most {difference:.1e} from those of training")
    right = {name: logits_of(model, values).argmax(-1).numpy() == labels for name, values in inputs.items()}
    unlike = logits_of(patches.without_attention(load_exported(args)), inputs["noisy"]).argmax(-1).numpy()
    human = []
    for digit in range(10):
        samples, rate = digits.read_wav(str(Path(args.human) / f"{digit}.wav"))
        human.append(digits.resample(samples, len(samples) * digits.RATE // rate))
    heard = logits_of(model, extracted(args, human)).argmax(-1).tolist()
    loop.write_json(folder / "measures.json", {
        "made_by": "tools/zoo/audition.py evaluate",
        "parameters": sum(p.numel() for p in model.parameters()),
        "minutes": round(loop.minutes(args.work), 1),
        "words": {name: len(part[1]) for name, part in parts.items()},
        "voices": {name: len(set(part[0].tolist())) for name, part in parts.items()},
        "test_accuracy": {name: float(ok.mean()) for name, ok in right.items()},
        "test_accuracy_of_flite_rms": {name: float(ok[voices == "flite rms"].mean()) for name, ok in right.items()},
        "noisy_test_accuracy_by_digit": {word: float(right["noisy"][labels == d].mean())
                                         for d, word in enumerate(digits.WORDS)},
        "noisy_test_accuracy_attending_to_all_alike": float((unlike == labels).mean()),
        "human_recordings_right": sum(h == d for d, h in enumerate(heard)),
        "human_recordings_heard_as": [digits.WORDS[h] for h in heard],
        "mean_squared_norm": patches.squared_norms(model, inputs["noisy"][::10]),
    })
    files = [f"{word}.wav" for word in digits.WORDS]
    sounds = [digits.read_wav(str(Path(args.out) / "samples" / name))[0] for name in files]
    values = extracted(args, sounds)
    loop.write_json(folder / "reference.json", {
        "made_by": "tools/zoo/audition.py evaluate", "arithmetic": "float32, weights rounded to float16",
        "samples": [{"file": name, "label": word, "feature_mean": value.double().mean().item(),
                     "feature_mean_square": value.double().square().mean().item(), "logits": row.tolist()}
                    for name, word, value, row in zip(files, digits.WORDS, values, logits_of(model, values))]})
    print((folder / "measures.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    loop.main(arguments())
