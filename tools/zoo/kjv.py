"""The King James Bible as data: verses, the split by book, WordPiece, passages and masks.

Everything here is a pure function of the text and of a seed, so a run that was interrupted
meets the same batches and the same masks when it goes on.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

# Whole books are held out, so that no chapter of a test book was seen in training. The books are
# short, of several kinds (story, prophecy, letter), and none is a near copy of another
# book as Matthew, Mark and Luke or Kings and Chronicles are of each other.
TEST = {"Ruth": "Ruth", "Jonah": "Jonah", "Hab": "Habakkuk", "Phi": "Philippians", "Jas": "James", "1Jn": "1 John"}
VALIDATION = {"Joel": "Joel", "Mic": "Micah", "Hag": "Haggai", "1Th": "1 Thessalonians", "2Tim": "2 Timothy",
              "1Pet": "1 Peter"}

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
VOCABULARY = 4096
POSITIONS = 256
VERSES_IN_BIBLE = 31102


@dataclass(frozen=True)
class Verse:
    """One verse: the program's short name of its book, chapter:verse, and the text."""

    book: str
    place: str
    text: str


def read_bible(path=None):
    """All verses in order, from `bible -f` (Debian package bible-kjv) or from a file that holds its output."""
    if path:
        raw = Path(path).read_text(encoding="utf-8")
    else:
        try:
            raw = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True).stdout
        except FileNotFoundError:
            raise SystemExit("the program `bible` is missing: apt-get install bible-kjv bible-kjv-text,"
                             " or give its output with --bible FILE") from None
    verses = []
    for line in raw.splitlines():
        match = re.fullmatch(r"(\d?[A-Za-z]+)(\d+:\d+)\s+(.*\S)\s*", line)
        if not match:
            raise SystemExit(f"line {len(verses) + 1} of the Bible is not BOOK CHAPTER:VERSE TEXT: {line[:60]!r}")
        verses.append(Verse(match[1], match[2], re.sub(r"\s+", " ", match[3])))
    if len(verses) != VERSES_IN_BIBLE:
        raise SystemExit(f"{len(verses)} verses read, {VERSES_IN_BIBLE} wanted")
    return verses


def split(verses):
    """The verses as train, validation and test, by whole books."""
    parts = {"train": [], "validation": [], "test": []}
    for verse in verses:
        part = "test" if verse.book in TEST else "validation" if verse.book in VALIDATION else "train"
        parts[part].append(verse)
    return parts


