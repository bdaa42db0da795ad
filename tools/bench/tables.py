"""Markdown of tables and times."""

import statistics


def busy(others):
    if not others:
        return ""
    return (
        f" Other programs kept {statistics.mean(others):.2f} cores busy before its rounds, at most {max(others):.2f}."
    )


def cell(seconds, repetitions):
    if not seconds:
        return ""
    return both(seconds) + ("" if len(seconds) == repetitions else f" ({len(seconds)} runs)")


def both(seconds):
    """Minimum and median."""
    return f"{milliseconds(min(seconds))} / {milliseconds(statistics.median(seconds))}"


def milliseconds(s):
    return f"{1e3 * s:.{2 if s < 0.01 else 1 if s < 0.1 else 0}f}"


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)
