"""Where the schedule's bytes come from: a web address or a local file."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from rooms.errors import BadInput, DomainError
from rooms.schedule import MAX_BYTES

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
TOTAL_TIMEOUT_S = 60.0
MAX_REDIRECTS = 5
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said about a version of the schedule, to be asked "still the same?" with."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The schedule's bytes; None: not changed since the validators given."""

    data: bytes | None
    validators: Validators


def fetch(source: str, known: Validators, *, clock: Callable[[], float] = time.monotonic) -> Fetched:
    """Read an http(s) address or a local file, at most MAX_BYTES of it.

    Raises BadInput for what is neither or too large, DomainError "schedule_unreachable" when it cannot be read.
    """
    scheme, separator, _ = source.partition("://")
    if not separator:
        return _from_file(Path(source), known)
    if scheme.lower() not in ("http", "https"):
        raise BadInput("bad_schedule_source")
    try:
        return _from_web(source, known, deadline=clock() + TOTAL_TIMEOUT_S, clock=clock)
    except requests.RequestException as error:
        raise _unreachable(type(error).__name__) from error


def _from_file(path: Path, known: Validators) -> Fetched:
    try:
        if not path.is_file():
            raise _unreachable("no such file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreachable(type(error).__name__) from error
    _check_size(data)
    validators = Validators(etag=hashlib.sha256(data).hexdigest())
    return Fetched(None if validators == known else data, validators)


def _from_web(url: str, known: Validators, *, deadline: float, clock: Callable[[], float]) -> Fetched:
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    with requests.Session() as session:
        session.max_redirects = MAX_REDIRECTS
        response = session.get(
            url,
            headers={name: value for name, value in headers.items() if value},
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            stream=True,
        )
        with response:
            if response.status_code == requests.codes.not_modified:
                return Fetched(None, known)
            if response.status_code != requests.codes.ok:
                raise _unreachable(f"HTTP status {response.status_code}")
            data = bytearray()
            for piece in response.iter_content(PIECE_BYTES):
                data += piece
                _check_size(data)
                if clock() > deadline:
                    raise _unreachable(f"took longer than {TOTAL_TIMEOUT_S:.0f} s")
            validators = Validators(
                response.headers.get("ETag", "")[:500], response.headers.get("Last-Modified", "")[:100]
            )
            return Fetched(bytes(data), validators)


def _check_size(data: bytes | bytearray) -> None:
    if len(data) > MAX_BYTES:
        raise BadInput("schedule_too_large", max_bytes=MAX_BYTES)


def _unreachable(why: str) -> DomainError:
    return DomainError("schedule_unreachable", problem=why, retry=True)
