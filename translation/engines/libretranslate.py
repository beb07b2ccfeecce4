"""LibreTranslate over HTTP: `GET /languages`, `POST /translate` with a list of texts."""

from __future__ import annotations

import email.utils
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from translation.engines import codes
from translation.engines.base import (
    BUSY,
    FAILED,
    FORBIDDEN,
    GARBAGE,
    REFUSED,
    TIMEOUT,
    UNREACHABLE,
    WRONG_COUNT,
    EngineError,
    Pair,
)

CONNECT_S = 2.0
MOST_BYTES = 4_000_000
RETRY_AFTER_MOST_S = 600.0
_BY_STATUS = {400: REFUSED, 403: FORBIDDEN, 401: FORBIDDEN, 429: BUSY}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a LibreTranslate is, its key if it wants one, and how long an answer may take, whole."""

    url: str
    api_key: str = ""
    timeout_s: float = 5.0


class LibreTranslate:
    """Keeps connections open, one session a thread. Codes are mapped to what the server calls its languages."""

    name = "libretranslate"
    remote = True

    def __init__(self, address: Address) -> None:
        self._address = address
        self._threads = threading.local()
        self._known: frozenset[str] = frozenset()

    def languages(self) -> frozenset[Pair]:
        """Every pair that the server lists; a language's targets include itself there, not here."""
        rows = self._ask("GET", "/languages", None)
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
        if self._address.api_key:
            body["api_key"] = self._address.api_key
        answer = self._ask("POST", "/translate", body)
        translated = answer.get("translatedText") if isinstance(answer, dict) else None
        if isinstance(translated, str) and len(texts) == 1:
            translated = [translated]
        if not isinstance(translated, list) or not all(isinstance(text, str) for text in translated):
            raise EngineError(GARBAGE)
        if len(translated) != len(texts):
            raise EngineError(WRONG_COUNT)
        return translated

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        until = time.monotonic() + self._address.timeout_s
        try:
            with self._session().request(
                method, self._address.url.rstrip("/") + path, json=body, stream=True, allow_redirects=False,
                timeout=(CONNECT_S, self._address.timeout_s),
            ) as response:  # fmt: skip
                if response.status_code != requests.codes.ok:
                    raise _refusal(response.status_code, response.headers.get("Retry-After", ""))
                return json.loads(_read(response, until))
        except (requests.Timeout, ReadTimeoutError) as error:
            raise EngineError(TIMEOUT) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise EngineError(UNREACHABLE) from error
        except (ValueError, RecursionError) as error:
            raise EngineError(GARBAGE) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = requests.Session()
            session.headers["Accept-Encoding"] = "identity"
        return session


def _refusal(status: int, retry_after: str) -> EngineError:
    """An answer that is no translation. Who says when to come back is busy, whatever its status."""
    retry_after_s = _retry_after_s(retry_after)
    code = _BY_STATUS.get(status, BUSY if retry_after_s is not None else FAILED)
    return EngineError(code, retry_after_s=retry_after_s if code == BUSY else None)


def _retry_after_s(value: str) -> float | None:
    """RFC 9110, 10.2.3: seconds or a date; bounded, because a server might say anything."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            at = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MOST_S)


def _read(response: requests.Response, until: float) -> bytes:
    """The body, bounded in size and in time: a server that drips would hold a worker for ever."""
    body = bytearray()
    while block := response.raw.read1(65536):  # what has come, not all that was asked for
        body += block
        if len(body) > MOST_BYTES:
            raise EngineError(GARBAGE)
        if time.monotonic() > until:
            raise EngineError(TIMEOUT)
    return bytes(body)
