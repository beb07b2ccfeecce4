"""Piper: voices as files, `NAME.onnx` beside `NAME.onnx.json`, in the folder SPEECH_VOICE_DIR; needs `pip install piper-tts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from translation.speech.base import Sound, SpeechError, primary

MOST_VOICES = 64


class Piper:
    """The first voice of each language, in the order of their names; loaded on first use."""

    name = "piper"

    def __init__(self, folder: Path | None) -> None:
        try:
            from piper import PiperVoice
        except ImportError as error:
            raise SpeechError("no_voice") from error
        self._load = PiperVoice.load
        self._files = voice_files(folder) if folder else {}
        self._voices: dict[str, Any] = {}

    def langs(self) -> frozenset[str]:
        """Of the voices in the folder."""
        return frozenset(self._files)

    def speak(self, text: str, lang: str) -> Sound:
        """One text; Piper gives its sentences one by one."""
        try:
            voice = self._voices.get(lang)
            if voice is None:
                voice = self._voices[lang] = self._load(str(self._files[lang]))
            chunks = list(voice.synthesize(text))
            samples = [np.asarray(chunk.audio_float_array, dtype=np.float32) for chunk in chunks]
            return Sound(np.concatenate(samples), chunks[0].sample_rate)
        except Exception as error:  # whatever its phonemizer or the runtime raise
            raise SpeechError("failed") from error


def voice_files(folder: Path) -> dict[str, Path]:
    """Language → voice, by what the voices say of themselves."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.onnx"))[:MOST_VOICES]:
        try:
            said = json.loads(path.with_name(path.name + ".json").read_text("utf-8"))
            code = said["language"]["code"] if "language" in said else said["espeak"]["voice"]
            found.setdefault(primary(str(code)), path)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a voice
    return found
