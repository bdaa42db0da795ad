"""What the engine is to reach, as ratios of medians or limits, and whether a result does."""

import dataclasses
import statistics

RIVALS = ["torch", "torch compile", "ONNX Runtime", "ONNX Runtime fused"]


@dataclasses.dataclass
class Target:
    work: str
    rivals: list[str]  # the fastest of them is what counts
    float32: float  # how many times as fast
    fast: float | None  # the same where the CPU has AMX
    threads: list[int] = dataclasses.field(default_factory=lambda: [1, 2])


TARGETS = [
    Target("product 256x768x768", ["torch"], 1.0, 3.5, [1]),
    *(Target(f"MiniLM {shape}", RIVALS, 1.0 if shape == "1x16" else 1.15, 1.5 if shape == "1x16" else 2.5)
      for shape in ("1x16", "1x128", "1x256", "1x512", "32x64")),
    Target("encoder 1x2048", ["torch"], 2, 4),
    Target("encoder 1x8192", ["torch"], 5, 10),
    Target("notebook head", ["torch"], 1.2, 2.5),
    Target("notebook head", ["numpy float64"], 4, 8),
    Target("training step", ["torch"], 1.0, None),
    Target("step of the heads of a layer, 8x70", ["torch"], 2, None, [2]),
    Target("step of all heads jointly, 8x70", ["torch"], 2, None, [2]),
]  # fmt: skip
OF_PEAK = 0.85  # of the product, 1 thread
STARTUP = 0.120  # seconds
ERROR_OF_PRODUCT = 2e-5  # of rms, in precision fast
ERROR_OF_EMBEDDING = 2e-5  # of an element, in precision fast
OPERATIONS = 2 * 256 * 768 * 768


def evaluate(parts):
    """Rows of the table: work, threads, what is wanted, what was measured, whether it is met."""
    medians = {(r["work"], r["threads"], r["program"]): statistics.median(r["seconds"])
               for p in parts.values() for r in p["rows"]}  # fmt: skip
    out = peak(parts, medians)
    for t in TARGETS:
        for ours, wanted in (("ours", t.float32), ("ours fast", t.fast)):
            for n in t.threads:
                rivals = {r: medians[t.work, n, r] for r in t.rivals if (t.work, n, r) in medians}
                if wanted is None or not rivals or (t.work, n, ours) not in medians:
                    continue
                rival = min(rivals, key=rivals.get)
                ratio = rivals[rival] / medians[t.work, n, ours]
                out.append((row_name(t.work, ours), n, f"≥ {wanted:g} × {name(t.rivals)}",
                            f"{ratio:.2f}" + (f" ({rival})" if len(rivals) > 1 else ""), ratio >= wanted))  # fmt: skip
    for (work, n, program), seconds in medians.items():
        if work.startswith("process start") and program == "ours":
            out.append((work, n, f"≤ {1e3 * STARTUP:.0f} ms", f"{1e3 * seconds:.0f} ms", seconds <= STARTUP))
    return out + errors(parts)


def peak(parts, medians):
    """The product as a share of the peak measured in the same turns."""
    out = []
    for p in parts.get("product", {}).get("peaks", []):
        seconds = medians.get(("product 256x768x768", p["threads"], "ours"))
        if p["threads"] == 1 and seconds:
            share = OPERATIONS / seconds / 1e9 / statistics.median(p["gflops"])
            out.append(("product 256x768x768", 1, f"≥ {OF_PEAK:g} of the peak", f"{share:.2f}", share >= OF_PEAK))
    return out


def errors(parts):
    out = []
    for part, limit, of in (("product", ERROR_OF_PRODUCT, "rms"), ("minilm", ERROR_OF_EMBEDDING, "an element")):
        found = [e["error"] for e in parts.get(part, {}).get("errors", []) if e["program"] == "ours fast"]
        if found:
            what = "product 256x768x768" if part == "product" else "MiniLM, embedding"
            out.append(
                (f"{what}, fast, error", "all", f"≤ {limit:g} of {of}", f"{max(found):.2g}", max(found) <= limit)
            )
    return out


def fastest(trials, accuracy):
    """Method and step of the fastest trial of Brian2 that is as accurate."""
    good = [t for t in trials if t["error"] <= accuracy]
    if not good:
        raise SystemExit(f"no trial of Brian2 is accurate to {accuracy:g}: try smaller steps")
    best = min(good, key=lambda t: statistics.median(t["seconds"]))
    return best["method"], best["step_ms"]


def row_name(work, program):
    return work + program.removeprefix("ours").replace(" fast", ", fast")


def name(rivals):
    return "the fastest of torch and ONNX Runtime" if len(rivals) > 1 else rivals[0]
