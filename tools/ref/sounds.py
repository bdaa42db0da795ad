"""Golden files for package input/audio, from Hugging Face transformers and SciPy.

    python tools/ref/sounds.py        # input/audio/testdata/: sounds, cases.json, expected.gz

Needs the programs espeak-ng and flac. Versions and what each file holds are in
README.md.
"""

import gzip
import io
import json
import os
import pathlib
import struct
import subprocess

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import scipy.signal
from transformers import ASTFeatureExtractor, is_speech_available

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "input" / "audio" / "testdata"

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE

# As written to preprocessor_config.json. The first hears every sound, the others two.
EXTRACTORS = {
    "ast": dict(feature_extractor_type="ASTFeatureExtractor"),
    "short": dict(
        feature_extractor_type="ASTFeatureExtractor", num_mel_bins=40, max_length=24, mean=-6.5, std=3.25, sampling_rate=16000
    ),
    "raw": dict(feature_extractor_type="ASTFeatureExtractor", do_normalize=False, num_mel_bins=64, max_length=40),
}


def wav(data, rate, channels, bits, kind=PCM, extensible=False, before=b"", after=b""):
    """A WAV of encoded samples, with other chunks before and after them."""
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", EXTENSIBLE if extensible else kind, channels, rate, rate * align, align, bits)
    if extensible:
        guid = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
        fmt += struct.pack("<HHI", 22, bits, 0) + guid
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + before
    chunks += b"data" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) + after
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def integers(x, bits):
    """Samples from -1 to 1 as little-endian integers; 8 bits have no sign."""
    full = 2 ** (bits - 1)
    v = np.clip(np.round(x * full), -full, full - 1).astype(np.int64)
    if bits == 8:
        return (v + 128).astype(np.uint8).tobytes()
    return np.frombuffer(v.astype("<i8").tobytes(), np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()


def tone(hz, rate, seconds, loud=0.5):
    return loud * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def chirp(rate, seconds, low, high):
    t = np.arange(int(rate * seconds)) / rate
    return 0.4 * np.sin(2 * np.pi * (low * t + (high - low) / (2 * seconds) * t * t))


def noise(rate, seconds, seed, loud=0.1):
    return loud * np.random.default_rng(seed).standard_normal(int(rate * seconds))


def run(*command, data=b""):
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def flac(data, *options):
    return run("flac", "--silent", "--no-padding", "--no-seektable", "--stdout", *options, "-", data=data)


def sounds():
    """Name, file, and the samples that it holds, [n, channels], in float64."""

    def case(name, x, rate, bits, **options):
        x = x[:, None] if x.ndim == 1 else x
        data = integers(x, bits)
        full = 2 ** (bits - 1)
        exact = np.clip(np.round(x * full), -full, full - 1) / full
        return name, wav(data, rate, x.shape[1], bits, **options), rate, exact

    junk = b"LIST" + struct.pack("<I", 13) + b"INFOISFT\1\0\0\0x" + b"\0"  # an odd size, padded
    yield case("tone.wav", tone(440, 16000, 0.3), 16000, 16)
    yield case("chirp-24.wav", chirp(16000, 0.2, 50, 7900), 16000, 24, before=junk, after=junk)
    yield case("noise-8.wav", noise(16000, 0.25, 1), 16000, 8)
    yield case("silence.wav", np.zeros(4000), 16000, 16)
    yield case("quiet-32.wav", noise(16000, 0.2, 2, 1e-6) + 0.25, 16000, 32, extensible=True)
    stereo = np.stack([tone(1000, 44100, 0.1), chirp(44100, 0.1, 100, 20000)], 1)
    yield case("stereo-44100.wav", stereo, 44100, 16)
    yield case("telephone-8000.wav", tone(700, 8000, 0.3, 0.3) + noise(8000, 0.3, 4, 0.05), 8000, 16)
    x = (noise(16000, 0.2, 5, 0.3)).astype("<f4")
    yield "float-32.wav", wav(x.tobytes(), 16000, 1, 32, FLOAT), 16000, x[:, None].astype(np.float64)
    x = chirp(22050, 0.1, 300, 9000)
    yield "float-64-22050.wav", wav(x.astype("<f8").tobytes(), 22050, 1, 64, FLOAT, extensible=True), 22050, x[:, None]
    said = run("espeak-ng", "-v", "en", "--stdout", "seven neurons")
    # What goes to a pipe has a header with no true size, of 44 bytes.
    rate, speech = struct.unpack_from("<I", said, 24)[0], np.frombuffer(said[44:], "<i2")
    assert rate == 22050
    speech = scipy.signal.resample_poly(speech / 32768, 320, 441)
    name, data, rate, exact = case("speech.wav", speech, 16000, 16)
    yield "speech.flac", flac(data, "--best"), rate, exact
    three = np.stack([noise(32000, 0.06, n) for n in (7, 8, 9)], 1)
    name, data, rate, exact = case("three.wav", three, 32000, 24)
    yield "three-32000.flac", flac(data, "--channel-map=none"), rate, exact
    few = np.stack([tone(440, 16000, 0.04), tone(660, 16000, 0.04)], 1) / 16
    name, data, rate, exact = case("few.wav", few, 16000, 8)
    yield "few.flac", flac(data), rate, exact


def resampled(x, rate, to=16000):
    """As package audio states it: flat to 0.92 of the lower Nyquist frequency, 100 dB
    down from there on, here by SciPy's polyphase filter."""
    if rate == to:
        return x
    g = np.gcd(rate, to)
    up, down = to // g, rate // g
    scale = min(1, to / rate)
    half = int(np.ceil((100 - 7.95) / (2.285 * np.pi * scale * 0.08) / 2))
    beta = 0.1102 * (100 - 8.7)
    t = np.arange(-half * up, half * up + 1) / up
    h = np.sinc(0.96 * scale * t) * np.kaiser(len(t), beta)
    return scipy.signal.resample_poly(x, up, down, window=h / h.sum())


def main():
    assert not is_speech_available(), "the reference is the way without torchaudio"
    TESTDATA.mkdir(parents=True, exist_ok=True)
    cases, expected = [], io.BytesIO()
    for name, data, rate, exact in sounds():
        (TESTDATA / name).write_bytes(data)
        mono = exact.mean(1).astype(np.float32)
        at16k = resampled(mono.astype(np.float64), rate).astype(np.float32)
        # Every seventh sample; every third frame of the sound, and of what follows one number.
        expected.write(mono[::7].astype("<f4").tobytes())
        case = dict(file=name, rate=rate, channels=exact.shape[1], samples=len(mono), resampled=len(at16k), frames={})
        for kind in ["ast"] if name not in ("speech.flac", "quiet-32.wav") else EXTRACTORS:
            extractor = ASTFeatureExtractor(**EXTRACTORS[kind])
            values = extractor(at16k, sampling_rate=16000, return_tensors="np")["input_values"][0]
            n = min(len(values), 1 + (len(at16k) - 400) // 160)
            padding = np.unique(values[n:])
            assert len(padding) <= 1
            case["frames"][kind] = dict(frames=n, padding=float(padding[0]) if len(padding) else None)
            expected.write(np.ascontiguousarray(values[:n:3]).astype("<f4").tobytes())
        cases.append(case)
    (TESTDATA / "cases.json").write_text(json.dumps(dict(extractors=EXTRACTORS, cases=cases), indent=1) + "\n")
    (TESTDATA / "expected.gz").write_bytes(gzip.compress(expected.getvalue(), 9, mtime=0))


if __name__ == "__main__":
    main()
