"""The native captions through a fan-out engine: what is published goes to Centrifugo's HTTP API, too (docs/fan-out.md).

Channels: `captions:ROOM` (state, delays) and `captions:ROOM.LANG` (sentence, removed, partial, draft of one track). The messages are those
of the native wire; by their versions a reader knows what it missed, and reads it from `GET /captions/ROOM/events?after=…`.

A thread of each process sends; who commits never waits for it. What is not taken in time is dropped: to a reader that is a gap.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import requests
from django.db import Error as DatabaseError
from django.db import connections

from gateways.captions import messages, wire
from rooms.selectors import code_of
from transcripts.events import Delays, Draft, Event, Partial, SentenceChanged, SentenceRemoved, StateChanged
from transcripts.models import RoomState

NAMESPACE: Final = "captions"
BATCH_MOST, QUEUED_MOST = 100, 5_000
WITHIN_S: Final = 2.0  # to connect, and to be answered
CODES_MOST: Final = 10_000
Told = SentenceChanged | SentenceRemoved | Partial | Draft | Delays | StateChanged
logger = logging.getLogger(__name__)


class Engine:
    """One a process; a fork begins with an empty one. `url`: Centrifugo's, without /api."""

    _condition: threading.Condition
    _waiting: deque[tuple[int, Told]]
    _sending: bool
    _thread: threading.Thread | None

    def __init__(self, url: str, key: str) -> None:
        self._address = f"{url.rstrip('/')}/api/batch"
        self._headers = {"X-API-Key": key, "Content-Type": "application/json"}
        self._codes: dict[int, str] = {}
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def publish(self, room_id: int, events: Sequence[Event]) -> None:
        """Have these events sent, as far as the audience may see them. Returns at once; the oldest go where too many wait."""
        told = [(room_id, event) for event in events if isinstance(event, Told)]
        if not told:
            return
        with self._condition:
            self._waiting.extend(told)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="fan-out", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def flush(self, within_s: float) -> bool:
        """Wait until what was published is sent or given up; False: not in this time."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._waiting and not self._sending, within_s)

    def _reset(self) -> None:
        self._condition = threading.Condition()
        self._waiting = deque(maxlen=QUEUED_MOST)
        self._sending = False
        self._thread = None

    def _run(self) -> None:
        with requests.Session() as session:
            session.headers.update(self._headers)
            while True:
                with self._condition:
                    self._sending = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._waiting)
                    batch = [self._waiting.popleft() for _ in range(min(BATCH_MOST, len(self._waiting)))]
                    self._sending = True
                self._send(session, batch)

    def _send(self, session: requests.Session, batch: Sequence[tuple[int, Told]]) -> None:
        try:
            commands = [
                {"publish": {"channel": _channel(code, event), "data": _data(event), "skip_history": True}}
                for room_id, event in newest_only(batch)
                if (code := self._code(room_id))
            ]
            answer = session.post(
                self._address, data=json.dumps({"commands": commands, "parallel": False}), timeout=WITHIN_S
            )
            answer.raise_for_status()
            refused = [reply["error"].get("code") for reply in answer.json()["replies"] if "error" in reply]
            if refused:
                logger.warning(
                    "fan-out engine refuses messages", extra={"messages": len(refused), "code": refused[0]}
                )
        except (requests.RequestException, DatabaseError) as error:
            fields = {"messages": len(batch), "error": type(error).__name__}
            logger.warning("captions not given to the fan-out engine", extra=fields)
        except Exception:
            # Whatever is wrong with it, or with an answer: the thread goes on, and readers notice by version.
            logger.exception("captions not given to the fan-out engine", extra={"messages": len(batch)})

    def _code(self, room_id: int) -> str:
        """A room's code never changes. Empty: it is gone."""
        if room_id not in self._codes:
            try:
                found = code_of(room_id)
            finally:
                connections.close_all()
            if not found:
                return ""
            if len(self._codes) >= CODES_MOST:
                self._codes.clear()
            self._codes[room_id] = found
        return self._codes[room_id]


def newest_only(batch: Sequence[tuple[int, Told]]) -> list[tuple[int, Told]]:
    """Without what something behind it replaces: an unfinished text, delays, a state. What is durable stays, in order."""
    found: list[tuple[int, Told]] = []
    replaced = set()
    for room_id, event in reversed(batch):
        slot = (room_id, type(event), getattr(event, "lang", ""))
        durable = isinstance(event, SentenceChanged | SentenceRemoved)
        if durable or slot not in replaced:
            found.append((room_id, event))
        if not durable:
            replaced.add(slot)
    return found[::-1]


def _channel(code: str, event: Told) -> str:
    lang = getattr(event, "lang", "")
    return f"{NAMESPACE}:{code}.{lang}" if lang else f"{NAMESPACE}:{code}"


def _data(event: Told) -> Any:
    """The native wire's message."""
    if isinstance(event, SentenceChanged | SentenceRemoved):
        return json.loads(messages.durable(event))
    if isinstance(event, Partial):
        return json.loads(messages.partial(event))
    if isinstance(event, Draft):
        return json.loads(messages.draft(event))
    if isinstance(event, Delays):
        said = {"transcription_s": event.transcription_s, "translation_s": event.translation_s}
        return json.loads(messages.delays({name: value for name, value in said.items() if value is not None}))
    left = None if event.grace_left_s is None else max(0, round(event.grace_left_s))
    state = {
        "state": messages.STATES[RoomState.Name(event.state)],
        "source_lang": event.source_lang,
        "grace_left_s": left,
    }
    return wire.State.model_validate(state).model_dump(mode="json", exclude_none=True)
