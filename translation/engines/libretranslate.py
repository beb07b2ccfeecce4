"""LibreTranslate over HTTP: `GET /languages`, `POST /translate` with a list of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from translation.engines import codes
from translation.engines.base import GARBAGE, WRONG_COUNT, EngineError, Pair
from translation.engines.http import Address, JsonServer


class LibreTranslate:
    """Codes are mapped to what the server calls its languages."""

    name = "libretranslate"
    remote = True

    def __init__(self, address: Address) -> None:
        self._server = JsonServer(address)
        self._api_key = address.api_key
        self._known: frozenset[str] = frozenset()

    def languages(self) -> frozenset[Pair]:
        """Every pair that the server lists; a language's targets include itself there, not here."""
        rows = self._server.ask("GET", "/languages")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise EngineError(GARBAGE)
        listed = [row.get("code") for row in rows]
        pairs = [
            (row.get("code"), target)
            for row in rows
            for target in (row["targets"] if isinstance(row.get("targets"), list) else listed)
        ]
        known = {code for pair in pairs for code in pair if isinstance(code, str)}
        if not known:
            raise EngineError(GARBAGE)
        self._known = frozenset(known)
        return codes.canonical_pairs((str(one), str(other)) for one, other in pairs)

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """One request for all texts."""
        if not self._known:
            self.languages()
        body: dict[str, Any] = {
            "q": list(texts),
            "source": codes.native(source, self._known) or source,
            "target": codes.native(target, self._known) or target,
            "format": "text",
        }
        if self._api_key:
            body["api_key"] = self._api_key
        answer = self._server.ask("POST", "/translate", body)
        translated = answer.get("translatedText") if isinstance(answer, dict) else None
        if isinstance(translated, str) and len(texts) == 1:
            translated = [translated]
        if not isinstance(translated, list) or not all(isinstance(text, str) for text in translated):
            raise EngineError(GARBAGE)
        if len(translated) != len(texts):
            raise EngineError(WRONG_COUNT)
        return translated
