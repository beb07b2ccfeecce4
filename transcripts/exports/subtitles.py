"""Cues as SubRip and WebVTT files. Pure.

What was said may look like markup: in WebVTT it is escaped (W3C WebVTT 4.2.2), in SubRip, which has no escapes, it is
written so that no player takes it for a tag, a position or a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from transcripts.exports.cues import Cue
from transcripts.text import one_line

_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
_RLM, _RLE, _PDF = "\u200f", "\u202b", "\u202c"
_TAG = re.compile(r"<(?=[A-Za-z/!?])([^<>]*)>?")
_VTT_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def is_right_to_left(lang: str) -> bool:
    """Whether this language is written from right to left."""
    return lang.partition("-")[0] in _RIGHT_TO_LEFT


def srt(cues: Iterable[Cue], *, lang: str) -> Iterator[str]:
    """A SubRip file in pieces; players do not know its language, so text from right to left is embedded as such."""
    before, behind = (_RLE, _PDF) if is_right_to_left(lang) else ("", "")
    for number, cue in enumerate(cues, 1):
        lines = "\n".join(f"{before}{_plain(line)}{behind}" for line in cue.lines)
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        yield f"{number}\n{times}\n{lines}\n\n"


def vtt(cues: Iterable[Cue], *, lang: str) -> Iterator[str]:
    """A WebVTT file in pieces; the first character of a line decides its direction."""
    before = _RLM if is_right_to_left(lang) else ""
    yield "WEBVTT\n\n"
    for cue in cues:
        lines = "\n".join(before + _escaped(line) for line in cue.lines)
        voice = f"<v {_escaped(cue.voice)}>" if cue.voice else ""
        yield f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{voice}{lines}\n\n"


def _escaped(text: str) -> str:
    return "".join(_VTT_ESCAPES.get(char, char) for char in one_line(text))


def _plain(text: str) -> str:
    """Angle brackets of tags become others; a line is no time and no position."""
    text = _TAG.sub(r"‹\1›", one_line(text)).replace("-->", "→")
    return text.replace("{\\", "{ \\")


def _clock(ms: int, point: str) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"
