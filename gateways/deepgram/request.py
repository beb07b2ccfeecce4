"""What a client asks for in the query, checked: the audio's format, the language, which messages it wants. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from pydantic import ValidationError

from asr.audio.pcm import RATES_HZ, Encoding, RawFormat
from gateways.deepgram.results import PAUSE_MS, ResultOptions
from gateways.deepgram.wire import ListenQuery
from rooms.errors import BadInput

QUERY_FIELDS_MOST: Final = 256
PAUSE_MS_LEAST, PAUSE_MS_MOST = 300, 2000  # what a client's `endpointing` may be
RAW: Final[Mapping[str, Encoding]] = {
    "linear16": "s16le",
    "linear32": "f32le",
    "mulaw": "mulaw",
    "alaw": "alaw",
}
TELEPHONE_HZ: Final = 8_000
# What would take something out of the text, or send it elsewhere, must not be left out silently. What only adds is.
NOT_DONE: Final = ("callback", "profanity_filter", "redact", "replace")
ANY_LANG: Final = ("multi", "auto")
_BOOST = re.compile(r":[0-9.]+$")
_NO_BOOST = re.compile(r":-[0-9.]+$")


@dataclass(frozen=True, slots=True)
class Listen:
    """A stream as it was asked for.

    `lang` "": whatever is heard. `raw`: what the bytes are; None: they say so themselves (WebM, Ogg, WAV), or each message is a
    packet of Opus (`opus_packets`). `separate`: each of the raw format's channels is a speaker. `terms`: words to be expected.
    """

    lang: str
    results: ResultOptions
    raw: RawFormat | None = None
    opus_packets: bool = False
    separate: bool = False
    terms: tuple[str, ...] = ()
    consent: bool = False

    @property
    def channels(self) -> int:
        """How many the Results speak of."""
        return self.raw.channels if self.separate and self.raw is not None else 1


def parse(query: bytes) -> Listen:
    """Raises BadInput."""
    try:
        values = parse_qs(query.decode(), max_num_fields=QUERY_FIELDS_MOST)
    except ValueError:
        raise BadInput("query") from None
    for name in NOT_DONE:
        if values.get(name, ["false"])[-1].lower() != "false":
            raise BadInput("not_done", parameter=name)
    asked = _checked(values)
    raw, lang = _raw_format(asked), _language(asked)
    if asked.multichannel and raw is None:
        raise BadInput("multichannel_is_raw")
    return Listen(
        lang,
        ResultOptions(
            interim=asked.interim_results,
            endpointing=asked.endpointing is not False,
            utterance_end_ms=asked.utterance_end_ms,
            vad_events=asked.vad_events,
            punctuated=asked.punctuate or asked.smart_format or asked.dictation,
            languages=not lang,
            pause_ms=_pause_ms(asked.endpointing),
        ),
        raw=raw,
        opus_packets=asked.encoding == "opus",
        separate=asked.multichannel and asked.channels > 1,
        terms=_terms(asked),
        consent=asked.consent,
    )


def _checked(values: Mapping[str, Sequence[str]]) -> ListenQuery:
    lists = ("keywords", "keyterm")
    given: dict[str, Any] = {name: all if name in lists else all[-1] for name, all in values.items()}
    try:
        return ListenQuery.model_validate(given)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise BadInput("encoding" if name == "encoding" else "parameter", parameter=name) from None


def _raw_format(asked: ListenQuery) -> RawFormat | None:
    """None: a container, or packets of Opus."""
    encoding = RAW.get(asked.encoding or "")
    if encoding is None:
        return None
    telephone = asked.encoding in ("mulaw", "alaw")
    rate_hz = asked.sample_rate or (TELEPHONE_HZ if telephone else 0)
    if not rate_hz:
        raise BadInput("sample_rate_missing")
    if rate_hz not in RATES_HZ:
        raise BadInput("sample_rate")
    return RawFormat(encoding, rate_hz, asked.channels)


def _language(asked: ListenQuery) -> str:
    """`en-US` is `en`; `multi` is whatever is spoken."""
    lang = asked.language.lower()
    if lang in ANY_LANG or (not lang and asked.detect_language):
        return ""
    return lang.partition("-")[0] or "en"


def _pause_ms(endpointing: bool | int) -> int:
    """A client's number, within what speech can be recognised by."""
    if isinstance(endpointing, bool):
        return PAUSE_MS
    return max(PAUSE_MS_LEAST, min(PAUSE_MS_MOST, endpointing))


def _terms(asked: ListenQuery) -> tuple[str, ...]:
    """`keywords=word:5` and `keyterm=some words`; a negative boost asks for fewer of them, which is not done."""
    words = [_BOOST.sub("", text) for text in asked.keywords if not _NO_BOOST.search(text)]
    terms = [term.strip() for term in (*words, *asked.keyterm)]
    return tuple(dict.fromkeys(filter(None, terms)))
