"""Golden files for package input/image, from Pillow and Hugging Face transformers.

    python tools/ref/images.py        # input/image/testdata/: pictures, cases.json, expected.gz

Versions and what each file holds are in README.md.
"""

import gzip
import io
import json
import math
import os
import pathlib
import struct
import subprocess
import zlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from transformers import DeiTImageProcessorPil, ViTImageProcessorPil

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "input" / "image" / "testdata"

IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])

# As written to preprocessor_config.json. The first two see every picture but the
# turned ones, the others those that are named.
PROCESSORS = {
    "vit": dict(image_processor_type="ViTImageProcessor", size={"height": 32, "width": 32}),
    "deit": dict(
        image_processor_type="DeiTImageProcessor",
        size={"height": 37, "width": 37},
        resample=3,
        do_center_crop=True,
        crop_size={"height": 32, "width": 32},
        **IMAGENET,
    ),
    # Field names of transformers before 4.25.
    "old": dict(feature_extractor_type="ViTFeatureExtractor", size=224, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3),
    "old-deit": dict(
        feature_extractor_type="DeiTFeatureExtractor", size=256, crop_size=224, do_center_crop=True, resample=3, **IMAGENET
    ),
    "edge": dict(image_processor_type="ViTImageProcessor", size={"shortest_edge": 20}, resample=3),
    "padded": dict(
        image_processor_type="DeiTImageProcessor", do_resize=False, crop_size={"height": 45, "width": 70}, **IMAGENET
    ),
    "plain": dict(image_processor_type="ViTImageProcessor", do_resize=False, do_rescale=False, do_normalize=False),
    "signed": dict(
        image_processor_type="ViTImageProcessor", size={"height": 9, "width": 23}, rescale_factor=1 / 127.5, image_mean=1, image_std=1.25
    ),
    "nearest": dict(image_processor_type="ViTImageProcessor", size={"height": 29, "width": 31}, resample=0),
    "lanczos": dict(image_processor_type="ViTImageProcessor", size={"height": 29, "width": 31}, resample=1),
    "box": dict(image_processor_type="ViTImageProcessor", size={"height": 29, "width": 31}, resample=4),
    "hamming": dict(image_processor_type="ViTImageProcessor", size={"height": 29, "width": 31}, resample=5),
}
SOME = {
    "gradient.png": ["edge", "padded", "plain", "signed", "nearest", "lanczos", "box", "hamming", "old-deit"],
    "noise.png": ["edge", "plain", "nearest", "lanczos", "box", "hamming"],
    "wide.png": ["edge", "padded"],
    "tall.png": ["edge", "padded"],
    "rings.png": ["old", "old-deit", "lanczos"],
}


def processor(config):
    kind = DeiTImageProcessorPil if "DeiT" in str(config) else ViTImageProcessorPil
    return kind(**{k: v for k, v in config.items() if not k.endswith("_type")})


def gradient(w, h):
    x, y = np.meshgrid(np.linspace(0, 255, w), np.linspace(0, 255, h))
    return np.stack([x, y, 255 - (x + y) / 2], -1).round().astype(np.uint8)


def scene(w, h):
    """Smooth areas, sharp edges and strong colours, as a photograph has them."""
    x, y = np.meshgrid(np.arange(w) / w, np.arange(h) / h)
    a = np.stack([128 + 90 * np.sin(5 * x + 2 * y), 140 + 80 * np.cos(4 * y - x), 120 + 100 * np.sin(7 * x * y)], -1)
    im = Image.fromarray(a.clip(0, 255).astype(np.uint8))
    d = ImageDraw.Draw(im)
    d.ellipse((w * 0.15, h * 0.2, w * 0.5, h * 0.8), fill=(220, 30, 40))
    d.rectangle((w * 0.55, h * 0.3, w * 0.9, h * 0.6), fill=(20, 60, 210))
    d.line((0, h - 1, w, 0), fill=(250, 250, 20), width=2)
    return im


def noise(w, h, bands=3):
    return np.random.default_rng(7).integers(0, 256, (h, w, bands) if bands > 1 else (h, w), dtype=np.uint8)


def text(w, h):
    im = Image.new("1", (w, h), 1)
    ImageDraw.Draw(im).text((3, 2), "neuron", fill=0, font=ImageFont.load_default_imagefont())
    return im


def rings(w, h):
    """A zone plate: every spatial frequency, up to black beside white."""
    x, y = np.meshgrid(np.arange(w) - w / 2, np.arange(h) - h / 2)
    return Image.fromarray((np.cos((x * x + y * y) * math.pi / w) > 0))


def png16(samples, colour):
    """A PNG of 16 bits a channel, which Pillow does not write in colour."""
    h, w = samples.shape[:2]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def orientation(n):
    exif = Image.Exif()
    exif[0x010F] = "ours"  # a tag before it, with its value elsewhere
    exif[0x0112] = n
    return exif


def encoded(im, kind, **options):
    if not isinstance(im, Image.Image):
        im = Image.fromarray(im)
    out = io.BytesIO()
    im.save(out, kind, **options)
    return out.getvalue()


def cjpeg(im, luma):
    """A JPEG with a subsampling that Pillow does not write, by libjpeg-turbo's own program."""
    command = ["cjpeg", "-quality", "85", "-sample", luma + ",1x1,1x1"]
    return subprocess.run(command, input=encoded(im, "PPM"), capture_output=True, check=True).stdout


