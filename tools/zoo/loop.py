"""The training loop that vision, causal and audition share: AdamW, a warm-up and a decay, checkpoints.

A run can be stopped and resumed: all that is not in the checkpoint follows from the seed and the number of the step.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


def main(parser):
    """Does the command that is asked for and says how long it took."""
    args = parser.parse_args()
    Path(args.work).mkdir(parents=True, exist_ok=True)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    started = time.monotonic()
    args.run(args)
    print(f"{args.command}: {time.monotonic() - started:.1f} s", file=sys.stderr)


def add_arguments(parser, steps, batch, rate, warm_up, weight_decay):
    """The options of training, with the recipe's values."""
    parser.add_argument("--steps", type=int, default=steps, metavar="N", help="optimizer steps (%(default)s)")
    parser.add_argument("--batch", type=int, default=batch, metavar="N", help="rows of a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=rate, metavar="N", help="highest learning rate (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=warm_up, metavar="N",
                        help="steps of linear warm-up (%(default)s)")
    parser.add_argument("--weight-decay", type=float, default=weight_decay, metavar="N",
                        help="AdamW's decay of matrices (%(default)s)")
    parser.add_argument("--every", type=int, default=250, metavar="N", help="steps between checkpoints (%(default)s)")
    parser.add_argument("--no-bfloat16", dest="bfloat16", action="store_false", help="train in float32 throughout")
    parser.add_argument("--fresh", action="store_true", help="start anew although there is a checkpoint")


# What a resumed run must share with the one that it continues.
RECIPE = ("seed", "steps", "batch", "rate", "warm_up", "weight_decay", "bfloat16")


class Loop:
    """Trains model: loss(step, batch), where batch is whatever batches(step) gives, is computed under autocast;
    validate() gives numbers for the journal."""

    def __init__(self, model, batches, loss, validate, args):
        self.model, self.batches, self.loss, self.validate, self.args = model, batches, loss, validate, args
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": args.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=args.rate, betas=(0.9, 0.98), eps=1e-6, fused=True)
        self.step, self.seconds = 0, 0.0
        self.checkpoint = Path(args.work) / "checkpoint.pt"

    def resume(self):
        if self.checkpoint.exists() and not self.args.fresh:
            state = torch.load(self.checkpoint, weights_only=True)
            changed = [name for name in RECIPE if state["args"][name] != getattr(self.args, name)]
            if changed:
                raise SystemExit(f"{self.checkpoint} was trained with other values of {', '.join(changed)}:"
                                 " give the same again, another --work, or --fresh")
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self):
        partial = self.checkpoint.with_suffix(".partial")
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                    "seconds": self.seconds, "args": {name: getattr(self.args, name) for name in RECIPE}}, partial)
        partial.replace(self.checkpoint)

    def rate(self):
        """Linear warm-up, then a quarter of a cosine's period down to zero."""
        rise = (self.step + 1) / self.args.warm_up
        done = (self.step - self.args.warm_up) / max(1, self.args.steps - self.args.warm_up)
        return self.args.rate * min(rise, (1 + math.cos(math.pi * max(0.0, done))) / 2)

    def run(self):
        self.resume()
        started, before, losses = time.process_time(), self.seconds, []
        while self.step < self.args.steps:
            losses.append(self.one_step())
            self.step += 1
            self.seconds = before + time.process_time() - started
            if self.step % self.args.every == 0 or self.step == self.args.steps:
                self.log(step=self.step, minutes=round(self.seconds / 60, 2), rate=round(self.rate(), 6),
                         train_loss=round(float(np.mean(losses)), 4), **self.validate())
                losses.clear()
                self.save()

    def one_step(self):
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        batch = self.batches(self.step)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.bfloat16):
            loss = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def log(self, **entry):
        print(json.dumps(entry), flush=True)
        with (Path(self.args.work) / "train.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def minutes(work):
    """The processor time of the run that wrote the last checkpoint."""
    return torch.load(Path(work) / "checkpoint.pt", weights_only=True)["seconds"] / 60


def shuffled(count, batch, step, seed):
    """The rows of a step [batch]: every epoch is a permutation of its own, and what is left over is skipped."""
    per_epoch = count // batch
    epoch, at = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[at * batch:(at + 1) * batch]


def embedded_bytes(folder):
    """What a program that carries the model carries, card and reference answers left out."""
    folder = Path(folder)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()
               and "testdata" not in path.parts and path.suffix not in (".md", ".go"))


def write_json(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
