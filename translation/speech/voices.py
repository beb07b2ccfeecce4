"""The engines that are installed, in order of preference; for each language the first that speaks it is used. No Django."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from translation.speech.base import LONGEST_CHARS, LONGEST_S, Sound, SpeechEngine, SpeechError, primary
from translation.speech.hibari import Hibari
from translation.speech.piper import Piper
from translation.speech.programs import EspeakNg, Pico2Wave
from translation.speech.scripted import ScriptedVoice

INSTALLED: Final = ("piper", "hibari", "espeak-ng", "pico2wave")  # the best voices first
NONE: Final = "none"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What the settings say; `names` empty: every engine that is installed."""

    names: tuple[str, ...] = ()
    voice_dir: str = ""

    def as_json(self) -> str:
        """For the command line of the process that speaks."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """As `as_json` wrote it."""
        said = json.loads(text)
        return cls(tuple(said["names"]), str(said["voice_dir"]))


class Voices:
    """Those of one process."""

    def __init__(self, engines: Sequence[SpeechEngine]) -> None:
        self._engines: dict[str, SpeechEngine] = {}
        for engine in engines:
            for lang in engine.langs():
                self._engines.setdefault(lang, engine)

    @property
    def langs(self) -> frozenset[str]:
        """That can be spoken; two letters each."""
        return frozenset(self._engines)

    def speak(self, text: str, lang: str) -> Sound:
        """Raises SpeechError."""
        engine = self._engines.get(primary(lang))
        if engine is None:
            raise SpeechError("no_voice")
        if len(text) > LONGEST_CHARS:
            raise SpeechError("too_long")
        sound = engine.speak(text, primary(lang))
        if sound.ms > LONGEST_S * 1000:
            raise SpeechError("too_long")
        return sound


def installed(chosen: VoiceSettings) -> list[SpeechEngine]:
    """The engines; one that was named and is not installed is missing, which is logged."""
    folder = Path(chosen.voice_dir) if chosen.voice_dir else None
    makers: dict[str, Callable[[], SpeechEngine]] = {
        "piper": lambda: Piper(folder),
        "hibari": Hibari,
        "espeak-ng": EspeakNg,
        "pico2wave": Pico2Wave,
        "scripted": ScriptedVoice,
    }
    engines = []
    for name in chosen.names or INSTALLED:
        if name == NONE:
            continue
        try:
            engines.append(makers[name]())
        except KeyError:
            logger.warning("speech engine unknown", extra={"engine": name})
        except SpeechError as error:
            if chosen.names:
                logger.warning("speech engine not installed", extra={"engine": name, "code": error.code})
    return engines
