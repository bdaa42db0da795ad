"""What is compared. Each part is one run of turns; parts follow one another."""

import statistics
import sys
import time

import numpy as np
import torch

import fitting
import notebook
import startup
import training as language
import with_onnx
import with_torch
from engine import uniform
from turns import Job, measure, timed

TOLERANCE = 2e-5  # of an element of a unit sentence embedding, for the programs that are compared
LOSS_TOLERANCE = 0.2  # relative, of fits that begin with other random numbers
SHAPES = [(1, 16), (1, 128), (1, 256), (1, 512), (32, 64)]
PRODUCT = (256, 768, 768)  # rows, inputs, outputs


class Part:
    """The jobs of a part, and what was found out beside their times."""

    def __init__(self, engine, folder, model, texts, threads, quick):
        self.engine, self.folder, self.model, self.texts = engine, folder, model, texts
        self.threads, self.quick = threads, quick
        self.jobs: list[Job] = []
        self.errors = []
        self.trials = []

    def run(self, repetitions, patience):
        peaks = [self.engine.peak(n) for n in self.threads]
        others = measure(peaks + self.jobs, repetitions, patience)
        return dict(
            others=others,
            peaks=[dict(threads=p.threads, gflops=[1e-9 / t for t in p.times]) for p in peaks],
            rows=[j.row() for j in self.jobs],
            errors=self.errors,
            trials=self.trials,
        )

    def error(self, work, threads, program, value, limit=None):
        """Keeps an error; one beyond the limit ends the comparison, as the programs do not do the same."""
        if limit is not None and not value <= limit:
            sys.exit(f"{work}, {threads} threads: {program} differs by {value:.2g}, want at most {limit:g}")
        self.errors.append(dict(work=work, threads=threads, program=program, error=value))

    def ours(self, label, threads, **request):
        """Adds ours in every precision of this CPU."""
        for name, precision in self.engine.programs():
            self.jobs.append(
                self.engine.job(label, threads, name, report=precision != "float32", precision=precision, **request)
            )


def product(part):
    rows, inputs, outputs = PRODUCT
    a, b = uniform(rows * inputs, 0).reshape(rows, inputs), uniform(outputs * inputs, 1).reshape(outputs, inputs)
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    rms = np.sqrt((exact**2).mean())
    work = "product " + "x".join(map(str, PRODUCT))
    x, weights = torch.from_numpy(a), torch.from_numpy(b)
    linear = torch.nn.Linear(inputs, outputs, bias=False)
    linear.weight = torch.nn.Parameter(weights, requires_grad=False)
    out = torch.empty(rows, outputs)
    transposed = weights.T.contiguous()
    for n in part.threads:
        part.ours(work, n, work="product")
        mm = lambda: torch.mm(x, transposed, out=out)  # noqa: E731
        packed = with_torch.compiled(lambda x: linear(x), x, n, "high")
        low = x.bfloat16(), transposed.bfloat16()
        bfloat16 = lambda low=low: torch.mm(*low)  # noqa: E731
        part.jobs += [
            with_torch.job(work, n, "torch", mm),
            with_torch.job(work, n, "torch compile", packed, "high"),
            with_torch.job(work, n, "torch bfloat16", bfloat16, report=True),
        ]
        got = {"torch compile": packed()}
        with_torch.settings(n)
        got |= {"torch": mm(), "torch bfloat16": bfloat16().float()}
        for name, p in part.engine.programs():
            got[name] = part.engine.ask(work="product", threads=n, precision=p, output=True)["output"]
        for name, y in got.items():
            part.error(work, n, name, float(np.abs(np.reshape(y, exact.shape) - exact).max() / rms))


def minilm(part):
    model = with_torch.minilm(part.model)
    low = with_torch.minilm(part.model).bfloat16()
    compile_, bfloat16 = try_torch(part, model, low)
    graphs = with_onnx.export(part.model, part.folder)
    sessions = {n: {name: with_onnx.session(path, n) for name, path in graphs.items()} for n in part.threads}
    for n in part.threads:
        for s, t in SHAPES[:2] if part.quick else SHAPES:
            work, x = f"MiniLM {s}x{t}", with_torch.ids(s, t)
            with_torch.settings(n)
            want = with_torch.embedding(model(input_ids=x).last_hidden_state)

            def compare(name, hidden, limit=TOLERANCE, work=work, n=n, want=want):
                part.error(work, n, name, float(np.abs(with_torch.embedding(hidden) - want).max()), limit)

            request = dict(work="model", sequences=s, tokens=t)
            part.ours(work, n, **request)
            for name, p in part.engine.programs():
                got = part.engine.ask(threads=n, precision=p, output=True, **request)["output"]
                part.error(work, n, name, float(np.abs(got - want).max()), TOLERANCE if p == "float32" else None)
            part.jobs.append(with_torch.job(work, n, "torch", lambda x=x: model(input_ids=x).last_hidden_state))
            fast = with_torch.compiled(with_torch.states(model), x, n, compile_)
            compare("torch compile", fast())
            part.jobs.append(with_torch.job(work, n, "torch compile", fast, compile_))
            lower = bfloat16(x, n)
            compare("torch bfloat16", lower(), None)
            part.jobs.append(with_torch.job(work, n, "torch bfloat16", lower, report=True))
            for name, run in sessions[n].items():
                compare(name, torch.from_numpy(run(x.numpy())))
                part.jobs.append(with_onnx.job(work, n, name, run, x.numpy()))


