"""The block of docs/performance.md about the rate level, of results of dynamics.py."""

import statistics

from tables import both, busy, cell, table

PROGRAMS = ["ours", "Brian2 Cython", "Brian2 C++"]
TARGETS = {"Brian2 Cython": 50, "Brian2 C++": 5}  # times as fast, at least


def block(result):
    if "dynamics" not in result:
        return "Not measured yet."
    r = result["dynamics"]
    m = r["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in r["versions"].items())
    return "\n\n".join([
        f"{m['cpu']} ({m['maker']}), {m['cores']} cores; {m['os']}. Versions: {versions}, {r['compiler']}. Command:",
        f"```sh\n{r['command']}\n```",
        f"{r['repetitions']} repetitions, or as many as fit in {r['patience']:g} seconds, at least 3: where fewer, the table "
        "says so. Minimum / median in milliseconds, on one thread." + busy(r["others"]),
        targets(r), times(r), trials(r), samples(r),
    ])  # fmt: skip


def medians(r):
    return {(row["work"], row["program"]): statistics.median(row["seconds"]) for row in r["rows"]}


def works(r):
    return list(dict.fromkeys(row["work"] for row in r["rows"]))


def targets(r):
    found, rows = medians(r), []
    for work in works(r):
        for program, least in TARGETS.items():
            ratio = found[work, program] / found[work, "ours"]
            rows.append((f"{program}, {work}", f"≥ {least}", f"{ratio:.1f}", "met" if ratio >= least else "**missed**"))
    return table(["ours, times as fast as", "target", "measured", ""], rows)


def times(r):
    programs = PROGRAMS + [p for p in dict.fromkeys(row["program"] for row in r["rows"]) if p not in PROGRAMS]
    cells = {(row["work"], row["program"]): cell(row["seconds"], r["repetitions"]) for row in r["rows"]}
    heads = ["16 tokens, written and read", *(p if p in PROGRAMS else f"*{p}*" for p in programs)]
    out = table(heads, [[work, *(cells[work, p] for p in programs)] for work in works(r)])
    errors = ", ".join(f"{e['program']}, {e['work']} {e['error']:.1e}" for e in r["errors"])
    built = ", ".join(f"{b['program']}, {b['work']} {b['seconds']:.0f} s" for b in r["builds"])
    return f"{out}\n\nRelative error of the outputs y: {errors}. Generating and compiling code took: {built}."


def trials(r):
    rows = [
        (t["method"], f"{t['step_ms']:g}", both(t["seconds"]), f"{t['error']:.1e}",
         "compared" if (t["method"], t["step_ms"]) == (r["chosen"]["method"], r["chosen"]["step_ms"]) else "")
        for t in r["trials"]
    ]  # fmt: skip
    return table(["Brian2 C++, method", "step, ms", "minimum / median ms", "error of y", ""], rows)


def samples(r):
    rows = [(f"{1e3 * s['step_s']:g} ms" if s["step_s"] else "never", both(s["seconds"])) for s in r["samples"]]
    presentation = 1e6 * statistics.median(r["samples"][0]["seconds"]) / 32
    return (
        table(["ours, sampled every", "minimum / median ms"], rows)
        + f"\n\nA presentation costs {presentation:.1f} µs, whatever is sampled; what samples cost comes on top."
    )
