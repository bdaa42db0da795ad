"""The masked language model itself: its shape, its training, its measures.

The network is transformers' AlbertForMaskedLM, so that the checkpoint carries the names everyone knows. Only
the training loop is ours.
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import AlbertConfig, AlbertForMaskedLM

import kjv

LAYERS, HEADS, HIDDEN = 4, 8, 256
# What a resumed run must share with the one that it continues.
RECIPE = ("seed", "steps", "batch_tokens", "rate", "warm_up", "weight_decay", "mask_share", "bfloat16")


def config():
    """One block applied four times; no dropout, since the text is met few enough times to be underfitted."""
    return AlbertConfig(
        vocab_size=kjv.VOCABULARY, embedding_size=128, hidden_size=HIDDEN, num_hidden_layers=LAYERS,
        num_hidden_groups=1, num_attention_heads=HEADS, intermediate_size=1024, inner_group_num=1,
        hidden_act="gelu_new", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout_prob=0.0,
        max_position_embeddings=kjv.POSITIONS, type_vocab_size=2, initializer_range=0.05, layer_norm_eps=1e-12,
        pad_token_id=kjv.PAD, bos_token_id=kjv.CLS, eos_token_id=kjv.SEP)


def new_model(seed):
    torch.manual_seed(seed)
    model = AlbertForMaskedLM(config())
    model.albert.embeddings.position_embeddings.weight.data.copy_(sinusoids(kjv.POSITIONS, 128, 0.05))
    # As in GPT-2: what each sublayer adds starts small, so that tokens are not scrambled on their way up.
    for projection in (block(model).attention.dense, block(model).ffn_output):
        projection.weight.data /= math.sqrt(2 * LAYERS)
    # Eager attention: on a CPU the backward pass of the fused kernel takes longer than all else together.
    model.set_attn_implementation("eager")
    return model


def sinusoids(positions, width, deviation):
    """Where the position embeddings start, [positions, width]: sines and cosines of geometrically spaced periods,
    so that a neighbour can be found from the first step on. They are trained like everything else."""
    angles = torch.arange(positions)[:, None] / positions ** (torch.arange(0, width, 2) / width)
    return deviation * math.sqrt(2) * torch.cat([angles.sin(), angles.cos()], dim=1)


def block(model):
    """The one block that all layers share."""
    return model.albert.encoder.albert_layer_groups[0].albert_layers[0]


def by_head(x):
    """Queries or keys [tokens, hidden] of every head [tokens, heads, d], scaled so that q.k is the logit."""
    return x.view(len(x), HEADS, HIDDEN // HEADS) / (HIDDEN // HEADS) ** 0.25


def picked_logits(model, ids, picked):
    """Logits [picked, vocabulary] of the picked tokens only: the decoder is the largest product of the network."""
    attention = ids != kjv.PAD
    hidden = model.albert(ids, attention_mask=None if bool(attention.all()) else attention).last_hidden_state
    return model.predictions(hidden[picked])


class Trainer:
    """A training run that can be stopped and resumed: everything that is not in the checkpoint follows from the
    seed and the number of the step."""

    stage, file, exported = "train", "checkpoint.pt", "export"  # both in the folder of the work
    recipe, stream, first_epoch = (*RECIPE, "short_epochs"), 1, 0

    def __init__(self, model, books, validation, args):
        self.books, self.validation, self.args = books, validation, args
        self.device = torch.device(args.device)
        self.model = model.to(self.device)
        # The same function as gelu_new in one kernel instead of seven.
        block(self.model).activation = nn.GELU(approximate="tanh")
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": args.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=args.rate, betas=(0.9, 0.98), eps=1e-6, fused=True)
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self.checkpoint = Path(args.work) / self.file

    def resume(self):
        if self.checkpoint.exists() and not self.args.fresh:
            state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
            changed = [name for name in self.recipe if state["args"][name] != getattr(self.args, name)]
            if changed:
                raise SystemExit(f"{self.checkpoint} was trained with other values of {', '.join(changed)}:"
                                 " give the same again, another --work, or --fresh")
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]

    def save(self):
        partial = self.checkpoint.with_suffix(".partial")
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                    "seconds": self.seconds, "tokens": self.tokens,
                    "args": {name: getattr(self.args, name) for name in self.recipe}}, partial)
        partial.replace(self.checkpoint)

    def rate(self):
        """Linear warm-up, then linear decay to zero."""
        warm_up, steps = self.args.warm_up, self.args.steps
        rise = (self.step + 1) / warm_up
        fall = (steps - self.step) / max(1, steps - warm_up)
        return self.args.rate * min(rise, fall)

    def batches(self):
        """All batches from the current step on, epoch after epoch."""
        skip, epoch = self.step, self.first_epoch
        while True:
            rows = list(kjv.batches(self.books, self.args.batch_tokens, self.args.seed, epoch,
                                    pieces=self.in_pieces(epoch)))
            yield from rows[min(skip, len(rows)):]
            skip, epoch = max(0, skip - len(rows)), epoch + 1

    def in_pieces(self, epoch):
        """Whether an epoch is of short pieces."""
        return epoch < self.args.short_epochs

    def run(self, log):
        self.resume()
        started, before, losses = time.monotonic(), self.seconds, []
        source = self.batches()
        while self.step < self.args.steps:
            losses.append(self.one_step(next(source)))
            self.step += 1
            self.seconds = before + time.monotonic() - started
            if self.step % self.args.every == 0 or self.step == self.args.steps:
                log(stage=self.stage, step=self.step, minutes=round(self.seconds / 60, 2), tokens=self.tokens,
                    rate=round(self.rate(), 6), train_loss=round(float(np.mean(losses)), 4),
                    validation_loss=round(masked_loss(self.model, self.validation)["loss"], 4), **self.measures())
                losses.clear()
                self.save()
        return self.model

    def one_step(self, rows):
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        inputs, picked = kjv.mask(rows, self.args.mask_share, np.random.default_rng([self.args.seed, self.stream, self.step]))
        rows, inputs, picked = (torch.from_numpy(x).to(self.device) for x in (rows, inputs, picked))
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.args.bfloat16):
            logits = picked_logits(self.model, inputs, picked)
        loss = functional.cross_entropy(logits.float(), rows[picked])
        self.optimizer.zero_grad(set_to_none=True)
        (loss + self.penalty(inputs != kjv.PAD)).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.tokens += int((rows != kjv.PAD).sum())
        return loss.item()

    def penalty(self, real):
        """What is added to the loss of a batch, whose real tokens are given."""
        return 0.0

    def measures(self):
        """What the log says besides."""
        return {}


class Shortener(Trainer):
    """Trains a trained model on, with what a head asks of neurons added to the loss: `shortness` times

        E|q - E q|^2 + E|k - E k|^2

    over the tokens of a batch, the mean over layers and heads, with q and k scaled so that q.k is the logit. The
    neurons that a head needs grow like exp(|q + k|^2); what means add to it, calibration takes off. The penalty rises over
    the first third of the steps."""

    stage, file, exported = "shorten", "shortened.pt", "shortened"
    recipe, stream, first_epoch = (*RECIPE, "shortness", "begun_from"), 7, 100

    def __init__(self, model, books, validation, args):
        super().__init__(model, books, validation, args)
        self.caught, self.size = [], 0.0
        for layer in (block(self.model).attention.query, block(self.model).attention.key):
            layer.register_forward_hook(self.catch)

    def in_pieces(self, epoch):
        return False

    def measures(self):
        return {"size": round(float(self.size), 2)}

    def catch(self, _, __, out):
        if torch.is_grad_enabled():
            self.caught.append(out)

    def penalty(self, real):
        size = 0.0
        for x in self.caught:
            x = by_head(x[real].float())
            size = size + (x - x.mean(0)).square().sum(-1).mean() / LAYERS
        self.caught.clear()
        self.size = size.detach()
        return self.args.shortness * min(1, 3 * self.step / self.args.steps) * size


def fixed_masks(books, seed, draws=1, share=0.15, longest=128):
    """Passages of up to `longest` tokens with fixed masks, every picked token a [MASK]: [(ids, inputs, picked)]."""
    packed = kjv.passages(books, lambda: longest)
    out = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, 3, draw])
        for passage in packed:
            ids = passage[None]
            out.append((ids, *kjv.mask(ids, share, rng, always=True)))
    return out


@torch.no_grad()
def masked_loss(model, masked):
    """Mean cross-entropy in nats and accuracy over all masked tokens, in float32."""
    loss, right, count, device = 0.0, 0, 0, next(model.parameters()).device
    for ids, inputs, picked in masked:
        if not picked.any():
            continue
        ids, inputs, picked = (torch.from_numpy(x).to(device) for x in (ids, inputs, picked))
        logits, wanted = picked_logits(model, inputs, picked), ids[picked]
        loss += functional.cross_entropy(logits, wanted, reduction="sum").item()
        right += int((logits.argmax(-1) == wanted).sum())
        count += len(wanted)
    return {"loss": loss / count, "perplexity": math.exp(loss / count), "accuracy": right / count, "masked": count}


def unigram(books, masked):
    """The same measures for a predictor that knows only how often each token stands in the training books."""
    counts = np.bincount(np.concatenate([ids for book in books for ids in book]), minlength=kjv.VOCABULARY)
    logs = np.log((counts + 1) / (counts + 1).sum())
    wanted = np.concatenate([ids[picked] for ids, _, picked in masked])
    loss = -float(logs[wanted].mean())
    return {"loss": loss, "perplexity": math.exp(loss), "accuracy": float((wanted == counts.argmax()).mean()),
            "masked": len(wanted), "commonest": int(counts.argmax())}


@torch.no_grad()
def squared_norms(model, passages):
    """Mean |q+k|^2 over all pairs of tokens of a passage, [layers, heads], q and k scaled so that q.k is the logit."""
    attention, caught = block(model).attention, []
    hooks = [layer.register_forward_hook(lambda _, __, out: caught.append(out))
             for layer in (attention.query, attention.key)]
    total = torch.zeros(LAYERS, HEADS)
    for ids in passages:
        caught.clear()
        model.albert(torch.from_numpy(ids[None]))
        for layer in range(LAYERS):
            q, k = (by_head(x[0]) for x in caught[2 * layer:2 * layer + 2])
            # E|q+k|^2 over independent pairs is E|q|^2 + E|k|^2 + 2 E[q].E[k].
            total[layer] += (q.square().sum(-1).mean(0) + k.square().sum(-1).mean(0)
                             + 2 * (q.mean(0) * k.mean(0)).sum(-1))
    for hook in hooks:
        hook.remove()
    return (total / len(passages)).tolist()


@torch.no_grad()
def without_attention(model):
    """The same network attending to every token alike: what is lost tells how much attention does."""
    block(model).attention.query.weight.zero_()
    block(model).attention.query.bias.zero_()
    return model
