"""The process that speaks: `python -m translation.speech.child SETTINGS`. One JSON line in, one line and its MP3 out.

In: {"text", "lang"}. Out, first of all: {"langs": [...]}; then for each line {"bytes": n, "ms": n} and so many bytes, or
{"error": code}. An empty text loads the voice and says nothing. It ends when its standard input does: whoever began it is gone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from typing import BinaryIO

from translation.speech.base import SpeechError
from translation.speech.mp3 import encode
from translation.speech.voices import Voices, VoiceSettings, installed

NICE = 5  # recognition and captions go first
WARMING = "One, two."  # what a voice says to nobody to be loaded
logger = logging.getLogger(__name__)


def main() -> None:
    """Until standard input ends."""
    os.nice(NICE)
    answers = _own_output()
    voices = Voices(installed(VoiceSettings.from_json(sys.argv[1])))
    _write(answers, {"langs": sorted(voices.langs)})
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        said, sound = _answer(voices, asked["text"], asked["lang"])
        _write(answers, said, sound)


def _answer(voices: Voices, text: str, lang: str) -> tuple[dict[str, object], bytes]:
    try:
        sound = voices.speak(text or WARMING, lang)
        data = encode(sound) if text else b""
        return {"bytes": len(data), "ms": sound.ms if text else 0}, data
    except SpeechError as error:
        return {"error": error.code}, b""
    except Exception:
        logger.exception("text not spoken")
        return {"error": "failed"}, b""


def _write(answers: BinaryIO, said: dict[str, object], sound: bytes = b"") -> None:
    answers.write(json.dumps(said).encode() + b"\n" + sound)
    answers.flush()


def _own_output() -> BinaryIO:
    """Standard output for answers alone: what a library prints goes to the log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # whoever began it is gone
        main()
