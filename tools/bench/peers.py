"""Compares the engine with PyTorch, ONNX Runtime and numpy in one run of turns.

    python tools/bench/peers.py --model FOLDER [--repetitions 15] [-o RESULT.json]

FOLDER holds all-MiniLM-L6-v2 as Hugging Face lays it out. Needs go, torch, transformers, numpy;
with onnx, onnxscript and onnxruntime it compares with ONNX Runtime too. `make bench-peers` runs
it; docs/performance.md says what it found.

In every round each program does each piece of work once: first untimed, then timed, so that all
find caches as they left them themselves. Before a program takes its turn after one that keeps
threads spinning (OpenMP, ONNX Runtime), there is a pause. Other work on the machine hits all
alike: ratios of medians of one run mean something, times of different runs do not.
Long work is repeated less often; the number is part of the result.

The model is loaded by every program from the same weights and given the same ids; the script
stops when sentence embeddings differ by more than 2e-5 from torch's. Long sequences run
through random weights of the same shape, since the model ends at 512 tokens.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from transformers import BertConfig, BertModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHAPES = [(1, 16), (1, 128), (1, 256), (1, 512), (32, 64)]
TOLERANCE = 2e-5  # of an element of a sentence embedding
PAUSE = 0.25  # seconds; OpenMP's threads spin for 0.2 by default
SHORTEST = 0.004  # seconds that one timing takes at least
NEURONS = 128
NOTEBOOK = dict(tokens=197, width=64, neurons=100_000, block=2048)


class Ours:
    """The engine, in a process of its own (tools/bench/ours)."""

    name = "tripartite"

    def __init__(self, model):
        self.folder = tempfile.TemporaryDirectory()
        program = os.path.join(self.folder.name, "ours")
        subprocess.run(["go", "build", "-o", program, "./tools/bench/ours"], cwd=ROOT, check=True)
        self.process = subprocess.Popen([program, str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("tools/bench/ours stopped; its reason is above")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(run, repeat):
    """Seconds of one run, the mean of so many after an untimed one."""
    run()
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) / repeat


def ids(sequences, tokens):
    """The ids that tools/bench/ours takes."""
    flat = [1000 + i * 7919 % 20000 for i in range(sequences * tokens)]
    return torch.tensor(flat).reshape(sequences, tokens)


def unit(states):
    mean = np.asarray(states[0], dtype=np.float64).mean(0)
    return mean / np.linalg.norm(mean)


def onnx_sessions(model, threads):
    """Sessions of the exported model by number of threads, or why there are none."""
    try:
        import onnxruntime
        from onnxruntime.transformers import optimizer
    except ImportError as e:
        return None, f"not installed ({e.name})"

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    # In eval mode itself, or the export would put the model into training mode at its end.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        example = ids(2, 16)
        axes = {0: "sequences", 1: "tokens"}
        torch.onnx.export(
            States().eval(), (example, torch.ones_like(example)), path, input_names=["input_ids", "attention_mask"],
            output_names=["states"], dynamic_axes={"input_ids": axes, "attention_mask": axes, "states": axes}, dynamo=False,
        )  # fmt: skip
        fused = optimizer.optimize_model(path, model_type="bert", num_heads=12, hidden_size=384)
        how = {k: v for k, v in fused.get_fused_operator_statistics().items() if v}
        fused.save_model_to_file(path)
        sessions = {}
        for n in threads:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = n
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
            sessions[n] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return sessions, f"{onnxruntime.__version__}, fused: {how}"


def notebook_torch():
    """One head with exp in blocks of neurons, float32, scaled against overflow as ours is."""
    n, d, m, block = (NOTEBOOK[k] for k in ("tokens", "width", "neurons", "block"))
    g = torch.Generator().manual_seed(1)
    q, k = (torch.randn(n, d, generator=g) * d**-0.25 for _ in range(2))
    v, w = torch.randn(n, d, generator=g), torch.randn(m, d, generator=g)
    v1 = torch.cat([v, torch.ones(n, 1)], 1)
    nq, nk = ((x * x).sum(1, keepdim=True) / 2 for x in (q, k))

    def run():
        out = torch.zeros(n, d + 1)
        for i in range(0, m, block):
            wi = w[i : i + block].T
            out += torch.exp(q @ wi - nq) @ (torch.exp(k @ wi - nk).T @ v1)
        return out[:, :d] / out[:, d:]

    return run


def notebook_numpy():
    """The same in float64, all neurons at once, in place."""
    n, d, m = (NOTEBOOK[k] for k in ("tokens", "width", "neurons"))
    rng = np.random.default_rng(1)
    q, k = (rng.standard_normal((n, d)) * d**-0.25 for _ in range(2))
    v1 = np.concatenate([rng.standard_normal((n, d)), np.ones((n, 1))], 1)
    w = rng.standard_normal((m, d))
    fq, fk = np.empty((n, m)), np.empty((n, m))

    def run():
        for f, x in ((fq, q), (fk, k)):
            np.matmul(x, w.T, out=f)
            f -= (x * x).sum(1, keepdims=True) / 2
            np.exp(f, out=f)
        out = fq @ (fk.T @ v1)
        return out[:, :d] / out[:, d:]

    return run


def work_list(ours, model, threads):
    """(work, threads, program, seconds(repeat), spins) in the order of turns, and versions."""
    sessions, onnx = onnx_sessions(model, threads)
    long = BertModel(BertConfig(
        num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536,
        max_position_embeddings=8192, attn_implementation="sdpa"), add_pooling_layer=False).eval()  # fmt: skip
    numpy_threads = numpy_limits()
    work = []

    def add_ours(name, n, program="tripartite", **request):
        work.append((name, n, program, lambda r: ours.ask(threads=n, repeat=r, **request)["seconds"], False))

    def add_torch(name, n, run):
        def seconds(repeat):
            torch.set_num_threads(n)
            return timed(run, repeat)

        work.append((name, n, "torch", seconds, n > 1))

    for n in threads:
        work.append(("peak", n, "peak", lambda r, n=n: 1 / ours.ask(work="peak", threads=n, repeat=r)["rate"], False))
        a, b = torch.rand(256, 768), torch.rand(768, 768)
        out = torch.empty(256, 768)
        add_ours("product 256x768x768", n, work="product")
        add_torch("product 256x768x768", n, lambda: torch.mm(a, b, out=out))
        for s, t in SHAPES:
            x = ids(s, t)
            mask = torch.ones_like(x)
            name = f"MiniLM {s}x{t}"
            request = dict(work="model", sequences=s, tokens=t)
            add_ours(name, n, **request)
            add_torch(name, n, lambda x=x: model(input_ids=x).last_hidden_state)
            want = unit(model(input_ids=x).last_hidden_state)
            check(name, "tripartite", want, ours.ask(threads=n, repeat=1, output=True, **request)["output"])
            if sessions:
                feed = {"input_ids": x.numpy(), "attention_mask": mask.numpy()}
                run = lambda f=feed, n=n: sessions[n].run(None, f)  # noqa: E731
                check(name, "onnxruntime", want, unit(run()[0]))
                work.append((name, n, "onnxruntime", lambda r, run=run: timed(run, r), n > 1))
        for t in (2048, 8192):
            name, x = f"encoder 1x{t}", torch.randn(1, t, 384)
            add_ours(name, n, work="encoder", sequences=1, tokens=t, neurons=NEURONS)
            add_ours(name, n, "tripartite exact", work="encoder", sequences=1, tokens=t, neurons=0)
            add_torch(name, n, lambda x=x: long.encoder(x))
        name, run = "notebook head", notebook_torch()
        add_ours(name, n, work="notebook")
        add_torch(name, n, run)
        run64 = notebook_numpy()

        def numpy_seconds(repeat, n=n, run=run64):
            with numpy_threads(n):
                return timed(run, repeat)

        work.append((name, n, "numpy float64", numpy_seconds, n > 1))
    versions = dict(python=platform.python_version(), torch=torch.__version__, transformers=transformers.__version__,
                    numpy=np.__version__, onnxruntime=onnx, go=go_version())  # fmt: skip
    return work, versions


def numpy_limits():
    """A context manager that holds numpy's BLAS to so many threads."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        sys.exit("threadpoolctl is needed to set numpy's threads: pip install threadpoolctl")
    return lambda n: threadpool_limits(limits=n, user_api="blas")


