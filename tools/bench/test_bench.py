"""python -m unittest discover tools/bench: what does not need the programs that are compared."""

import json
import pathlib
import unittest

import dynamics_text
import render
import targets
import turns

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def rows(work, threads, **milliseconds):
    return [dict(work=work, threads=threads, program=p.replace("_", " "), report=False, seconds=[ms / 1e3] * 3)
            for p, ms in milliseconds.items()]  # fmt: skip


def result(name, made, errors=()):
    part = dict(
        peaks=[dict(threads=1, gflops=[250.0])],
        others=[0.0],
        rows=made,
        errors=list(errors),
        trials=[],
        took_seconds=60,
    )
    return dict(
        machine=dict(cpu="a CPU", maker="a maker", cores=2, caches=["L1 32K"], features=["fma"], os="an OS"),
        versions=dict(go="go1"), kernel="portable", precisions=["float32"], command="make", repetitions=3, patience=1.0,
        parts={name: part},
    )  # fmt: skip


class Render(unittest.TestCase):
    def test_document_is_that_of_its_result(self):
        path = DOCS / "performance.json"
        if not path.exists():
            self.skipTest(f"skipped: {path} is not there; make bench-peers makes it")
        text = (DOCS / "performance.md").read_text()
        self.assertEqual(render.document(text, json.loads(path.read_text())), text)

    def test_prose_stays_and_blocks_are_replaced(self):
        blocks = "".join(
            f"prose of {b}\n<!-- measured: {b} -->\nold\n<!-- end -->\n"
            for b in ("machine", "targets", "times", "errors", "trials", "dynamics")
        )
        r = result("minilm", rows("MiniLM 1x128", 1, ours=10, torch=20, ONNX_Runtime=12))
        text = render.document(blocks, r)
        self.assertNotIn("old", text)
        self.assertEqual(text.count("prose of"), 6)
        self.assertIn("| MiniLM 1x128 | 1 | 10.0 / 10.0 | 20.0 / 20.0 | 12.0 / 12.0 | 1.20 |", text)
        self.assertEqual(render.document(text, r), text)

    def test_a_missing_or_unknown_block_is_refused(self):
        r = result("minilm", [])
        for text in ("<!-- measured: machine -->\n<!-- end -->\n", "<!-- measured: weather -->\n<!-- end -->\n"):
            with self.assertRaises(SystemExit):
                render.document(text, r)

    def test_fewer_repetitions_are_told(self):
        self.assertEqual(render.cell([0.1, 0.3], 15), "100 / 200 (2 runs)")


class Dynamics(unittest.TestCase):
    def trial(self, step, error, ms):
        return dict(method="euler", step_ms=step, error=error, seconds=[ms / 1e3] * 3)

    def result(self):
        fine, coarse = "steps of 1 ms", "steps of 25 ms"
        made = rows(coarse, 1, ours=1, Brian2_Cython=49, **{"Brian2 C++": 6}) + rows(
            fine, 1, ours=1, Brian2_Cython=900, **{"Brian2 C++": 30}
        )
        return dict(dynamics=result("", [])["parts"][""] | dict(
            machine=result("", [])["machine"], versions=dict(go="go1"), compiler="g++ 1", command="make", repetitions=3,
            patience=1.0, rows=made, errors=[dict(work=coarse, program="Brian2 C++", error=4e-4)],
            builds=[dict(work=coarse, program="Brian2 C++", seconds=20)], chosen=dict(method="euler", step_ms=25),
            trials=[self.trial(25, 4e-4, 6), self.trial(1, 1e-6, 30)],
            samples=[dict(step_s=0, seconds=[0.00032] * 3), dict(step_s=0.01, seconds=[0.01] * 3)],
        ))  # fmt: skip

    def test_ratios_are_of_medians_of_the_same_work(self):
        text = dynamics_text.block(self.result())
        self.assertIn("| Brian2 Cython, steps of 25 ms | ≥ 50 | 49.0 | **missed** |", text)
        self.assertIn("| Brian2 C++, steps of 25 ms | ≥ 5 | 6.0 | met |", text)
        self.assertIn("| Brian2 C++, steps of 1 ms | ≥ 5 | 30.0 | met |", text)
        self.assertIn("| euler | 25 | 6.00 / 6.00 | 4.0e-04 | compared |", text)
        self.assertIn("A presentation costs 10.0 µs", text)

    def test_the_fastest_that_is_accurate_is_chosen(self):
        trials = [self.trial(50, 2e-3, 1), self.trial(25, 4e-4, 2), self.trial(1, 1e-6, 40)]
        self.assertEqual(targets.fastest(trials, 1e-3), ("euler", 25))
        with self.assertRaises(SystemExit):
            targets.fastest(trials, 1e-9)


class Targets(unittest.TestCase):
    def found(self, r):
        return {(work, n, wanted): (measured, ok) for work, n, wanted, measured, ok in targets.evaluate(r["parts"])}

    def test_the_fastest_rival_counts_and_reports_do_not(self):
        made = rows("MiniLM 1x128", 2, ours=10, torch=30, torch_compile=11, ONNX_Runtime=12, torch_bfloat16=5)
        ((measured, ok),) = self.found(result("minilm", made)).values()
        self.assertEqual((measured, ok), ("1.10 (torch compile)", False))

    def test_share_of_the_peak(self):
        ms = 2e3 * 256 * 768 * 768 / 250e9
        found = self.found(result("product", rows("product 256x768x768", 1, ours=ms / 0.9, torch=3 * ms)))
        self.assertEqual(found["product 256x768x768", 1, "≥ 0.85 of the peak"], ("0.90", True))
        self.assertEqual(found["product 256x768x768", 1, "≥ 1 × torch"], ("2.70", True))

    def test_fast_has_targets_of_its_own_and_an_error(self):
        made = rows("product 256x768x768", 1, ours=3, ours_fast=1, torch=3.6)
        errors = [dict(work="product 256x768x768", threads=1, program="ours fast", error=3e-5)]
        found = self.found(result("product", made, errors))
        self.assertEqual(found["product 256x768x768, fast", 1, "≥ 3.5 × torch"], ("3.60", True))
        self.assertEqual(found["product 256x768x768, fast, error", "all", "≤ 2e-05 of rms"], ("3e-05", False))

    def test_startup_has_a_limit(self):
        found = self.found(result("start", rows("process start to one embedding", 1, ours=130)))
        self.assertEqual(list(found.values()), [("130 ms", False)])


class Turns(unittest.TestCase):
    def test_long_work_is_repeated_less_and_spread_over_the_rounds(self):
        order = []

        def job(name, seconds):
            def run(repeat, untimed):
                order.append(name)
                return seconds

            return turns.Job("work", 1, name, run)

        short, long = job("short", 1.0), job("long", 100.0)
        turns.measure([short, long], 6, patience=10)
        self.assertEqual((len(short.times), len(long.times)), (6, 3))
        self.assertEqual("".join(n[0] for n in order[2:]), "slsslssls")


if __name__ == "__main__":
    unittest.main()
