"""Writes what was measured into a document, between its markers; the prose around them stays.

    python tools/bench/render.py RESULT.json docs/performance.md

A block begins with `<!-- measured: NAME -->` and ends with `<!-- end -->`. Needs nothing but Python.
"""

import json
import pathlib
import re
import statistics
import sys

import dynamics_text
import targets
from tables import both, busy, cell, table

MARKED = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.S)
TITLES = dict(
    product="Product, against the peak", minilm="all-MiniLM-L6-v2, exact", encoder="Long sequences",
    notebook="The notebooks' head", start="Process start", training="Training", fitting="Fitting tuning curves",
)  # fmt: skip


def document(text, result):
    """The document with all its blocks rendered anew."""
    blocks = dict(machine=machine, targets=met, times=times, errors=errors, trials=trials, dynamics=dynamics_text.block)
    seen = set()

    def block(m):
        if m[2] not in blocks:
            raise SystemExit(f"there is no block {m[2]!r}; known are {', '.join(blocks)}")
        seen.add(m[2])
        return f"{m[1]}{blocks[m[2]](result)}\n{m[3]}"

    text = MARKED.sub(block, text)
    if missing := set(blocks) - seen:
        raise SystemExit(
            f"the document has no place for {', '.join(sorted(missing))}: <!-- measured: NAME --> to <!-- end -->"
        )
    return text


def machine(r):
    m = r["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in r["versions"].items())
    features = ", ".join(m["features"]) or "none of those that matter here"
    minutes = round(sum(p["took_seconds"] for p in r["parts"].values()) / 60)
    return (
        f"{m['cpu']} ({m['maker']}), {m['cores']} cores, caches {', '.join(m['caches'])}; {features}; {m['os']}. "
        f"Our kernel: {r['kernel']}; precisions: {', '.join(r['precisions'])}. Versions: {versions}. Command:\n\n"
        f"```sh\n{r['command']}\n```\n\n"
        f"{r['repetitions']} repetitions, or as many as fit in {r['patience']:g} seconds (a third of that for programs "
        f"in italics), at least 3: where fewer, the table says so. All parts took {minutes} minutes."
    )


def met(r):
    rows = [
        (work, n, wanted, measured, "met" if ok else "**missed**")
        for work, n, wanted, measured, ok in targets.evaluate(r["parts"])
    ]
    return table(["work", "threads", "target", "measured", ""], rows)


def times(r):
    return "\n\n".join(part(name, r) for name in r["parts"] if r["parts"][name]["rows"])


def part(name, r):
    """One table: a row for each work and number of threads, a column for each program."""
    p = r["parts"][name]
    programs = list(dict.fromkeys(row["program"] for row in p["rows"]))
    cells, report = {}, {row["program"] for row in p["rows"] if row["report"]}
    for row in p["rows"]:
        cells.setdefault((row["work"], row["threads"]), {})[row["program"]] = row["seconds"]
    body = []
    for (work, n), found in cells.items():
        rivals = [statistics.median(t) for program, t in found.items() if program not in report and program != "ours"]
        ratio = f"{min(rivals) / statistics.median(found['ours']):.2f}" if rivals else ""
        body.append([work, n, *(cell(found.get(program), r["repetitions"]) for program in programs), ratio])
    heads = [f"*{program}*" if program in report else program for program in programs]
    peak = ", ".join(f"{statistics.median(x['gflops']):.0f} on {x['threads']}" for x in p["peaks"])
    return (f"### {TITLES[name]}\n\n" + table(["work", "threads", *heads, "fastest / ours"], body)
            + f"\n\nPeak in these turns: {peak} threads (GFLOPS, median)." + busy(p["others"]))  # fmt: skip


def errors(r):
    """The largest error of each program over all shapes and threads."""
    rows = []
    for name, unit in (
        ("product", "largest error / rms"),
        ("minilm", "embedding, per element"),
        ("start", "embedding, per element"),
        ("fitting", "loss at the start, relative to torch's"),
    ):
        largest = {}
        for e in r["parts"].get(name, {}).get("errors", []):
            largest[e["program"]] = max(e["error"], largest.get(e["program"], 0))
        rows += [(TITLES[name], program, unit, f"{x:.1e}") for program, x in largest.items()]
    return table(["part", "program", "of what", "error"], rows)


def trials(r):
    tried = r["parts"].get("minilm", {}).get("trials", [])
    rows = [(t["setting"], both(t["seconds"]), f"{t['error']:.1e}") for t in tried]
    return table(["torch, MiniLM 1x128, 1 thread", "minimum / median ms", "error"], rows)


def write(path, result):
    path.write_text(document(path.read_text(), result))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(pathlib.Path(sys.argv[2]), json.loads(pathlib.Path(sys.argv[1]).read_text()))