def train_tokenizer(texts):
    """A lowercased WordPiece tokenizer in the form of BERT's, from these texts alone.

    The trainer numbers the single characters in the order of a hash table and breaks ties between equally
    frequent pairs by those numbers. Naming all characters in advance makes the result repeatable.
    """
    texts = list(texts)
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    characters = sorted(set("".join(normalizer.normalize_str(text) for text in texts)) - {" "})
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = normalizer, splitter
    learner.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, show_progress=False, continuing_subword_prefix="##",
        special_tokens=SPECIAL + characters + ["##" + c for c in characters if c.isalnum()]))

    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)])
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def save_tokenizer(tokenizer, folder):
    """tokenizer.json, vocab.txt and tokenizer_config.json, as transformers reads them."""
    folder = Path(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if [i for _, i in vocabulary] != list(range(VOCABULARY)):
        raise SystemExit(f"the vocabulary holds {len(vocabulary)} entries, {VOCABULARY} wanted")
    (folder / "vocab.txt").write_text("".join(token + "\n" for token, _ in vocabulary), encoding="utf-8")
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": POSITIONS,
              "strip_accents": None, "tokenize_chinese_chars": True, "pad_token": "[PAD]", "unk_token": "[UNK]",
              "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def encode(tokenizer, verses):
    """Token ids of each verse without [CLS] and [SEP], verses grouped by book in order."""
    books = {}
    encodings = tokenizer.encode_batch([verse.text for verse in verses], add_special_tokens=False)
    for verse, encoding in zip(verses, encodings):
        books.setdefault(verse.book, []).append(np.array(encoding.ids, dtype=np.int64))
    return list(books.values())


def passages(books, target):
    """Whole consecutive verses packed to at most target() tokens with [CLS] and [SEP], at least one verse each."""
    packed = []
    for verses in books:
        held, length, limit = [], 2, target()
        for ids in verses:
            if held and length + len(ids) > limit:
                packed.append(np.concatenate([[CLS], *held, [SEP]])[:POSITIONS])
                held, length, limit = [], 2, target()
            held.append(ids)
            length += len(ids)
        packed.append(np.concatenate([[CLS], *held, [SEP]])[:POSITIONS])
    return packed


def training_target(rng):
    """Passage lengths in training: mostly 16 to 128 tokens, one in eight up to all 256 positions."""
    return lambda: int(rng.integers(128, POSITIONS + 1) if rng.random() < 0.125 else rng.integers(16, 129))


def pieces_of(books, rng, shortest=8, longest=24):
    """Runs of 8 to 24 tokens, cut without regard to verses."""
    packed = []
    for verses in books:
        ids, at = np.concatenate(verses), 0
        while at < len(ids):
            run = ids[at:at + int(rng.integers(shortest, longest + 1)) - 2]
            packed.append(np.concatenate([[CLS], run, [SEP]]))
            at += len(run)
    return packed


def batches(books, tokens, seed, epoch, pieces=False):
    """One epoch of padded batches of about `tokens` tokens; the text is cut anew in every epoch, into passages or,
    with pieces=True, into short pieces."""
    rng = np.random.default_rng([seed, epoch])
    packed = pieces_of(books, rng) if pieces else passages(books, training_target(rng))
    order = sorted(rng.permutation(len(packed)), key=lambda i: len(packed[i]))  # stable: equal lengths stay shuffled
    groups, group = [], []
    for i in order:
        if group and len(packed[i]) * (len(group) + 1) > tokens:
            groups.append(group)
            group = []
        group.append(packed[i])
    groups.append(group)
    for i in rng.permutation(len(groups)):
        yield pad(groups[i])


def pad(rows):
    """Passages as one array of ids [rows, longest], filled up with [PAD]."""
    ids = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int64)
    for row, passage in zip(ids, rows):
        row[: len(passage)] = passage
    return ids


def mask(ids, share, rng, always=False):
    """BERT's masking: (inputs, picked). Of the picked tokens 80% become [MASK], 10% a random token, 10% stay;
    with always=True all become [MASK]. Special tokens are never picked."""
    picked = (rng.random(ids.shape) < share) & (ids >= len(SPECIAL))
    inputs = ids.copy()
    roll = rng.random(ids.shape)
    inputs[picked & (roll < (1.0 if always else 0.8))] = MASK
    if not always:
        swap = picked & (roll >= 0.8) & (roll < 0.9)
        inputs[swap] = rng.integers(len(SPECIAL), VOCABULARY, size=int(swap.sum()))
    return inputs, picked


def demonstration(tokenizer, verses, per_book=8, shortest=20, longest=60):
    """The first verses of every test book whose length in tokens lies in the range, in order."""
    chosen = []
    for book in TEST:
        fit = [v.text for v in verses if v.book == book and shortest <= len(tokenizer.encode(v.text).ids) <= longest]
        chosen += fit[:per_book]
    return chosen


def calibration(tokenizer, verses, seed, count=300, shortest=20, longest=60):
    """A random sample of training verses in the same range of lengths, in the order of the Bible."""
    fit = [v.text for v in verses if shortest <= len(tokenizer.encode(v.text).ids) <= longest]
    fit = list(dict.fromkeys(fit))
    chosen = np.sort(np.random.default_rng([seed, 2]).choice(len(fit), size=count, replace=False))
    return [fit[i] for i in chosen]


def overlap(train, test, words=8):
    """The share of the test books' runs of `words` words that also stand somewhere in the training books."""
    def runs(verses):
        found, books = set(), {}
        for verse in verses:
            books.setdefault(verse.book, []).extend(re.findall(r"[a-z']+", verse.text.lower()))
        for text in books.values():
            found.update(tuple(text[i:i + words]) for i in range(len(text) - words + 1))
        return found
    mine = runs(test)
    return len(mine & runs(train)) / len(mine)
