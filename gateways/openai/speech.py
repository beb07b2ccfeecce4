"""What a client chose, as the shared session takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.conf import settings

from asr.stream_options import AUTO_LANG, StreamOptions
from gateways.openai.refusals import Refusal
from gateways.openai.settings import SessionSettings
from rooms.errors import BadInput

DEFAULT_PAUSE_MS: Final = 640
SHORTEST_PAUSE_MS: Final = 200


def source_lang(language: str | None, languages: Sequence[str] = ()) -> str:
    """`en-US` is `en`; without a word, or with several, it is found from the first speech. Raises Refusal."""
    codes = {code.partition("-")[0].lower() for code in ([language] if language else languages)}
    if not codes <= set(settings.ENV.source_langs):
        raise Refusal("unsupported_language", param="language")
    return codes.pop() if len(codes) == 1 else AUTO_LANG


def chosen(session: SessionSettings) -> tuple[str, StreamOptions]:
    """The language and the options of its speech. Raises Refusal."""
    said = session.transcription
    pause_ms = None
    if session.input.turn_detection is not None:
        wanted_ms = session.input.turn_detection.silence_duration_ms
        pause_ms = DEFAULT_PAUSE_MS if wanted_ms is None else max(wanted_ms, SHORTEST_PAUSE_MS)
    try:
        options = StreamOptions(
            prompt=said.prompt or "", keywords=tuple(said.keywords or ()), pause_ms=pause_ms
        )
    except BadInput as error:
        raise Refusal("invalid_value", param=str(error.parameters.get("option", "prompt"))) from None
    return source_lang(said.language, said.languages or ()), options
