"""The engine, in a process of its own (tools/bench/ours)."""

import json
import pathlib
import subprocess
import sys

from turns import Job

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Engine:
    def __init__(self, folder, model):
        program = pathlib.Path(folder) / "ours"
        subprocess.run(["go", "build", "-o", program, "./tools/bench/ours"], cwd=ROOT, check=True)
        self.process = subprocess.Popen([program, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
