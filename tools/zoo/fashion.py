"""Fashion-MNIST as data (Debian package dataset-fashion-mnist): pictures, labels, small changes, PNG files."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

FOLDER = "/usr/share/datasets/fashion-mnist"
NAMES = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
SIDE = 28
# The last pictures of the training file choose the recipe; the test file is for the card alone.
VALIDATION = 5000


def read(folder=FOLDER):
    """{"train", "validation", "test"}: (pictures [n, 28, 28], labels [n]), uint8."""
    pictures, labels = read_part(folder, "train")
    return {"train": (pictures[:-VALIDATION], labels[:-VALIDATION]),
            "validation": (pictures[-VALIDATION:], labels[-VALIDATION:]), "test": read_part(folder, "t10k")}


def read_part(folder, part):
    return (read_idx(Path(folder) / f"{part}-images-idx3-ubyte.gz"),
            read_idx(Path(folder) / f"{part}-labels-idx1-ubyte.gz"))


def read_idx(path):
    """An IDX file of bytes: two zero bytes, type 8, the number of axes, their lengths big-endian, the data."""
    try:
        data = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise SystemExit(f"{path} is missing: apt-get install dataset-fashion-mnist, or give its folder with --data") \
            from None
    zero, kind, axes = struct.unpack(">HBB", data[:4])
    if (zero, kind) != (0, 8):
        raise SystemExit(f"{path} is no IDX file of bytes")
    shape = struct.unpack(f">{axes}I", data[4:4 + 4 * axes])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def vary(pictures, rng, furthest=1):
    """Every picture as it is or mirrored, moved by up to one pixel in each direction."""
    padded = np.pad(pictures, ((0, 0), (furthest, furthest), (furthest, furthest)))
    out = np.empty_like(pictures)
    for i, (x, y, mirrored) in enumerate(zip(rng.integers(0, 2 * furthest + 1, len(out)),
                                             rng.integers(0, 2 * furthest + 1, len(out)), rng.random(len(out)) < 0.5)):
        moved = padded[i, y:y + SIDE, x:x + SIDE]
        out[i] = moved[:, ::-1] if mirrored else moved
    return out


def write_png(path, picture):
    """An 8-bit grey PNG [height, width]: signature, header, one compressed chunk of unfiltered rows, end."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = picture.shape
    rows = np.pad(picture, ((0, 0), (1, 0))).tobytes()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def file_name(label):
    return NAMES[label].lower().replace(" ", "-")
