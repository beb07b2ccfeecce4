"""A captioner's WebSocket: `WS /captions/{room}/type`, for who may host; signed in by the session of a page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from asr.rooms import pen
from asr.rooms.pen import PenLease, TypedSentence
from asr.rooms.presence import close_by_hand, renew_captioner
from asr.rooms.selectors import pen_holder
from asr.rooms.services import open_by_hand, recordable_room
from gateways.captions import typed
from gateways.captions.consumer import NOT_NOW, POLICY_VIOLATION, TOO_MANY_MESSAGES
from gateways.captions.typed import Asked, Typing
from gateways.captions.typist_wire import CloseRoom, Correct, Keep, Open, Release, Take, Undo
from gateways.common.consumer import SocketConsumer
from gateways.common.limits import TokenBucket
from gateways.common.origin import origin_allowed
from gateways.common.outbox import Close
from rooms.access import Identity
from rooms.database_threads import handshakes, reads, room_writes
from rooms.errors import BadInput, Conflict, DomainError, Unauthenticated
from rooms.web_session import identify_session
from transcripts.editing import SentencePlace
from transcripts.events import Event, Heard, PenChanged
from transcripts.hub import hub
from transcripts.live import room_group
from transcripts.revisions import Editor
from transcripts.services import PartTerms

MESSAGES_PER_S, MESSAGES_BURST = 15.0, 60.0  # a page sends five a second while somebody types
QUEUED_MOST = 64
SHOWN_EVERY_S = 0.2
YIELD_POLL_S = 0.1
LOOK_EVERY_S = 2.0  # who has the pen, where no event said so
logger = logging.getLogger(__name__)
T = TypeVar("T")


class TypistConsumer(SocketConsumer):
    """One captioner. Messages are worked off one after the other; of what is being typed only the newest counts.

    The pen is a lease in PostgreSQL: it is taken with the first thing that is typed, and a socket that ends gives
    nothing back. Its page comes back with the token, or the lease is over.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room_id = 0
        self._identity: Identity | None = None
        self._lease: PenLease | None = None
        self._token = ""  # of a lease that this page had
        self._is_signed_out = False
        self._alone = False  # nothing is heard in the room: a captioner opened it
        self._todo: deque[Asked] = deque()
        self._typing: Typing | None = None
        self._awake = asyncio.Event()
        self._changed = asyncio.Event()
        self._bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)
        self._tasks: list[asyncio.Task[None]] = []

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Note it; the work is done elsewhere."""
        if self._is_signed_out:
            return
        if not self._bucket.consume() or len(self._todo) >= QUEUED_MOST:
            self._outbox.close(TOO_MANY_MESSAGES)
            return
        try:
            asked = typed.message(text_data or "", now=timezone.now())
        except DomainError as error:
            await self._refuse(error)
            return
        if isinstance(asked, Typing):
            self._typing = asked
        else:
            if isinstance(asked, TypedSentence):
                self._typing = None  # what was unfinished is this sentence
            self._todo.append(asked)
        self._awake.set()

    async def _join(self) -> None:
        headers = dict(self.scope["headers"])
        if not origin_allowed(headers.get(b"origin", b"").decode("latin-1")):
            raise Unauthenticated("not_signed_in")
        key = self.scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME, "")
        self._identity = await handshakes(identify_session)(key)
        room = await handshakes(recordable_room)(self.scope["url_route"]["kwargs"]["room"])
        self._room_id = room.pk
        await hub().subscribe(room_group(room.pk), self._on_event)
        self._tasks = [self._work(self._work_off()), self._work(self._watch())]
        self._work(self._watch_login(partial(identify_session, key)))

    async def _leave(self) -> None:
        """What had come before the end is stored all the same."""
        self._awake.set()
        self._changed.set()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._room_id:
            await hub().unsubscribe(room_group(self._room_id), self._on_event)

    async def _refuse(self, error: Exception | None) -> None:
        if isinstance(error, Unauthenticated):
            self._is_signed_out = True  # nothing more is written, whether or not its client answers the close
        if isinstance(error, DomainError) and not error.retry:
            self._outbox.close(Close(POLICY_VIOLATION, error.code))
        else:
            self._outbox.close(NOT_NOW)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Heard):
            self._outbox.show(typed.heard(event.text), slot="heard")
        elif isinstance(event, PenChanged):
            self._changed.set()

    async def _watch(self) -> None:
        """Say who has the pen, and be there."""
        while not self._ended.is_set():
            with contextlib.suppress(DatabaseError):  # a lease ends by itself
                await self._show_holder()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            self._changed.clear()

    async def _show_holder(self) -> None:
        holder = await reads(pen_holder)(self._room_id)
        self._alone = await room_writes.of(self._room_id)(renew_captioner)(self._room_id)
        if holder is None:
            self._outbox.show(typed.pen("nobody", alone=self._alone), slot="pen")
        elif self._lease is not None and holder == (self._lease.pen_id, self._lease.token):
            self._outbox.show(typed.pen("you", self._lease.token, alone=self._alone), slot="pen")
        else:
            self._outbox.show(typed.pen("other", alone=self._alone), slot="pen")

    async def _work_off(self) -> None:
        while not self._ended.is_set():
            await self._awake.wait()
            self._awake.clear()
            while self._todo or (self._typing is not None and not self._ended.is_set()):
                if self._todo:
                    asked: Asked = self._todo.popleft()
                elif self._typing is not None:
                    asked, self._typing = self._typing, None
                await self._answer(asked)
                if isinstance(asked, Typing):
                    await asyncio.sleep(SHOWN_EVERY_S)

    async def _answer(self, asked: Asked) -> None:
        try:
            await self._do(asked)
        except DomainError as error:
            self._outbox.put(typed.refused(asked, error.code, retry=error.retry))
            self._changed.set()
        except (DatabaseError, OSError) as error:
            logger.warning("captioner waits", extra={"error": type(error).__name__})
            self._outbox.put(typed.refused(asked, "not_now", retry=True))

    async def _do(self, asked: Asked) -> None:
        match asked:
            case Take(token=token):
                self._token = token or self._token
                await self._take()
            case Typing(text, began_at):
                await self._with_pen(lambda lease: pen.show_typed(lease, text, began_at=began_at))
            case TypedSentence(sentence_id=sentence_id):
                row = await self._with_pen(lambda lease: pen.write_typed(lease, asked))
                self._outbox.put(typed.stored(sentence_id, part=row.part.number, index=row.index))
            case Keep():
                await self._with_pen(lambda lease: pen.renew_pen(lease, keeps=True))
            case Release():
                if self._lease is not None:
                    await room_writes.of(self._room_id)(pen.release_pen)(self._lease)
                    self._lease = None
            case Open(lang=lang, store=store, public=public):
                await self._open(lang, store=store, public=public)
            case CloseRoom():
                await room_writes.of(self._room_id)(close_by_hand)(self._room_id)
            case Undo(id=sentence_id):
                text = await room_writes.of(self._room_id)(pen.undo_typed)(
                    self._room_id, sentence_id, by=self._editor()
                )
                self._outbox.put(typed.undone(sentence_id, text))
            case Correct(part=part, index=index, upto=upto, version=version, text=text):
                place = SentencePlace(self._room_id, part, index, upto=upto)
                await room_writes.of(self._room_id)(pen.correct_spoken)(
                    place, text=text, seen_version=version, by=self._editor()
                )
                self._outbox.put(typed.corrected(part, index))

    async def _with_pen(self, write: Callable[[PenLease], T]) -> T:
        """Write with the pen: take it where it is not held (any more), and wait until the recogniser has made way."""
        taken = False
        while True:
            lease = self._lease
            if lease is None:
                lease, taken = await self._take(), True
            try:
                result: T = await room_writes.of(self._room_id)(write)(lease)
                return result
            except Conflict as refusal:
                if refusal.code == "pen_lost" and not taken:
                    self._lease = None
                elif refusal.code == "pen_not_ready":
                    await asyncio.sleep(YIELD_POLL_S)
                else:
                    raise

    async def _take(self) -> PenLease:
        lease: PenLease = await room_writes.of(self._room_id)(pen.take_pen)(self._room_id, token=self._token)
        self._lease, self._token = lease, lease.token
        self._outbox.show(typed.pen("you", lease.token, alone=self._alone), slot="pen")
        return lease

    async def _open(self, lang: str, *, store: bool, public: bool) -> None:
        if lang not in settings.ENV.source_langs:
            raise BadInput("language_unknown")
        code = self.scope["url_route"]["kwargs"]["room"]
        terms = PartTerms(lang, store=store, public=public, owner_id=self._editor().user_id)
        await room_writes.of(code)(open_by_hand)(code, terms)
        self._changed.set()

    def _editor(self) -> Editor:
        identity = self._identity
        if identity is None:
            raise Unauthenticated("not_signed_in")
        return Editor(identity.user_id, "captioner")
