"""Compares the rate level with Brian2, and writes docs/performance.md.

    python tools/bench/dynamics.py [--builds FOLDER] [--quick] [-o RESULT.json]

One head is written and read in time (head.py): by closed forms here, in steps by Brian2, compiled by
Cython and as a C++ standalone program. First, methods and steps of Brian2 are tried; of those whose
outputs are within 1e-3 of the closed forms, the fastest is compared, and beside it the same method in
steps of a millisecond. All take turns, as in peers.py. What Brian2 compiles is kept in the folder of
builds and compiled once; it needs a C++ compiler. Needs go and what requirements-brian2.txt names, in
an environment of its own. `make bench-dynamics` sets all that up and runs this.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import dynamics_text
import head
import machine
import render
import results
import targets
import with_brian
from engine import ROOT, Engine
from turns import Job, measure

COMMAND = "make bench-dynamics"
ACCURACY = 1e-3  # of y, relative, that is asked of Brian2
FINE = 1.0  # milliseconds of a step that resolves the time constants
SETTINGS = [("exponential_euler", ms) for ms in (0.1, FINE, 10, 25, 50)] + [
    ("euler", 1), ("euler", 2.5), ("rk4", 1), ("rk4", 25),
]  # fmt: skip
SAMPLES = [0.1, 0.01, 0.001]  # seconds between samples of a trace


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--builds", type=pathlib.Path, help="folder of what Brian2 compiles (default a temporary one)")
    p.add_argument("--repetitions", type=int, default=15)
    p.add_argument("--patience", type=float, default=10, help="seconds for the repetitions of one program's work")
    p.add_argument("--quick", action="store_true", help="5 repetitions: to try the script")
    p.add_argument(
        "-o", "--output", type=pathlib.Path, help="JSON (default docs/performance.json, or nothing with --quick)"
    )
    a = p.parse_args()
    if a.quick:
        a.repetitions, a.patience = 5, 2
    document = None
    if not a.quick and not a.output:
        a.output, document = ROOT / "docs" / "performance.json", ROOT / "docs" / "performance.md"
    with tempfile.TemporaryDirectory() as folder:
        found = results.rounded(compare(a, folder))
    print(dynamics_text.block(dict(dynamics=found)))
    if a.output:
        result = results.load(a.output) | dict(dynamics=found)
        results.save(a.output, result)
        if document:
            render.write(document, result)


def compare(a, folder):
    began = time.monotonic()
    builds = a.builds or pathlib.Path(folder) / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    engine = Engine(folder)
    want = np.reshape(engine.ask(work="dynamics", threads=1, output=True)["output"], (head.TOKENS, head.WIDTH))

    def error(y):
        return float(np.linalg.norm(y - want) / np.linalg.norm(want))

    programs = {}
    for i, s in enumerate(SETTINGS):
        print(f"Brian2, {s[0]}, {s[1]:g} ms ({i + 1} of {len(SETTINGS)}) ...", file=sys.stderr)
        programs[s] = with_brian.Standalone(builds, *s)
    trials = [(s, with_brian.job("trial", f"{s[0]} {s[1]:g} ms", p.run)) for s, p in programs.items()]
    measure([j for _, j in trials], 5, a.patience)
    trials = [dict(method=s[0], step_ms=s[1], error=error(programs[s].y), seconds=j.times) for s, j in trials]
    chosen = targets.fastest(trials, ACCURACY)

    jobs, errors, built = [], [], []
    for s in dict.fromkeys([chosen, ("exponential_euler", FINE)]):
        work = f"steps of {s[1]:g} ms"
        cython = with_brian.Cython(builds, *s)
        for name, p in (("Brian2 Cython", cython), ("Brian2 C++", programs[s])):
            errors.append(dict(work=work, program=name, error=error(p.y)))
            built.append(dict(work=work, program=name, seconds=p.build))
        jobs += [
            engine.job(work, 1, work="dynamics"),
            with_brian.job(work, "Brian2 Cython", cython.run),
            with_brian.job(work, "Brian2 C++", programs[s].run),
            process(work, folder, error),
            with_brian.job(work, "Brian2 Cython, run()", cython.run, 1),
            with_brian.job(work, "Brian2 C++, process", programs[s].run, 1),
        ]
    samples = [engine.job(f"{s:g}", 1, work="dynamics", record=s) for s in [0, *SAMPLES]]
    others = measure(jobs + samples, a.repetitions, a.patience)
    engine.close()
    return dict(
        command=COMMAND, machine=machine.describe(), versions=machine.versions(["brian2", "cython", "numpy"]),
        compiler=subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0],
        repetitions=a.repetitions, patience=a.patience, accuracy=ACCURACY, chosen=dict(method=chosen[0], step_ms=chosen[1]),
        trials=trials, others=others, rows=[j.row() for j in jobs], errors=errors, builds=built,
        samples=[dict(step_s=float(j.work), seconds=j.times) for j in samples], took_seconds=round(time.monotonic() - began),
    )  # fmt: skip


def process(work, folder, error):
    """`tripartite simulate` of the same head, from start to end of the process."""
    folder = pathlib.Path(folder)
    program, out = folder / "tripartite", folder / "out.npz"
    if not program.exists():
        subprocess.run(["go", "build", "-trimpath", "-o", program, "./cmd/tripartite"], cwd=ROOT, check=True)
        np.savez(folder / "head.npz", **head.inputs()[3])

    def run():
        start = time.perf_counter()
        command = [program, "simulate", folder / "head.npz", "-o", out, "--tuning", "exp", "--threads", "1"]
        subprocess.run(command, check=True, capture_output=True)
        return (time.perf_counter() - start,)

    run()
    if not error(np.load(out)["y"]) <= 1e-12:
        sys.exit(f"tripartite simulate differs by {error(np.load(out)['y']):.2g} from tools/bench/ours")
    job = with_brian.job(work, "ours, process", run)
    return Job(work, 1, job.program, job.seconds, report=True)


if __name__ == "__main__":
    main()
