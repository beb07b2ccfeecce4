"""What disturbs speech, made by arithmetic: noise, voices, music, applause, another speed. Pure; the same seed gives the same sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.audio.samples import SAMPLE_RATE_HZ, Samples

from .talk import Talk

FRAME_SAMPLES = 512
ACTIVE_BELOW_PEAK_DB = (
    25.0  # frames weaker than this below the loud ones are pauses, and do not count for the level of speech
)
LOUD_PERCENTILE = 95
CLAP_SAMPLES = 800
CLAPS_PER_S = 100
CHORD_S = 1.5
CHORDS = ((0, 4, 7, 12), (9, 12, 16, 21), (5, 9, 12, 17), (7, 11, 14, 19))  # semitones above the key's note
KEY_HZ = 130.8
TELEPHONE_HZ = (300.0, 3400.0)
REVERBERATION_S = 0.4
FIRST_ECHO_S = 0.005
ECHOES = 0.5


def pink_noise(count: int, random: np.random.Generator) -> Samples:
    """Noise with as much power in each octave."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    return _unit(np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 20.0)), count))


def babble(voices: Sequence[Samples], count: int, random: np.random.Generator, many: int = 16) -> Samples:
    """Many voices at once: the recordings over each other, each from anywhere, every other one backwards."""
    mixed = np.zeros(count)
    for number in range(many):
        voice = _unit(looped(voices[number % len(voices)], count, random))
        mixed += voice[::-1] if number % 2 else voice
    return _unit(mixed)


def looped(voice: Samples, count: int, random: np.random.Generator) -> Samples:
    """A recording from a random place on, again and again."""
    return np.resize(np.roll(voice, -int(random.integers(len(voice)))), count)


def music(count: int, random: np.random.Generator) -> Samples:
    """Chords, four notes with overtones and a fading touch, and a tune above them."""
    length = round(CHORD_S * SAMPLE_RATE_HZ)
    chords: list[Samples] = []
    for number in range(count // length + 1):
        notes = CHORDS[number % len(CHORDS)]
        sound = sum(_note(note, length) for note in notes)
        tune = [_note(int(random.choice(notes)) + 12, length // 3) for _ in range(3)]
        chords.append((sound + np.concatenate(tune)).astype(np.float32))
    return _unit(np.concatenate(chords)[:count])


def applause(count: int, random: np.random.Generator) -> Samples:
    """A hundred claps a second: short fading bursts of noise at random times."""
    sound = np.zeros(count + CLAP_SAMPLES)
    fading = np.exp(-np.arange(CLAP_SAMPLES) / (CLAP_SAMPLES / 6))
    for at in random.integers(0, count, count * CLAPS_PER_S // SAMPLE_RATE_HZ):
        sound[at : at + CLAP_SAMPLES] += random.normal(0, 1, CLAP_SAMPLES) * fading
    return _unit(sound[:count])


def mixed(talk: Talk, disturbance: Samples, snr_db: float) -> Talk:
    """The talk with something beside it, so many dB weaker than the speech while it is spoken; nothing clips."""
    gain = speech_level(talk.samples) / (float(np.sqrt(np.mean(np.square(disturbance)))) or 1.0)
    both = talk.samples + disturbance * (gain * 10 ** (-snr_db / 20))
    peak = max(1.0, float(np.abs(both).max()))
    return replace(talk, samples=(both / peak).astype(np.float32))


def speech_level(samples: Samples) -> float:
    """Root mean square of the frames in which there is speech, told by their loudness."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.mean(np.square(frames), axis=1)
    loud = np.percentile(power, LOUD_PERCENTILE)
    return float(np.sqrt(power[power >= loud * 10 ** (-ACTIVE_BELOW_PEAK_DB / 10)].mean()))


def at_speed(talk: Talk, factor: float) -> Talk:
    """The talk as a tape that runs faster or slower, pitch and all; words and pauses keep their place in it."""
    count = round(len(talk.samples) / factor)
    spectrum = np.fft.rfft(talk.samples)
    kept = np.zeros(count // 2 + 1, dtype=spectrum.dtype)
    kept[: min(len(kept), len(spectrum))] = spectrum[: len(kept)]
    samples = (np.fft.irfft(kept, count) / factor).astype(np.float32)
    return replace(
        talk,
        samples=samples,
        words=tuple(
            replace(word, start_ms=round(word.start_ms / factor), end_ms=round(word.end_ms / factor))
            for word in talk.words
        ),
        nonspeech_ms=tuple((round(start / factor), round(end / factor)) for start, end in talk.nonspeech_ms),
    )


def telephone(samples: Samples) -> Samples:
    """As a telephone passes it on: 300 to 3,400 Hz."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < TELEPHONE_HZ[0]) | (hz > TELEPHONE_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def reverberant(samples: Samples, random: np.random.Generator) -> Samples:
    """As a microphone on the table hears it in a hard room: the echoes are half as strong as the speech, and fade by 60 dB in 0.4 s."""
    at_s = np.arange(round(REVERBERATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    echoes = random.normal(0, 1, len(at_s)) * 1000 ** (-at_s / REVERBERATION_S)
    echoes[at_s < FIRST_ECHO_S] = 0
    echoes *= ECHOES / np.sqrt(np.sum(np.square(echoes)))
    echoes[0] = 1
    size = len(samples) + len(echoes)
    sound = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echoes, size), size)[: len(samples)]
    return (sound / max(1.0, float(np.abs(sound).max()))).astype(np.float32)


def _note(semitones: int, length: int) -> Samples:
    """A note that fades, with four overtones."""
    at_s = np.arange(length) / SAMPLE_RATE_HZ
    hz = KEY_HZ * 2 ** (semitones / 12)
    sound = sum(np.sin(2 * np.pi * hz * overtone * at_s) / overtone**1.5 for overtone in range(1, 6))
    return np.asarray(sound * np.exp(-2 * at_s) * np.minimum(1, at_s / 0.01), dtype=np.float32)


def _unit(samples: NDArray[np.floating[Any]]) -> Samples:
    """As loud as 1 on the mean."""
    return (samples / (float(np.sqrt(np.mean(np.square(samples)))) or 1.0)).astype(np.float32)
