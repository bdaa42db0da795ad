"""What others make of the same bytes: n-gram models and compressors, to stand beside a network."""

import gzip
import lzma

import numpy as np


class KneserNey:
    """An n-gram model with interpolated Kneser-Ney smoothing (Chen & Goodman, TR-10-98, section 2.7): one discount
    per order, n1/(n1 + 2 n2), continuation counts below the highest order, the uniform distribution below all.

    Sequences are arrays of numbers below vocabulary; their first entry is given and is repeated before the start.
    """

    def __init__(self, sequences, order, vocabulary):
        self.order, self.vocabulary, self.levels = order, vocabulary, []
        grams, counts = np.unique(self.codes(sequences, order), return_counts=True)
        for length in range(order, 0, -1):
            ones, twos = (counts == 1).sum(), (counts == 2).sum()
            contexts, starts = np.unique(grams // vocabulary, return_index=True)
            totals = np.add.reduceat(counts, starts)
            followers = np.diff(np.append(starts, len(grams)))
            self.levels.append((grams, counts, contexts, totals, followers, ones / max(1, ones + 2 * twos)))
            # In how many different contexts a shorter gram stands: without its first entry, the distinct grams.
            grams, counts = np.unique(grams % vocabulary ** (length - 1), return_counts=True)

    def codes(self, sequences, length):
        """Every gram as one number, the last entry the lowest digit."""
        out = []
        for sequence in sequences:
            padded = np.concatenate([np.full(length - 2, sequence[0]), sequence]).astype(np.int64)
            code = np.zeros(len(sequence) - 1, np.int64)
            for i in range(length):
                code = code * self.vocabulary + padded[i:i + len(code)]
            out.append(code)
        return np.concatenate(out)

    def bits(self, sequences):
        """The sum of -log2 p over all entries but the first of each sequence."""
        codes = self.codes(sequences, self.order)
        p = np.full(len(codes), 1 / self.vocabulary)
        for length in range(1, self.order + 1):
            grams, counts, contexts, totals, followers, discount = self.levels[self.order - length]
            own = codes % self.vocabulary ** length
            count = look_up(grams, counts, own)
            total = look_up(contexts, totals, own // self.vocabulary)
            share = discount * look_up(contexts, followers, own // self.vocabulary)
            known = total > 0
            p[known] = (np.maximum(count - discount, 0) + share * p)[known] / total[known]
        return float(-np.log2(p).sum())


def look_up(keys, values, wanted):
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)


def compressors(train, test):
    """Bytes of test by gzip -9, and by xz -9e alone and after train, whose own size is taken off."""
    xz = lambda data: len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    return {"gzip": len(gzip.compress(test, 9, mtime=0)), "xz": xz(test), "xz_after_training_text": xz(train + test) - xz(train)}