def check(work, program, want, got):
    error = float(np.abs(np.asarray(got) - want).max())
    if not error <= TOLERANCE:
        sys.exit(f"{work}: {program}'s embedding differs by {error:.2g} from torch's, want at most {TOLERANCE:g}")


def go_version():
    return subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()


def cpu():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def measure(work, repetitions, patience):
    """times[work, threads, program] over rounds. Work whose three repetitions exceed the patience is done three times."""
    times, repeat = {}, {}
    for name, n, program, seconds, spins in work:
        took = seconds(1)
        repeat[name, n, program] = max(1, round(SHORTEST / took)) if program != "peak" else 1
        times[name, n, program] = []
        if spins:
            time.sleep(PAUSE)
    slow = {}
    for round_ in range(repetitions):
        print(f"round {round_ + 1} of {repetitions}", file=sys.stderr)
        for name, n, program, seconds, spins in work:
            if round_ >= 3 and slow.get((name, n)):
                continue
            times[name, n, program].append(seconds(repeat[name, n, program]))
            if spins:
                time.sleep(PAUSE)
        if round_ == 2:
            for (name, n, _), t in times.items():
                slow[name, n] = slow.get((name, n), False) or 2 * min(t) > patience
    return times


def rows(times):
    out = []
    for (name, n, program), t in times.items():
        ours = times[name, n, program if program == "peak" else "tripartite"]
        row = dict(work=name, threads=n, program=program, repetitions=len(t))
        if program == "peak":
            row.update(median_gflops=1e-9 / statistics.median(t), highest_gflops=1e-9 / min(t))
        else:
            row.update(minimum_ms=1e3 * min(t), median_ms=1e3 * statistics.median(t),
                       times_tripartite=statistics.median(t) / statistics.median(ours))  # fmt: skip
        if name.startswith("product"):
            peak = statistics.median(times["peak", n, "peak"])
            row["of_peak"] = 2 * 256 * 768 * 768 / statistics.median(t) * peak
        out.append(row)
    return out


