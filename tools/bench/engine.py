"""The engine, in a process of its own (tools/bench/ours)."""

import json
import pathlib
import subprocess
import sys

import numpy as np

from turns import Job

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Engine:
    def __init__(self, folder, model=None):
        program = pathlib.Path(folder) / "ours"
        subprocess.run(["go", "build", "-o", program, "./tools/bench/ours"], cwd=ROOT, check=True)
        arguments = [program] if model is None else [program, model]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        about = self.ask(work="peak", threads=1)
        self.kernel, self.precisions = about["kernel"], about["precisions"]

    def ask(self, repeat=1, **request):
        self.process.stdin.write(json.dumps(dict(request, repeat=repeat)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("tools/bench/ours stopped; its reason is above")
        return json.loads(line)

    def programs(self):
        """(name, precision) of every precision that this CPU has."""
        return [("ours" if p == "float32" else f"ours {p}", p) for p in self.precisions]

    def job(self, label, threads, program="ours", report=False, **request):
        def seconds(repeat, untimed):
            return self.ask(threads=threads, repeat=repeat, cold=not untimed, **request)["seconds"]

        return Job(label, threads, program, seconds, report=report)

    def peak(self, threads):
        """The peak as a job; its seconds are those of one floating-point operation."""

        def seconds(repeat, untimed):
            return 1 / self.ask(work="peak", threads=threads)["rate"]

        return Job("peak", threads, "peak", seconds, report=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def uniform(n, stream):
    """Numbers in [-1, 1) that tools/bench/ours makes too: a mix of the bits of their index."""
    h = (np.arange(n, dtype=np.uint64) + (stream << 24)).astype(np.uint32) * np.uint32(0x9E3779B9)
    for multiplier, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(multiplier)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
