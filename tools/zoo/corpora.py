#!/usr/bin/env python3
"""Write what the tuning curves of the bundled models are fitted to, judged by and tested on, as files.

    apt-get install bible-kjv bible-kjv-text dataset-fashion-mnist espeak-ng flite flac
    pip install torch transformers tokenizers
    python tools/zoo/corpora.py language
    python tools/zoo/corpora.py causal
    python tools/zoo/corpora.py vision
    python tools/zoo/corpora.py audition

The parts are those of the models themselves: curves are fitted to what the model was trained on, progress is
judged by what chose its recipe, and the test part was used for neither. The same command writes the same files.

language  fit.txt: all verses, a line each, and passages of 16 to 256 tokens, in one random order; validation.txt:
          passages; test.txt: the verses of the test books, five times, since each time other words are masked;
          test-passages.txt: the same in passages of up to 128 tokens
causal    fit.jsonl, validation.jsonl: pieces of chapters; test.jsonl: the chapters of the test books, whole;
          test.txt: their verses. In .jsonl a line is {"text": ...}, since chapters have lines themselves
vision    fit, validation, test: folders of pictures, a subfolder for every kind
audition  fit, validation, test: folders of noisy clips, a subfolder for every digit; `audition.py synthesize`
          comes first, with the same --work
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

import kjv

TEMPORARY = Path(tempfile.gettempdir())
ZOO = Path(__file__).resolve().parents[2] / "zoo"
MASKS = 5  # times that every test text is masked: of 2,000 masked tokens a point of accuracy is noise
PER_KIND = {"fit": 600, "validation": 50}  # pictures
PIECES = (256, 256, 512)  # bytes that chapters are cut into: as in training, a third of them twice as long


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--out", metavar="DIR", help="where the files go (a folder of the model's name beside other temporary ones)")
    common.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all random choices (%(default)s)")
    bible = argparse.ArgumentParser(add_help=False)
    bible.add_argument("--bible", metavar="FILE", help="output of `bible -f gen1:1-rev22:21`; runs it when absent")
    pictures = argparse.ArgumentParser(add_help=False)
    pictures.add_argument("--data", metavar="DIR", help="the four IDX files (where Debian puts them)")
    sounds = argparse.ArgumentParser(add_help=False)
    sounds.add_argument("--work", default=str(TEMPORARY / "tripartite-audition"), metavar="DIR",
                        help="where audition.py put words.npz (%(default)s)")
    for name, run, own in [("language", language, bible), ("causal", causal, bible), ("vision", vision, pictures),
                           ("audition", audition, sounds)]:
        text = f"write the parts of the data of {name}"
        commands.add_parser(name, parents=[common, own], help=text, description=text).set_defaults(run=run)
    return parser


def language(args):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(ZOO / "language" / "tokenizer.json"))
    parts = kjv.split(kjv.read_bible(args.bible))
    rng = np.random.default_rng([args.seed, 20])
    for part, name in (("train", "fit"), ("validation", "validation")):
        lines = passages(tokenizer, parts[part], kjv.training_target(rng))
        if part == "train":
            lines += [verse.text for verse in parts[part]]
            lines = [lines[i] for i in rng.permutation(len(lines))]
        write_lines(args.out / f"{name}.txt", lines)
    write_lines(args.out / "test.txt", MASKS * [verse.text for verse in parts["test"]])
    write_lines(args.out / "test-passages.txt", MASKS * passages(tokenizer, parts["test"], lambda: 128))


def passages(tokenizer, verses, target):
    """Whole consecutive verses of a book, packed to at most target() tokens with [CLS] and [SEP], as text."""
    lengths = [len(e.ids) for e in tokenizer.encode_batch([v.text for v in verses], add_special_tokens=False)]
    packed, held, length, limit, book = [], [], 2, target(), verses[0].book
    for verse, n in zip(verses, lengths):
        if held and (verse.book != book or length + n > limit):
            packed.append(" ".join(held))
            held, length, limit = [], 2, target()
        held.append(verse.text)
        length, book = length + n, verse.book
    return packed + [" ".join(held)]


def causal(args):
    parts = kjv.split(kjv.read_bible(args.bible))
    rng = np.random.default_rng([args.seed, 21])
    for part, name in (("train", "fit"), ("validation", "validation")):
        cut = [pieces(text, rng) for text in chapters(parts[part])]
        if part == "train":
            lines = [piece for chapter in cut for piece in chapter]
            lines = [lines[i] for i in rng.permutation(len(lines))]
        else:
            lines = [chapter[len(chapter) // 2] for chapter in cut]  # one of each: it is looked at often
        write_json_lines(args.out / f"{name}.jsonl", lines)
    # A test counts bytes, which the end of a chapter is none of.
    write_json_lines(args.out / "test.jsonl", [text.removesuffix(END) for text in chapters(parts["test"])])
    write_lines(args.out / "test.txt", [END + verse.text for verse in parts["test"]])


END = "</s>"  # stands before and after every chapter


def chapters(verses):
    texts = {}
    for verse in verses:
        texts.setdefault((verse.book, verse.place.split(":")[0]), []).append(verse.text + "\n")
    return [END + "".join(lines) + END for lines in texts.values()]


def pieces(text, rng):
    """A chapter cut into pieces, without regard to verses."""
    out = []
    while text:
        n = int(rng.choice(PIECES))
        out.append(text[:n])
        text = text[n:]
    return [piece for piece in out if len(piece) >= 32]


def vision(args):
    import fashion
    parts = fashion.read(args.data or fashion.FOLDER)
    rng = np.random.default_rng([args.seed, 22])
    for part, name in (("train", "fit"), ("validation", "validation"), ("test", "test")):
        pictures, labels = parts[part]
        for label in range(len(fashion.NAMES)):
            own = np.flatnonzero(labels == label)
            if name in PER_KIND:
                own = np.sort(rng.choice(own, min(len(own), PER_KIND[name]), replace=False))
            folder = new_folder(args.out / name / fashion.file_name(label))
            for i in own:
                fashion.write_png(folder / f"{i:05d}.png", pictures[i])


def audition(args):
    import audition as maker
    import digits
    words = maker.read_words(args)
    for part, name, stream in (("train", "fit", 23), ("validation", "validation", 24), ("test", "test", 8)):
        labels, spoken = words[part][1:]
        # The test clips are those of the model card, which come from one call.
        step = len(spoken) if part == "test" else 100
        rng = np.random.default_rng([args.seed, stream])
        folders = [new_folder(args.out / name / word) for word in digits.WORDS]
        for at in range(0, len(spoken), step):
            waves, lengths = digits.clips(spoken[at:at + step], rng, resize=part == "train")
            for i, (wave, length) in enumerate(zip(waves, lengths), at):
                digits.write_wav(folders[labels[i]] / f"{i:05d}.wav", wave[:length])


def new_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    print(f"{path}: {len(lines)} lines")


def write_json_lines(path, texts):
    write_lines(path, [json.dumps({"text": text}, ensure_ascii=False) for text in texts])


def main():
    args = arguments().parse_args()
    args.out = Path(args.out or TEMPORARY / f"tripartite-{args.command}" / "corpora")
    args.out.mkdir(parents=True, exist_ok=True)
    args.run(args)


if __name__ == "__main__":
    main()
