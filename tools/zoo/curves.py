#!/usr/bin/env python3
"""Fit the tuning curves that a bundled model brings, and measure the networks that they make.

    python tools/zoo/corpora.py vision
    python tools/zoo/curves.py vision

Fits curves of several sizes to the files of corpora.py, with the command beside which this lies, puts them into the
model's folder as tuning.safetensors (64 neurons a head in the mean) and tuning-16.safetensors and so on, and writes
testdata/curves.json: what networks with fitted, calibrated and random curves do on the test part.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPORARY = Path(tempfile.gettempdir())
DEFAULT = 64  # neurons a head of tuning.safetensors
# Those that a model brings: beside the default what is small.
SHIPPED = {"language": (64,), "causal": (64,), "vision": (16, 32, 64), "audition": (16, 32, 64)}
# Of every model: how long its fits are, and the parts of corpora.py.
FITS = {
    "language": ["--head-steps", "1000", "--joint-steps", "8000", "--length", "128"],
    "causal": ["--head-steps", "1000", "--joint-steps", "500", "--length", "512"],
    "vision": ["--head-steps", "1000", "--joint-steps", "1500"],
    "audition": ["--head-steps", "1000", "--joint-steps", "1500"],
}
PARTS = {"language": "{}.txt", "causal": "{}.jsonl", "vision": "{}", "audition": "{}"}
TESTS = {"language": ["test.txt", "test-passages.txt"], "causal": ["test.txt"], "vision": ["test"],
         "audition": ["test"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=FITS)
    parser.add_argument("--data", metavar="DIR", help="what corpora.py wrote")
    parser.add_argument("--program", default="tripartite", metavar="FILE", help="the command (%(default)s)")
    parser.add_argument("--work", metavar="DIR", help="where curves that do not ship, and reports, go")
    parser.add_argument("--neurons", type=int, nargs="+", default=[16, 32, 64, 128], metavar="N", help="sizes (%(default)s)")
    parser.add_argument("--fit", type=int, nargs="*", metavar="N", help="sizes to fit now, others are there (all)")
    parser.add_argument("--no-measure", dest="measure", action="store_false", help="fit only")
    args = parser.parse_args()
    args.data = Path(args.data or TEMPORARY / f"tripartite-{args.model}" / "corpora")
    args.work = Path(args.work or TEMPORARY / f"tripartite-{args.model}" / "curves")
    args.work.mkdir(parents=True, exist_ok=True)
    for neurons in args.neurons if args.fit is None else args.fit:
        fit(args, neurons)
    if args.measure:
        measure(args)


def curves(args, neurons):
    """Where curves of a size lie."""
    name = "tuning.safetensors" if neurons == DEFAULT else f"tuning-{neurons}.safetensors"
    return (ROOT / "zoo" / args.model if neurons in SHIPPED[args.model] else args.work) / name


def fit(args, neurons):
    part = lambda name: str(args.data / PARTS[args.model].format(name))
    path = curves(args, neurons)
    path.unlink(missing_ok=True)
    run(args, "fit", "--model", args.model, "--input", part("fit"), "--validation", part("validation"),
        "--neurons", str(neurons), *FITS[args.model], "--float16", "-o", str(path))


def measure(args):
    """testdata/curves.json: accuracy, or bits per byte of a causal model, on every part of the test data, and how far
    calcium is from the normalizer: |log c - log Z|, its median over tokens of every head."""
    flags = {f"fitted_{n}": ["--tuning", str(curves(args, n))] for n in sorted(args.neurons, reverse=True)}
    for name, tuning, n in [("calibrated", "calibrated", 512), ("calibrated", "calibrated", 64), ("random", "exp", 64)]:
        flags[f"{name}_{n}"] = ["--tuning", tuning, "--neurons", str(n)]
    found = {"made_by": "tools/zoo/curves.py", "parts": TESTS[args.model], "networks": list(flags), "answers": {},
             "test": {}, "log_calcium_error": {}}
    for part in TESTS[args.model]:
        test, calcium = {}, {}
        for name, own in flags.items():
            report = json.loads(run(args, "transfer", "--model", args.model, "--input", str(args.data / part), *own,
                                    "-o", str(args.work / "report"), "--json"))
            task = report["network"]["task"]
            value = task.get("bits_per_byte") or {k: task["accuracy_" + k] for k in ("exact", "circuit", "uniform")}
            test |= {"exact": value["exact"], "uniform": value["uniform"], name: value["circuit"]}
            heads = [head["log_calcium_error"] for layer in report["layers"] for head in layer["heads"]]
            calcium[name] = {"median": statistics.median(heads), "largest": max(heads)}
            found["answers"][part] = task["answers"]
            print(part, name, value, calcium[name], flush=True)
        found["test"][part], found["log_calcium_error"][part] = test, calcium
    path = ROOT / "zoo" / args.model / "testdata" / "curves.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def run(args, *command):
    done = subprocess.run([args.program, *command, "--quiet"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{args.program} {' '.join(command)} failed")
    return done.stdout


if __name__ == "__main__":
    main()