def try_torch(part, model, low):
    """Tries settings of torch on one thread and 1x128, so that it is measured at its best.

    Returns the precision setting of compiled float32, and how to run bfloat16 for a shape.
    """
    x = with_torch.ids(1, 128)
    want = with_torch.embedding(model(input_ids=x).last_hidden_state)
    eager = lambda: model(input_ids=x).last_hidden_state  # noqa: E731
    low_eager = lambda: low(input_ids=x).last_hidden_state  # noqa: E731
    runs = {
        "float32, eager": (eager, "highest", True),
        "float32, eager, oneDNN off": (eager, "highest", False),
        "float32, compiled": (with_torch.compiled(with_torch.states(model), x, 1), "highest", True),
        'float32, compiled, precision "high"': (
            with_torch.compiled(with_torch.states(model), x, 1, "high"),
            "high",
            True,
        ),
        "bfloat16, eager": (low_eager, "highest", True),
        "bfloat16, compiled": (with_torch.compiled(with_torch.states(low), x, 1), "highest", True),
    }
    times = {name: [] for name in runs}
    errors = {}
    for _ in range(5 if part.quick else 9):
        for name, (run, precision, onednn) in runs.items():
            with_torch.settings(1, precision)
            torch.backends.mkldnn.enabled = onednn
            times[name].append(timed(run, 1, True))
            errors[name] = float(np.abs(with_torch.embedding(run()) - want).max())
    torch.backends.mkldnn.enabled = True
    part.trials = [dict(setting=name, seconds=t, error=errors[name]) for name, t in times.items()]

    def median(name):
        return statistics.median(times[name])

    plain, high = "float32, compiled", 'float32, compiled, precision "high"'
    compile_ = "high" if errors[high] <= TOLERANCE and median(high) < median(plain) else "highest"
    if median("bfloat16, compiled") < median("bfloat16, eager"):
        return compile_, lambda x, n: with_torch.compiled(with_torch.states(low), x, n)
    return compile_, lambda x, n: lambda: low(input_ids=x).last_hidden_state


def encoder(part):
    exact, linear = with_torch.encoder("sdpa"), with_torch.encoder("linear")
    for n in part.threads:
        for t in (2048,) if part.quick else (2048, 8192):
            work, x = f"encoder 1x{t}", torch.randn(1, t, 384)
            request = dict(work="encoder", sequences=1, tokens=t)
            part.ours(work, n, neurons=with_torch.NEURONS, **request)
            part.jobs.append(part.engine.job(work, n, "ours, exact", report=True, neurons=0, **request))
            fast = with_torch.compiled(linear, x, n, "high")
            part.jobs += [
                with_torch.job(work, n, "torch", lambda x=x: exact(x)),
                with_torch.job(work, n, "torch, linear", lambda x=x: linear(x), report=True),
                with_torch.job(work, n, "torch compile, linear", fast, "high", report=True),
            ]


def notebook_head(part):
    run, qk = notebook.in_torch()
    large, _ = notebook.in_torch(notebook.COMPILED_BLOCK)
    for n in part.threads:
        part.ours("notebook head", n, work="notebook")
        fast = with_torch.compiled(large, qk, n)
        part.jobs += [
            with_torch.job("notebook head", n, "torch", lambda: run(qk)),
            with_torch.job("notebook head", n, "torch compile", fast, report=True),
            notebook.in_numpy("notebook head", n),
        ]


def start(part):
    graph = with_onnx.export(part.model, part.folder)["ONNX Runtime"]
    part.jobs, embeddings = startup.jobs(part.folder, part.model, graph, part.threads)
    want = embeddings["sentence-transformers", part.threads[0]]
    for (name, n), got in embeddings.items():
        part.error(part.jobs[0].work, n, name, float(np.abs(got - want).max()), TOLERANCE)


def training(part):
    """A step of a small language model."""
    torch._dynamo.config.error_on_recompile = False  # the models of both numbers of threads share their code
    for n in part.threads:
        work = "training step"
        part.jobs.append(
            part.engine.job(work, n, work="training", sequences=language.SEQUENCES, tokens=language.TOKENS)
        )
        for name, compiled in (("torch", False), ("torch compile", True)):
            with_torch.settings(n)
            step = language.step(compiled)
            step()  # compiled for the threads that are set now
            part.jobs.append(with_torch.job(work, n, name, step, report=compiled))


def fit(part):
    """Steps of both stages of fitting tuning curves."""
    recipe, ours = fitting.Recipe(part.model, part.texts), fitting.Benchmark(part.folder, part.model, part.texts)
    shape = f"{fitting.BATCH}x{fitting.LENGTH}"
    n = max(part.threads)  # a fit takes long, and all threads there are
    for stage, begin, work in (
        ("heads", recipe.heads, f"step of the heads of a layer, {shape}"),
        ("joint", recipe.joint, f"step of all heads jointly, {shape}"),
    ):
        with_torch.settings(n)
        step, loss = begin()
        _, found = ours.run(stage, n, 1)
        part.error(work, n, "ours", abs(found / loss - 1), LOSS_TOLERANCE)
        part.jobs += [ours.job(work, stage, n), fitting.job(work, stage, n, step)]
        if stage == "joint":
            part.jobs.append(ours.job(work, "joint-anew", n, "ours, nothing kept"))


PARTS = dict(
    product=product, minilm=minilm, encoder=encoder, notebook=notebook_head, start=start, training=training, fitting=fit
)


def compare(name, part, repetitions, patience):
    """Prepares and measures a part, unless there is nothing to compare in it."""
    began = time.monotonic()
    PARTS[name](part)
    if not part.jobs:
        return None
    result = part.run(repetitions, patience)
    result["took_seconds"] = round(time.monotonic() - began)
    return result
