"""Compares the engine with PyTorch, ONNX Runtime and numpy, and writes docs/performance.md.

    python tools/bench/peers.py --model FOLDER [--quick] [--parts NAME ...] [--texts FILE] [-o RESULT.json]

FOLDER holds all-MiniLM-L6-v2 as Hugging Face lays it out. Needs go and what requirements.txt names;
torch.compile needs a C++ compiler. `make bench-peers` sets all that up and runs this.

The comparison has parts, each one run of turns: in every round each program does each piece of work
once, first untimed, so that all find caches as they left them themselves, then timed. Before a
program takes its turn after one whose threads spin, there is a pause until they are quiet. Other work
on the machine hits all alike: ratios of medians of one part mean something, times of different runs
do not. Each part is saved when it is done; with --parts those named are measured anew and the others
stay, if machine, versions and numbers of repetitions are the same.

Every program loads the same weights and gets the same ids. The script stops when a sentence embedding
in float32 differs by more than 2e-5 from torch's. Long sequences run through random weights of the
same shape, since the model ends at 512 tokens.
"""

import argparse
import os
import pathlib
import sys
import tempfile

# Before the libraries that read them are loaded.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import fitting
import machine
import parts
import render
import results
from engine import ROOT, Engine

SCHEMA = "tripartite.peers/2"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, type=pathlib.Path, help="folder of all-MiniLM-L6-v2")
    p.add_argument("--texts", type=pathlib.Path, default=fitting.TEXTS, help="to fit to, one a line (default bundled verses)")
    p.add_argument(
        "--parts", nargs="+", choices=parts.PARTS, default=list(parts.PARTS), help="measure these (default all)"
    )
    p.add_argument("--repetitions", type=int, default=15)
    p.add_argument("--patience", type=float, default=15, help="seconds for the repetitions of one program's work")
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--quick", action="store_true", help="a few shapes, 5 repetitions: to try the script")
    p.add_argument(
        "-o", "--output", type=pathlib.Path, help="JSON (default docs/performance.json, or nothing with --quick)"
    )
    p.add_argument(
        "--document", type=pathlib.Path, help="Markdown to render into (default docs/performance.md, as above)"
    )
    a = p.parse_args()
    if a.quick:
        a.repetitions, a.patience = 5, 2
    else:
        a.output = a.output or ROOT / "docs" / "performance.json"
        a.document = a.document or ROOT / "docs" / "performance.md"
    model = str(a.model.resolve())
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(folder, model)
        result = dict(
            schema=SCHEMA, command="make bench-peers MODEL=path/to/all-MiniLM-L6-v2", machine=machine.describe(),
            versions=machine.versions(), kernel=engine.kernel, precisions=engine.precisions, threads=a.threads,
            repetitions=a.repetitions, patience=a.patience, parts={},
        )  # fmt: skip
        old = results.load(a.output) if a.output else {}
        result["parts"] = kept(a, old, result)
        result |= {k: old[k] for k in results.APART if k in old}
        for name in a.parts:
            print(f"{name} ...", file=sys.stderr)
            part = parts.Part(engine, folder, model, a.texts, a.threads, a.quick)
            found = parts.compare(name, part, a.repetitions, a.patience)
            if not found:
                continue
            print(f"{name} took {found['took_seconds']} s", file=sys.stderr)
            result["parts"][name] = results.rounded(found)
            result["parts"] = {n: result["parts"][n] for n in parts.PARTS if n in result["parts"]}
            if a.output:
                results.save(a.output, result)
        engine.close()
    print(render.met(result), "", render.times(result), "", render.errors(result), "", render.trials(result), sep="\n")
    if a.document:
        render.write(a.document, result)


def kept(a, old, result):
    """The parts that an earlier run has left in the output and this one does not measure."""
    if "parts" not in old or set(a.parts) == set(parts.PARTS):
        return {}
    for k, v in result.items():
        if k != "parts" and old.get(k) != v:
            sys.exit(
                f"{a.output} has {k} {old.get(k)!r}, this run {v!r}: parts of both would not be comparable; remove it"
            )
    return {n: p for n, p in old["parts"].items() if n not in a.parts}


if __name__ == "__main__":
    main()
