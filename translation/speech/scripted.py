"""A scripted voice: no model; a tone that lasts as long as its text would. For tests, and says so in its name."""

from __future__ import annotations

import os
import time

import numpy as np

from translation.speech.base import Sound, SpeechError

RATE_HZ = 16_000
CHAR_S = 0.06
LANGS = ("de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "uk", "zh")


class ScriptedVoice:
    """Words in the text make it behave: `slowly` takes 2 s, `faultily` fails, `fatally` ends the process, `endlessly` hangs."""

    name = "scripted"

    def langs(self) -> frozenset[str]:
        """A dozen, those of the scripted translation engine."""
        return frozenset(LANGS)

    def speak(self, text: str, lang: str) -> Sound:
        """A tone."""
        if "slowly" in text:
            time.sleep(2.0)
        if "endlessly" in text:
            time.sleep(3600.0)
        if "faultily" in text:
            raise SpeechError("failed")
        if "fatally" in text:
            os._exit(1)
        at = np.arange(int(len(text) * CHAR_S * RATE_HZ), dtype=np.float32) / RATE_HZ
        return Sound((0.1 * np.sin(2 * np.pi * 440 * at)).astype(np.float32), RATE_HZ)
