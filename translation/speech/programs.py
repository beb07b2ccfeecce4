"""Engines that are programs of the system: espeak-ng and pico2wave. A text is never an argument that could be an option."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from translation.speech.base import Samples, Sound, SpeechError, primary

WITHIN_S = 10.0
_PICO_VOICES = {"en": "en-GB", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}


class EspeakNg:
    """A hundred languages, robotic and at once."""

    name = "espeak-ng"

    def __init__(self) -> None:
        self._program = _found("espeak-ng")
        lines = _run([self._program, "--voices"], b"").decode("utf-8", "replace").splitlines()[1:]
        self._langs = frozenset(primary(line.split()[1]) for line in lines if len(line.split()) > 1)

    def langs(self) -> frozenset[str]:
        """What `espeak-ng --voices` lists."""
        return self._langs

    def speak(self, text: str, lang: str) -> Sound:
        """By standard input and output."""
        return read_wav(_run([self._program, "-v", lang, "-b", "1", "--stdin", "--stdout"], text.encode()))


class Pico2Wave:
    """SVOX Pico: five languages."""

    name = "pico2wave"

    def __init__(self) -> None:
        self._program = _found("pico2wave")

    def langs(self) -> frozenset[str]:
        """Those whose voices come with it."""
        return frozenset(_PICO_VOICES)

    def speak(self, text: str, lang: str) -> Sound:
        """It writes files only."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "said.wav"
            _run([self._program, "-l", _PICO_VOICES[lang], "-w", str(path), "--", text], b"")
            try:
                return read_wav(path.read_bytes())
            except OSError as error:
                raise SpeechError("failed") from error


def read_wav(data: bytes) -> Sound:
    """16 bit PCM, mono. Raises SpeechError."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getsampwidth(), file.getnchannels()) != (2, 1):
                raise SpeechError("failed")
            frames = file.readframes(len(data))  # a pipe's header says an absurd length
            return Sound(_samples(frames), file.getframerate())
    except (wave.Error, EOFError) as error:
        raise SpeechError("failed") from error


def _samples(frames: bytes) -> Samples:
    return np.frombuffer(frames[: len(frames) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise SpeechError("no_voice")
    return path


def _run(command: list[str], given: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=WITHIN_S, check=True)
    except subprocess.TimeoutExpired as error:
        raise SpeechError("timeout") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise SpeechError("failed") from error
    return done.stdout
