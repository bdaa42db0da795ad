"""From the start of a process to the embedding of one sentence, everything included."""

import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

from engine import ROOT
from turns import Job

TEXT = "An astrocyte listens to ten thousand synapses."
HERE = pathlib.Path(__file__).resolve().parent


def jobs(folder, model, graph, threads):
    """Jobs of new processes, and the embeddings that they print by (program, threads)."""
    program = pathlib.Path(folder) / "tripartite"
    subprocess.run(["go", "build", "-trimpath", "-o", program, "./cmd/tripartite"], cwd=ROOT, check=True,
                   env=dict(os.environ, CGO_ENABLED="0"))  # fmt: skip
    all_jobs, embeddings = [], {}
    for n in threads:
        commands = {
            "ours": [program, "run", model, "--task", "embed", "--json", "--text", TEXT],
            "ONNX Runtime, Python": [sys.executable, HERE / "start_onnxruntime.py", model, graph, str(n), TEXT],
            "sentence-transformers": [sys.executable, HERE / "start_sentence_transformers.py", model, str(n), TEXT],
        }
        for name, command in commands.items():
            run = process(command, n)
            embeddings[name, n] = vector(run())

            def seconds(repeat, untimed, run=run):
                start = time.perf_counter()
                for _ in range(repeat):
                    run()
                return (time.perf_counter() - start) / repeat

            all_jobs.append(Job("process start to one embedding", n, name, seconds, report=name != "ours"))
    return all_jobs, embeddings


def process(command, threads):
    env = dict(os.environ, GOMAXPROCS=str(threads), OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1")
    return lambda: (
        subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, check=True).stdout
    )


def vector(output):
    printed = json.loads(output)
    if isinstance(printed, dict):  # ours says more
        printed = printed["embeddings"]["embeddings"][0]
    return np.asarray(printed, dtype=np.float64)
