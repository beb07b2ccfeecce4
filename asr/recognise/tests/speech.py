"""Real speech and real noise for tests that need the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr import weights
from asr.audio.samples import SAMPLE_RATE_HZ, Samples
from asr.recognise.whisper import Whisper
from ops.measure.talk import Talk, load_talk

ROOT = Path(__file__).resolve().parents[3]
SPEECH = ROOT.parent / "shared" / "speech"
NOISE_S = 60
_loaded: list[Whisper] = []


def whisper() -> Whisper:
    """The base model, loaded once for all tests; fetched if need be."""
    if not _loaded:
        path = weights.find_or_fetch("base", cache_dir=ROOT / "var" / "models")
        _loaded.append(Whisper.load(path, threads=1))
    return _loaded[0]


def talk(name: str) -> Talk:
    """A development talk; the test is skipped, and says so, where the talks are not beside the checkout."""
    path = SPEECH / f"{name}.json"
    if not path.exists():
        pytest.skip(f"NEEDS ../shared/speech/{name}.json, which is not beside this checkout")
    return load_talk(path)


def silence() -> Samples:
    """Digital silence."""
    return np.zeros(NOISE_S * SAMPLE_RATE_HZ, dtype=np.float32)


def white_noise() -> Samples:
    """White noise at a loud level."""
    return np.random.default_rng(2).normal(0, 0.1, NOISE_S * SAMPLE_RATE_HZ).astype(np.float32)


def tone() -> Samples:
    """A tone of 440 Hz."""
    at = np.arange(NOISE_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)


def applause() -> Samples:
    """Thousands of claps: short decaying bursts of noise at random times."""
    random = np.random.default_rng(3)
    sound = np.zeros(NOISE_S * SAMPLE_RATE_HZ + 800, dtype=np.float32)
    clap = np.exp(-np.arange(800) / 120)
    for at in random.integers(0, NOISE_S * SAMPLE_RATE_HZ, 6000):
        sound[at : at + 800] += (random.normal(0, 0.05, 800) * clap).astype(np.float32)
    return sound[: NOISE_S * SAMPLE_RATE_HZ]


def breathing() -> Samples:
    """Low noise that swells and fades every three seconds."""
    at = np.arange(NOISE_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(4).normal(0, 0.02, len(at))
    smooth = np.convolve(noise, np.ones(8) / 8, mode="same")
    return (smooth * np.maximum(0, np.sin(2 * np.pi * at / 3)) ** 2).astype(np.float32)


def speech_shaped_noise() -> Samples:
    """Noise with the spectrum of speech, swelling at the rate of syllables: babble without a voice."""
    random = np.random.default_rng(5)
    count = NOISE_S * SAMPLE_RATE_HZ
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    shaped = np.fft.irfft(spectrum / (1 + (hz / 500) ** 2), count)
    at = np.arange(count) / SAMPLE_RATE_HZ
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * at + 3 * np.sin(2 * np.pi * 0.3 * at))
    return (0.1 * shaped / np.abs(shaped).std() * swell).astype(np.float32)


def babble(speech: Samples, voices: int = 24) -> Samples:
    """Many voices at once: the talk over itself at many places, half of them backwards."""
    random = np.random.default_rng(6)
    mixed = np.zeros(NOISE_S * SAMPLE_RATE_HZ, dtype=np.float32)
    for voice in range(voices):
        at = int(random.integers(0, len(speech) - len(mixed)))
        piece = speech[at : at + len(mixed)]
        mixed += piece[::-1] if voice % 2 else piece
    return (0.15 * mixed / mixed.std() / 3).astype(np.float32)
