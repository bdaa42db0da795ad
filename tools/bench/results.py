"""The file that results of all comparisons lie in."""

import json

# Kept by the comparisons that they are not of.
APART = ["dynamics"]


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def rounded(found):
    """The same with six digits of every number, which is more than clocks deserve."""
    return json.loads(json.dumps(found), parse_float=lambda s: float(f"{float(s):.6g}"))


def save(path, result):
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(path)
