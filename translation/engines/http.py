"""JSON over HTTP with an engine that may be slow, away or hostile: bounded in time and in size, every trouble one word."""

from __future__ import annotations

import email.utils
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from translation.engines.base import (
    BUSY,
    FAILED,
    FORBIDDEN,
    GARBAGE,
    REFUSED,
    TIMEOUT,
    UNREACHABLE,
    EngineError,
)

CONNECT_S = 2.0
MOST_BYTES = 4_000_000
RETRY_AFTER_MOST_S = 600.0
_BY_STATUS = {400: REFUSED, 403: FORBIDDEN, 401: FORBIDDEN, 429: BUSY}


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine is, its key if it wants one, and how long an answer may take, whole."""

    url: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 5.0


class JsonServer:
    """Keeps connections open, one session a thread."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        self._threads = threading.local()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What it answered. Raises EngineError."""
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
            session.headers.update(self._headers)
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
