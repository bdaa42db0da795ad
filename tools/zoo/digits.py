"""Spoken digits as data: synthesized by espeak-ng and flite (Debian packages of these names) with many voices,
pitches and speeds, then placed in a clip, filtered, reverberated and covered with noise."""

import io
import re
import subprocess
import wave
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank, window_function

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RATE = 16000
FRAMES, BINS = 128, 64
WINDOW, HOP, POINTS = 400, 160, 512
CLIP = (FRAMES - 1) * HOP + WINDOW  # samples that fill all frames, 1.295 s

ACCENTS = ["en-gb", "en-us", "en-029", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp", "en-us-nyc"]
# Voices are held out whole, and with all that are made from them (iven to iven4). flite's rms and slt were made from
# recordings of two people, so is awb; its kal and espeak-ng's are rules and single sounds.
TEST = ["iven", "iven2", "iven3", "iven4", "steph", "steph2", "steph3", "RicishayMax", "RicishayMax2", "RicishayMax3",
        "Gene", "Gene2", "f3", "m5", "Andrea", "Hugo", "pablo", "shelby", "Denis", "flite rms"]
VALIDATION = ["edward", "edward2", "f5", "m2", "linda", "michel", "zac", "quincy"]
FLITE_TRAINING = ["flite awb", "flite kal", "flite kal16", "flite slt"]
# How often every voice says every digit.
DRAWS = {"train": 10, "validation": 5, "test": 5}
FLITE_DRAWS = 60


def voices():
    """{"train", "validation", "test"}: names of voices; espeak-ng's are its variants."""
    try:
        listing = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
        subprocess.run(["flite", "-lv"], capture_output=True, check=True)
    except FileNotFoundError as missing:
        raise SystemExit(f"the program `{missing.filename}` is missing: apt-get install espeak-ng flite") from None
    variants = sorted({name.strip() for name in re.findall(r"!v/(.+?)(?:\s{2,}|\s*\(|$)", listing, re.M)})
    known = set(variants) | {"flite rms"}
    if absent := [name for name in TEST + VALIDATION if name not in known]:
        raise SystemExit(f"espeak-ng has no voices {', '.join(absent)}: the split was made for version 1.51")
    train = [name for name in variants if name not in TEST + VALIDATION] + FLITE_TRAINING
    return {"train": train, "validation": VALIDATION, "test": TEST}


def synthesize(seed):
    """{part: [(voice, label, samples)]}, samples float32 at 16 kHz, of words without silence around them."""
    parts = {}
    for number, (part, names) in enumerate(voices().items()):
        rng = np.random.default_rng([seed, 10, number])
        jobs = [(name, label, command(name, WORDS[label], rng)) for name in names for label in range(10)
                for _ in range(FLITE_DRAWS if name in FLITE_TRAINING else DRAWS[part])]
        with ThreadPoolExecutor(2) as pool:  # each thread waits for a program
            sounds = pool.map(lambda job: speak(job[2]), jobs)
            parts[part] = [(name, label, sound) for (name, label, _), sound in zip(jobs, sounds)]
    return parts


def command(voice, word, rng):
    """How a voice is told to say a word, at a pitch and a speed and in a tone of its own."""
    text = word + str(rng.choice(["", ".", "?", "!"]))
    if voice.startswith("flite "):
        return ["flite", "-voice", voice.split()[1], "--setf", f"duration_stretch={rng.uniform(0.8, 1.4):.3f}",
                "--setf", f"int_f0_target_mean={rng.uniform(80, 220):.1f}", "-t", text, "-o", "/dev/stdout"]
    return ["espeak-ng", "-v", f"{rng.choice(ACCENTS)}+{voice}", "-s", str(rng.integers(110, 221)),
            "-p", str(rng.integers(20, 81)), "--stdout", text]


def speak(arguments):
    data = subprocess.run(arguments, capture_output=True, check=True).stdout
    samples, rate = read_wav(io.BytesIO(data))
    return trim(resample(samples, round(len(samples) * RATE / rate)))


def read_wav(file):
    """Samples of 16 bits as float32 below 1, and their rate. Programs that write to a pipe do not know the length."""
    with wave.open(file) as opened:
        if (opened.getsampwidth(), opened.getnchannels()) != (2, 1):
            raise SystemExit(f"{file} is not mono of 16 bits")
        return np.frombuffer(opened.readframes(opened.getnframes()), "<i2").astype(np.float32) / 32768, opened.getframerate()


def resample(samples, count):
    """The same sound in count samples, through its spectrum."""
    return (np.fft.irfft(np.fft.rfft(samples)[:count // 2 + 1], count) * (count / len(samples))).astype(np.float32)


def trim(samples, share=0.02):
    loud = np.flatnonzero(np.abs(samples) > share * np.abs(samples).max())
    return samples[loud[0]:loud[-1] + 1]


def clips(words, rng, noise=True, resize=False):
    """Words in clips as they might be recorded: (waves [n, CLIP] rounded to 16 bits, lengths). With resize the speaker
    becomes up to a quarter larger or smaller, which changes pitch, resonances and speed alike."""
    spoken = np.zeros((len(words), CLIP), np.float32)
    ends, powers = np.zeros(len(words), int), np.zeros(len(words))
    for i, word in enumerate(words):
        factor = np.exp(rng.uniform(-0.22, 0.22)) if resize and rng.random() < 0.8 else 1.0
        longest = CLIP - RATE // 20
        count = min(longest, round(len(word) * factor))
        if count != len(word):
            word = resample(word, count)
        start = rng.integers(0, CLIP - len(word) + 1)
        spoken[i, start:start + len(word)] = word
        ends[i], powers[i] = start + len(word), np.square(word).mean()
    full = rng.random(len(words)) < 0.5
    lengths = np.where(full, CLIP, rng.integers(ends, CLIP + 1))
    if noise:
        spoken = cover(torch.from_numpy(spoken), powers, rng).numpy()
    peak = 10 ** (rng.uniform(-30, -1, (len(words), 1)) / 20)
    spoken = spoken * (peak / np.abs(spoken).max(1, keepdims=True))
    waves = np.round(spoken * 32767).astype(np.float32) / 32768
    return np.where(np.arange(CLIP) < lengths[:, None], waves, 0), lengths


def cover(waves, powers, rng):
    """Room, colour, noise and telephone, all in the spectrum of the clip."""
    n, points = len(waves), CLIP + RATE // 2
    hertz = torch.fft.rfftfreq(points, 1 / RATE)
    octaves = (hertz.clamp(min=50) / 1000).log2()
    draw = lambda low, high: torch.from_numpy(rng.uniform(low, high, (n, 1))).float()

    # A room: noise that dies away within 50 to 400 ms after the direct sound.
    time_ = torch.arange(RATE // 2) / RATE
    tails = torch.from_numpy(rng.standard_normal((n, len(time_)), dtype=np.float32)) * torch.exp(-6.9 * time_ / draw(0.05, 0.4))
    tails *= torch.from_numpy(rng.random((n, 1)) < 0.4) * draw(0.05, 0.5) / tails.norm(dim=1, keepdim=True)
    tails[:, 0] += 1
    # A microphone: up to 2 dB an octave up or down, and a wave of up to 4 dB over frequency.
    decibels = draw(-2, 2) * octaves + draw(-4, 4) * torch.sin(draw(0.5, 1.5) * octaves + draw(0, 2 * np.pi))
    spectrum = torch.fft.rfft(waves, points) * torch.fft.rfft(tails, points) * 10 ** (decibels / 20)

    # Noise from white to brown, 10 to 45 dB below the word.
    noise = torch.fft.rfft(torch.from_numpy(rng.standard_normal((n, points), dtype=np.float32)))
    noise *= 2 ** (-draw(0, 1) * octaves)
    level = torch.from_numpy(powers[:, None]).float().sqrt() * 10 ** (-draw(10, 45) / 20)
    spectrum += noise * (level * points / (2 * noise.abs().square().sum(1, keepdim=True)).sqrt())

    # Four in ten come by telephone.
    passed = (hertz > draw(150, 350)) & (hertz < draw(3200, 3900))
    passed |= torch.from_numpy(rng.random((n, 1)) < 0.6)
    return torch.fft.irfft(spectrum * passed, points)[:, :CLIP]


FILTERS = torch.from_numpy(mel_filter_bank(
    num_frequency_bins=POINTS // 2 + 1, num_mel_filters=BINS, min_frequency=20, max_frequency=RATE // 2,
    sampling_rate=RATE, norm=None, mel_scale="kaldi", triangularize_in_mel_space=True)).float()
HANN = torch.from_numpy(window_function(WINDOW, "hann", periodic=False)).float()


def log_mel(waves, lengths):
    """What ASTFeatureExtractor makes of clips before it normalizes, [n, FRAMES, BINS], for all clips at once; frames
    beyond the length are 0."""
    frames = torch.from_numpy(waves).unfold(1, WINDOW, HOP)
    frames = frames - frames.mean(-1, keepdim=True)
    frames = torch.cat([frames[..., :1] * 0.03, frames[..., 1:] - 0.97 * frames[..., :-1]], -1) * HANN
    power = torch.fft.rfft(frames, POINTS).abs().square()
    values = (power @ FILTERS).clamp(min=2.0 ** -23).log()
    whole = 1 + (torch.from_numpy(lengths) - WINDOW) // HOP
    return values * (torch.arange(FRAMES) < whole[:, None])[..., None]


def mask(features, rng, bins=12, frames=20):
    """Features with a band of up to 12 bins and a stretch of up to 20 frames, of each clip, set to 0 (Park et al.,
    arXiv:1904.08779)."""
    out = features.copy()
    for clip in out:
        for axis, longest in ((clip.T, bins), (clip, frames)):
            width = rng.integers(0, longest + 1)
            start = rng.integers(0, len(axis) - width + 1)
            axis[start:start + width] = 0
    return out


def write_wav(path, samples):
    with wave.open(str(path), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(RATE)
        opened.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