def table(result):
    print("| work | threads | program | repetitions | minimum ms | median ms | median / ours |\n|---|---|---|---|---|---|---|")
    for r in result["rows"]:
        if "median_ms" in r:
            print(f"| {r['work']} | {r['threads']} | {r['program']} | {r['repetitions']} | {r['minimum_ms']:.2f} "
                  f"| {r['median_ms']:.2f} | {r['times_tripartite']:.2f} |")  # fmt: skip
    for r in result["rows"]:
        if "median_gflops" in r:
            print(f"peak on {r['threads']} threads: {r['median_gflops']:.0f} GFLOPS, highest {r['highest_gflops']:.0f}")
        elif "of_peak" in r:
            print(f"{r['work']} on {r['threads']} threads, {r['program']}: {r['of_peak']:.2f} of the peak")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, type=pathlib.Path, help="folder of all-MiniLM-L6-v2")
    p.add_argument("--repetitions", type=int, default=15)
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--patience", type=float, default=1.5, help="seconds; work that takes longer is done three times")
    p.add_argument("-o", "--output", type=pathlib.Path, help="JSON")
    a = p.parse_args()
    torch.set_grad_enabled(False)
    model = BertModel.from_pretrained(a.model.resolve(), attn_implementation="sdpa", add_pooling_layer=False).eval()
    ours = Ours(a.model.resolve())
    work, versions = work_list(ours, model, a.threads)
    versions["kernel"] = ours.ask(work="peak", threads=1, repeat=1)["kernel"]
    times = measure(work, max(3, a.repetitions), a.patience)
    ours.close()
    result = dict(schema="tripartite.peers/1", cpu=cpu(), cores=os.cpu_count(), versions=versions, rows=rows(times))
    table(result)
    print(json.dumps(versions), file=sys.stderr)
    if a.output:
        partial = a.output.with_suffix(".part")
        partial.write_text(json.dumps(result, indent=2) + "\n")
        partial.replace(a.output)


if __name__ == "__main__":
    main()
