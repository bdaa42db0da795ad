"""Measures programs in turns, so that other work on the machine hits all alike."""

import dataclasses
import math
import os
import statistics
import sys
import time
from collections.abc import Callable

SHORTEST = 0.004  # seconds that one timing takes at least; shorter work is run several times
LONG = 0.15  # seconds; longer work does not mind what the program before it left in the caches
FEWEST = 3  # repetitions of work that is too long for more


@dataclasses.dataclass
class Job:
    """One program's way to do a piece of work on so many threads."""

    work: str
    threads: int
    program: str
    # Does the work so many times and returns the seconds of one; before, if so told, once untimed.
    seconds: Callable[[int, bool], float]
    spins: bool = False  # its threads spin for a while after the work
    report: bool = False  # another computation or precision: beside the others, not against them
    times: list[float] = dataclasses.field(default_factory=list)
    repeat: int = 1
    untimed: bool = True
    repetitions: int = 0

    def row(self):
        kept = ("work", "threads", "program", "report")
        return {k: getattr(self, k) for k in kept} | {"seconds": self.times}


def timed(run, repeat, untimed):
    """Seconds of one run, the mean of so many."""
    if untimed:
        run()
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) / repeat


def quiet():
    """Waits until no thread of this process spins, which OpenMP's do for up to 0.2 s and ONNX Runtime's for less."""
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.005)
        if time.process_time() - before < 0.0005:
            return


def others():
    """How many cores other programs keep busy while this one waits; nothing where the system does not say."""
    before = busy()
    start = time.monotonic()
    time.sleep(0.1)
    now = busy()
    if before is None or now is None:
        return None
    return (now - before) / (time.monotonic() - start)


def busy():
    """Seconds that all cores have worked since the system started."""
    try:
        with open("/proc/stat") as f:
            user, nice, system = (int(x) for x in f.readline().split()[1:4])
    except (OSError, ValueError):
        return None
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def measure(jobs, repetitions, patience):
    """Fills the times of all jobs. A job has as many repetitions as fit in so many seconds, at least FEWEST.

    Jobs that are only reported get a third of those seconds.

    Returns how many cores others kept busy before each round.
    """
    seen = []
    for j in jobs:
        took = j.seconds(1, False)
        if took < LONG:  # the first run fills caches and grows buffers
            took = j.seconds(1, True)
        j.repeat = max(1, round(SHORTEST / took))
        j.untimed = took < LONG
        j.repetitions = min(repetitions, max(FEWEST, int((patience / 3 if j.report else patience) / took)))
        if j.spins:
            quiet()
    for turn in range(repetitions):
        if sys.stderr.isatty():
            print(f"\r  round {turn + 1} of {repetitions} ", end="", file=sys.stderr, flush=True)
        if (cores := others()) is not None:
            seen.append(cores)
        for j in jobs:
            # Fewer repetitions are spread over all rounds.
            if len(j.times) >= math.ceil((turn + 1) * j.repetitions / repetitions):
                continue
            j.times.append(j.seconds(j.repeat, j.untimed))
            if j.spins:
                quiet()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if seen and statistics.mean(seen) > 0.1:
        print(
            f"  others kept {statistics.mean(seen):.1f} cores busy meanwhile: this is not a measurement",
            file=sys.stderr,
        )
    return seen
