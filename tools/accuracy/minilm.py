#!/usr/bin/env python3
"""How much of all-MiniLM-L6-v2 fitted tuning curves keep: the figures of docs/accuracy.md.

    apt-get install fortune-mod fortunes fortunes-min bible-kjv bible-kjv-text
    python tools/accuracy/minilm.py texts --out DIR --tokenizer MODEL/tokenizer.json
    python tools/accuracy/minilm.py fit MODEL --out DIR --neurons 128 --seeds 1 2 3
    python tools/accuracy/minilm.py measure MODEL --out DIR --neurons 128 --seeds 1 2 3

MODEL is the folder of the model in safetensors. `texts` needs the Python package tokenizers, the others the command
beside which this lies.

texts    writes what curves are fitted to, judged by and tested on, one passage a line, disjoint: Debian's fortunes
         of more than 30 characters, each once; parts.json names those of validation and test, which were drawn at
         random. fit.txt, validation.txt, test.txt (296 that the model reads whole: of up to 256 tokens);
         test-long.txt: 60 of 230 tokens or more, cut to 256; test-joined.txt: those of test.txt, put together to 256 tokens,
         though they are of different things; test-kjv.txt: 300 verses of the King James Bible, of the test books of
         the bundled language model, and test-kjv-long.txt, the same books in pieces of 256 tokens; calibration.txt:
         300 of fit.txt, for calibrated curves; fitted.txt: 300 others of it, of up to 256 tokens, to see what curves
         have learnt by heart
fit      runs `tripartite fit` for every seed, one after another
measure  runs `tripartite transfer` on all tests, and on fitted.txt, and writes DIR/measures-NEURONS.json
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
FORTUNES = Path("/usr/share/games/fortunes")
SHORTEST, LONGEST, VERSES, CALIBRATION = 30, 256, 300, 300  # characters, tokens, lines, lines of calibration.txt and fitted.txt
STEPS = ["--head-steps", "500", "--joint-steps", "18000"]
TESTS = ["test", "test-long", "test-joined", "test-kjv", "test-kjv-long"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--out", metavar="DIR", type=Path, required=True, help="where texts, curves and measures go")
    runs = argparse.ArgumentParser(add_help=False, parents=[common])
    runs.add_argument("model", metavar="MODEL", help="the model's folder")
    runs.add_argument("--program", default="tripartite", metavar="FILE", help="the command (%(default)s)")
    runs.add_argument("--neurons", type=int, default=128, metavar="N", help="neurons a head, the mean (%(default)s)")
    runs.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="N", help="seeds (%(default)s)")
    runs.add_argument("--shared", action="store_true", help="one curve of a neuron for keys and queries")
    own = commands.add_parser("texts", parents=[common], help="write the texts")
    own.add_argument("--tokenizer", metavar="FILE", required=True, help="the model's tokenizer.json")
    own.set_defaults(run=texts)
    commands.add_parser("fit", parents=[runs], help="fit curves").set_defaults(run=fit)
    commands.add_parser("measure", parents=[runs], help="measure networks").set_defaults(run=measure)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    args.run(args)


def passages():
    """All fortunes in one line each, in the order of a hash that nothing else depends on: {hash: text}."""
    found = {}
    for file in sorted(FORTUNES.iterdir()):
        if "." in file.name or not file.is_file():
            continue
        for text in file.read_text(encoding="utf-8", errors="replace").split("\n%\n"):
            text = " ".join(text.split())
            if len(text) > SHORTEST:
                found[hashlib.sha256(text.encode()).hexdigest()[:10]] = text
    return dict(sorted(found.items()))


def texts(args):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(args.tokenizer)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    parts, all_texts = json.loads((HERE / "parts.json").read_text()), passages()
    missing = [name for part in parts.values() for name in part if name not in all_texts]
    if missing:
        sys.exit(f"{len(missing)} of the passages in parts.json are not among {len(all_texts)} in {FORTUNES}:"
                 " another version of the fortunes")
    held = {name for part in parts.values() for name in part}
    fitted = [text for name, text in all_texts.items() if name not in held]
    test = [all_texts[name] for name in parts["test"]]
    write(args.out / "fit.txt", fitted)
    write(args.out / "calibration.txt", fitted[:CALIBRATION])
    write(args.out / "fitted.txt", [*islice((text for text in reversed(fitted) if fits(tokenizer, text)), CALIBRATION)])
    write(args.out / "validation.txt", [all_texts[name] for name in parts["validation"]])
    write(args.out / "test.txt", test)
    write(args.out / "test-long.txt", [cut(tokenizer, all_texts[name]) for name in parts["long"]])
    write(args.out / "test-joined.txt", together(tokenizer, test))
    verses = bible()
    write(args.out / "test-kjv.txt", sorted(set(verses), key=lambda text: hashlib.sha256(text.encode()).hexdigest())[:VERSES])
    write(args.out / "test-kjv-long.txt", together(tokenizer, verses))


def together(tokenizer, lines):
    """Lines joined until they have at least LONGEST tokens, cut to that."""
    out, now = [], []
    for line in lines:
        now.append(line)
        if len(tokenizer.encode(" ".join(now)).ids) >= LONGEST:
            out.append(cut(tokenizer, " ".join(now)))
            now = []
    return out


def fits(tokenizer, text):
    """Whether a text has at most LONGEST tokens, those around it included."""
    return len(tokenizer.encode(text).ids) <= LONGEST


def cut(tokenizer, text):
    """The beginning of a text that has at most LONGEST tokens, those around it included."""
    read = tokenizer.encode(text)
    return text if len(read.ids) <= LONGEST else text[:read.offsets[LONGEST - 2][1]]


def bible():
    """The verses of the test books, in their order."""
    sys.path.insert(0, str(HERE.parent / "zoo"))
    import kjv
    return [verse.text for verse in kjv.split(kjv.read_bible(None))["test"]]


def write(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    print(f"{path}: {len(lines)} lines")


def curves(args, seed):
    return args.out / f"minilm-{args.neurons}{'-shared' if args.shared else ''}-seed{seed}.safetensors"


def fit(args):
    for seed in args.seeds:
        began = time.monotonic()
        shared = ["--shared"] if args.shared else []
        run(args, "fit", "--model", args.model, "--input", args.out / "fit.txt", "--validation",
            args.out / "validation.txt", "--neurons", args.neurons, *shared, *STEPS, "--seed", seed, "--float16",
            "-o", curves(args, seed))
        print(f"seed {seed}: {(time.monotonic() - began) / 60:.1f} minutes", flush=True)


def measure(args):
    """Cosines of sentence embeddings to the exact ones on every test and on what was fitted to, and how far calcium is from the normalizer."""
    networks = {f"fitted, seed {seed}": ["--tuning", curves(args, seed)] for seed in args.seeds}
    for name, tuning in (("calibrated", "calibrated"), ("random", "exp")):
        networks[name] = ["--tuning", tuning, "--neurons", args.neurons, "--calibrate", args.out / "calibration.txt"]
    found = {}
    for test in [*TESTS, "fitted"]:
        found[test] = {}
        for name, own in networks.items():
            report = json.loads(run(args, "transfer", "--model", args.model, "--input", args.out / f"{test}.txt", *own,
                                    "-o", args.out / "report", "--json"))
            calcium = sorted(head["log_calcium_error"] for layer in report["layers"] for head in layer["heads"])
            network = report["network"]
            found[test][name] = {
                "texts": report["input"]["texts"], "neurons": report["config"]["total_neurons"],
                **{key: network[key] for key in ("embedding_cosine", "embedding_cosine_p05", "embedding_cosine_centred",
                                                 "similarity_rank_correlation", "embedding_cosine_uniform")},
                "log_calcium_error": {"median": calcium[len(calcium) // 2], "largest": calcium[-1]}}
            print(test, name, found[test][name], flush=True)
    kind = f"{args.neurons}{'-shared' if args.shared else ''}"
    (args.out / f"measures-{kind}.json").write_text(json.dumps(found, indent=1) + "\n")


def run(args, *command):
    done = subprocess.run([args.program, *map(str, command), "--quiet"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{args.program} {' '.join(map(str, command))} failed")
    return done.stdout


if __name__ == "__main__":
    main()