def pictures():
    rng = np.random.default_rng(3)
    alpha = np.dstack([gradient(40, 30), np.linspace(0, 255, 1200).reshape(30, 40).astype(np.uint8)])
    palette = scene(37, 29).quantize(16)
    deep = rng.integers(0, 65536, (23, 19, 4), dtype=np.uint16)
    yield "gradient.png", encoded(gradient(64, 48), "PNG")
    yield "noise.png", encoded(noise(41, 37), "PNG")
    yield "text.png", encoded(text(50, 15), "PNG")
    yield "checker.png", encoded(np.indices((33, 33)).sum(0).astype(np.uint8) % 2 * 255, "PNG")
    yield "rings.png", encoded(rings(300, 200), "PNG")
    yield "alpha.png", encoded(alpha, "PNG")
    yield "palette.png", encoded(palette, "PNG", transparency=3)
    yield "grey.png", encoded(noise(21, 34, 1), "PNG")
    yield "grey-alpha.png", encoded(Image.fromarray(alpha[..., [0, 3]], "LA"), "PNG")
    yield "grey16.png", png16(deep[..., 0], 0)
    yield "rgb16.png", png16(deep[..., :3], 2)
    yield "rgba16.png", png16(deep, 6)
    yield "wide.png", encoded(gradient(97, 3), "PNG")
    yield "tall.png", encoded(noise(2, 61), "PNG")
    yield "dot.png", encoded(Image.new("RGB", (1, 1), (200, 100, 50)), "PNG")
    yield "444.jpg", encoded(scene(64, 48), "JPEG", quality=92, subsampling="4:4:4")
    yield "422.jpg", encoded(scene(61, 43), "JPEG", quality=85, subsampling="4:2:2")
    yield "420.jpg", encoded(scene(61, 43), "JPEG", quality=85, subsampling="4:2:0")
    yield "440.jpg", cjpeg(scene(61, 43), "1x2")
    yield "411.jpg", cjpeg(scene(61, 43), "4x1")
    yield "progressive.jpg", encoded(scene(70, 50), "JPEG", quality=75, progressive=True)
    yield "noise.jpg", encoded(noise(40, 24), "JPEG", quality=60)
    yield "narrow.jpg", encoded(scene(3, 50), "JPEG", quality=90)
    yield "grey.jpg", encoded(scene(45, 31).convert("L"), "JPEG", quality=80)
    yield "cmyk.jpg", encoded(scene(45, 31).convert("CMYK"), "JPEG", quality=90)
    for n in range(1, 9):
        yield f"exif-{n}.jpg", encoded(scene(24, 16), "JPEG", quality=85, exif=orientation(n))
    yield "exif.png", encoded(scene(24, 16), "PNG", exif=orientation(6))
    yield "lossy.webp", encoded(scene(61, 43), "WEBP", quality=80)
    yield "lossless.webp", encoded(scene(33, 22), "WEBP", lossless=True)
    yield "alpha.webp", encoded(Image.fromarray(alpha), "WEBP", quality=70, exact=True)
    yield "exif.webp", encoded(scene(24, 16), "WEBP", lossless=True, exif=orientation(8))


def main():
    TESTDATA.mkdir(parents=True, exist_ok=True)
    cases, expected = [], io.BytesIO()

    def keep(values):
        assert values.dtype == np.uint8
        expected.write(np.ascontiguousarray(values).tobytes())
        return list(values.shape)

    for name, data in pictures():
        (TESTDATA / name).write_bytes(data)
        im = Image.open(io.BytesIO(data))
        if im.mode == "I;16":
            # Pillow's convert makes white of everything above 255; see doc.go.
            im = Image.fromarray((np.asarray(im) >> 8).astype(np.uint8))
        im = ImageOps.exif_transpose(im).convert("RGB")
        case = dict(file=name, decoded=keep(np.asarray(im)), seen={})
        turned = name.startswith("exif-")  # all of them show one picture
        for kind in ["vit", "deit", *SOME.get(name, [])] if not turned else []:
            config = PROCESSORS[kind]
            values = processor(config)(im, return_tensors="np")["pixel_values"][0]
            # The bytes from which the values come, and that they come from them.
            seen = processor({**config, "do_rescale": False, "do_normalize": False})(im, return_tensors="np")["pixel_values"][0]
            again = processor({**config, "do_resize": False, "do_center_crop": False})(np.moveaxis(seen, 0, -1), return_tensors="np")
            np.testing.assert_array_equal(values, again["pixel_values"][0])
            seen = np.moveaxis(seen, 0, -1)
            thin = 7 if seen.shape[0] > 100 else 1  # of large ones every seventh pixel of every seventh row
            case["seen"][kind] = dict(shape=list(seen.shape), thin=thin)
            keep(seen[::thin, ::thin])
        cases.append(case)

    # What becomes of every byte in every channel.
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, -1)
    values = {}
    for kind, config in PROCESSORS.items():
        p = processor({**config, "do_resize": False, "do_center_crop": False})
        values[kind] = p(ramp, return_tensors="np", input_data_format="channels_last")["pixel_values"][0].astype("<f4")
        expected.write(values[kind].tobytes())

    out = dict(processors=PROCESSORS, cases=cases, values=list(values))
    (TESTDATA / "cases.json").write_text(json.dumps(out, indent=1) + "\n")
    (TESTDATA / "expected.gz").write_bytes(gzip.compress(expected.getvalue(), 9, mtime=0))


if __name__ == "__main__":
    main()
