"""Brian2's side: the head in time as its documentation would have one write it.

    python tools/bench/with_brian.py FOLDER METHOD MILLISECONDS

writes the head as a C++ standalone project into FOLDER, compiles it, runs it once and leaves there y.npy
and seconds.json, of code generation and compiler together.

Hidden neurons, output neurons and the astrocyte are neuron groups; the synapses between the first two
hold H and sum what arrives, those to the astrocyte sum what drives its calcium. What is constant in a
presentation are timed arrays. Tokens are written in one run and read in another, and what does nothing
in a phase is inactive in it, so that no step computes what it does not need.
"""

import json
import logging
import pathlib
import subprocess
import sys
import time

import brian2 as b
import numpy as np
from brian2 import second

import head
from turns import Job

b.prefs.logging.console_log_level = "ERROR"
logging.getLogger("brian2").setLevel(logging.ERROR)


def network(method, milliseconds):
    b.start_scope()
    step, present, tokens = milliseconds * b.ms, head.PRESENT * second, head.TOKENS
    keys, queries, v, _ = head.inputs()
    parts = round(1 / head.WINDOW)  # of a presentation, the last of them plastic
    opened = np.array(([0.0] * (parts - 1) + [1.0]) * tokens + [0.0])
    about = dict(
        namespace=dict(
            tau_h=head.TAU["hidden"] * second, tau_out=head.TAU["output"] * second, tau_astro=head.TAU["astrocyte"] * second,
            window=head.WINDOW * present, phi=b.TimedArray(np.vstack([keys, queries]), dt=present),
            value=b.TimedArray(np.vstack([v, 0 * v]), dt=present), plastic=b.TimedArray(opened, dt=present / parts),
        ), method=method, dt=step,
    )  # fmt: skip
    hidden = b.NeuronGroup(
        head.NEURONS,
        """dh/dt = (phi(t, i) - h) / tau_h : 1
           dg/dt = plastic(t) * h / window : 1""",
        name="hidden", **about,
    )  # fmt: skip
    astrocyte = b.NeuronGroup(
        1,
        """dc/dt = (driven - c) / tau_astro : 1
           driven : 1""",
        name="astrocyte", **about,
    )  # fmt: skip
    output = b.NeuronGroup(
        head.WIDTH,
        """dl/dt = (value(t, i) + arriving / c - l) / tau_out : 1
           arriving : 1
           c : 1 (linked)""",
        name="output", **about,
    )  # fmt: skip
    astrocyte.c = 1
    output.c = b.linked_var(astrocyte, "c")
    synapses = b.Synapses(
        hidden, output,
        """dH/dt = plastic(t) * l_post * h_pre / window : 1 (clock-driven)
           arriving_post = H * h_pre : 1 (summed)""",
        name="synapses", **about,
    )  # fmt: skip
    ensheathed = b.Synapses(hidden, astrocyte, "driven_post = g_pre * h_pre : 1 (summed)", name="ensheathed", **about)
    synapses.connect()
    ensheathed.connect()
    ends = b.StateMonitor(output, "l", record=True, dt=present, name="ends")  # of every presentation but the last
    return b.Network(hidden, astrocyte, output, synapses, ensheathed, ends)


def phases(net, run):
    """Writes all tokens, then reads all, by run(duration)."""
    writing = [net["synapses"].state_updater]
    reading = [net["astrocyte"], net["ensheathed"].summed_updaters["driven_post"],
               net["synapses"].summed_updaters["arriving_post"]]  # fmt: skip
    for active, resting in ((writing, reading), (reading, writing)):
        for x in active:
            x.active = True
        for x in resting:
            x.active = False
        run(head.TOKENS * head.PRESENT * second)


def outputs(net):
    """y [TOKENS, WIDTH], after both phases."""
    return np.vstack([net["ends"].l[:, head.TOKENS + 1 :].T, net["output"].l[:]])


class Cython:
    """The head in this process, compiled when it first runs and what was compiled is not there yet."""

    def __init__(self, builds, method, milliseconds):
        folder = pathlib.Path(builds).resolve() / f"cython-{method}-{milliseconds:g}ms"
        b.prefs.codegen.target = "cython"
        b.prefs.codegen.runtime.cython.cache_dir = str(folder)
        self.net = network(method, milliseconds)
        self.net.add(b.NetworkOperation(self.stamp, dt=head.TOKENS * head.PRESENT * second, when="start", order=-1))
        self.net.store()
        start = time.perf_counter()
        self.run()
        self.y = outputs(self.net)
        if not (folder / "seconds.json").exists():
            (folder / "seconds.json").write_text(json.dumps(time.perf_counter() - start))
        self.build = json.loads((folder / "seconds.json").read_text())

    def stamp(self):
        """Called once, at the first step of each phase, when all is prepared."""
        self.began.append(time.perf_counter())

    def run(self):
        """Seconds that the steps of both phases take, and those with what run() prepares before."""
        self.net.restore()
        self.began, ends = [], []
        start = time.perf_counter()

        def run(duration):
            self.net.run(duration)
            ends.append(time.perf_counter())

        phases(self.net, run)
        return sum(ends) - sum(self.began), ends[-1] - start


class Standalone:
    """The head as a program of its own, built in a folder where it is not there yet."""

    def __init__(self, builds, method, milliseconds):
        self.folder = pathlib.Path(builds).resolve() / f"{method}-{milliseconds:g}ms"
        if not (self.folder / "seconds.json").exists():
            command = [sys.executable, __file__, self.folder, method, str(milliseconds)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.build = json.loads((self.folder / "seconds.json").read_text())
        self.y = np.load(self.folder / "y.npy")

    def run(self):
        """Seconds that the steps of both phases take, as the program says, and those of its process."""
        start = time.perf_counter()
        out = subprocess.run(["./main"], cwd=self.folder, check=True, stdout=subprocess.PIPE).stdout
        return float(out), time.perf_counter() - start


def build(folder, method, milliseconds):
    b.set_device("cpp_standalone", build_on_run=False)
    device = b.get_device()
    start = time.perf_counter()
    net = network(method, milliseconds)
    b.prefs.codegen.cpp.headers += ["<chrono>"]
    clock = "std::chrono::steady_clock"
    device.insert_code("before_start", f"{clock}::time_point began; double seconds = 0;")
    device.insert_code("before_network_run", f"began = {clock}::now();")
    device.insert_code("after_network_run", f"seconds += std::chrono::duration<double>({clock}::now() - began).count();")
    device.insert_code("after_end", "std::cout << seconds << std::endl;")
    phases(net, net.run)
    device.build(directory=str(folder), compile=True, run=False)
    took = time.perf_counter() - start
    device.run()
    np.save(folder / "y.npy", outputs(net))
    (folder / "seconds.json").write_text(json.dumps(took))


def job(work, program, run, which=0):
    """A job that takes the first or the second of the times that run returns."""

    def seconds(repeat, untimed):
        if untimed:
            run()
        return sum(run()[which] for _ in range(repeat)) / repeat

    return Job(work, 1, program, seconds, report=which > 0)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    build(pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
