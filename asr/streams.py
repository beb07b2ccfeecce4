"""Sessions without a room, for gateways: meetings and bare streams. Their text is a stream in Redis (asr/text_stream.py).

A gateway opens a session, says every two seconds that it is there, writes audio into the session's log (with `end` in
a channel when a participant leaves, and an `end` without a channel when all have), closes, and reads the text until
`closed` comes, or until `is_running` says that nothing more will.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from asr.kinds import SessionKind, Vocabulary
from asr.leases import Lease, LeaseLost, held
from asr.metrics import NO_SLOT
from asr.models import Channel, Session
from asr.session_keys import SessionOver, session_cipher
from asr.sessions import begin_closing, create_session, lock_capacity
from asr.stream_options import AUTO_LANG, DEFAULTS, StreamOptions
from asr.text_stream import Piece, TextStream, TextStreamTaken, TextStreamUnavailable
from rooms.encryption import Cipher
from rooms.errors import BadInput, Conflict, NoCapacity
from rooms.locks import locked

if TYPE_CHECKING:  # a process alone needs the libraries behind it
    from asr.sinks.sink import Sink

SOURCE_GONE_AFTER = timedelta(seconds=10)
MAX_CHANNELS = 64  # of one session: each has a decoder and a captioner
MAX_KEY_CHARS = 64
logger = logging.getLogger(__name__)


@transaction.atomic
def open_session(*, kind: str, source_lang: str, options: StreamOptions = DEFAULTS) -> int:
    """A meeting or a bare stream; returns its id. Raises NoCapacity (`capacity`) and BadInput (`source_lang`).

    `source_lang`: also AUTO_LANG, here and for a channel: the language of the first speech.
    """
    _check_language(source_lang)
    capacity = lock_capacity()
    if not capacity.left:
        NO_SLOT.labels("stream").inc()
        raise NoCapacity("capacity", slots=capacity.slots)
    session = create_session(kind=kind, source_lang=source_lang, options=options.as_json())
    session.source_seen_at = timezone.now()
    session.save(update_fields=["source_seen_at"])
    return session.pk


@transaction.atomic
def open_channel(session_id: int, *, key: str, source_lang: str) -> None:
    """A participant may speak; before its first audio. Once more, with the same language, changes nothing.

    Raises BadInput (`channel_key`, `source_lang`), NoCapacity (`channels`), Conflict (`session_over`, `channel_language`).
    """
    if not 0 < len(key) <= MAX_KEY_CHARS:
        raise BadInput("channel_key")
    _check_language(source_lang)
    session = locked(Session.objects.filter(pk=session_id, state__in=Session.OPEN)).first()
    if session is None:
        raise Conflict("session_over")
    known = dict(Channel.objects.filter(session=session).values_list("key", "source_lang"))
    if known.get(key, source_lang) != source_lang:
        raise Conflict("channel_language")
    if key not in known:
        if len(known) >= MAX_CHANNELS:
            raise NoCapacity("channels", slots=MAX_CHANNELS)
        Channel.objects.create(session=session, key=key, source_lang=source_lang)


def keep_open(session_id: int) -> bool:
    """The gateway is there. False: the session is open no more."""
    mine = Session.objects.filter(pk=session_id, state__in=Session.OPEN)
    return mine.update(source_seen_at=timezone.now()) == 1


@transaction.atomic
def close_session(session_id: int, *, by: str = "gateway") -> None:
    """No more audio: what has come becomes text. A session that is over stays so."""
    session = locked(Session.objects.filter(pk=session_id, state__in=Session.OPEN)).first()
    if session is not None:
        begin_closing(session, by=by)


def is_running(session_id: int) -> bool:
    """Whether text may still come."""
    return Session.objects.filter(pk=session_id, state__in=Session.RUNNING).exists()


def recognised_ms(session_id: int) -> int:
    """How much of a bare stream is text or silence, as its process said last; 0 where nothing is known."""
    found = Session.objects.filter(pk=session_id).values_list("committed_ms", flat=True).first()
    return found or 0


class StreamKind(SessionKind):
    """One speaker, or several; words go to whoever opened it, and nothing is kept."""

    gives_words = True

    def __init__(self, *, one_speaker: bool) -> None:
        self.one_speaker = one_speaker

    def vocabulary(self, session: Session) -> Vocabulary:
        """What its gateway said of it."""
        options = StreamOptions.from_json(session.options)
        return Vocabulary(title=options.prompt, glossary=options.keywords)

    def finished(self, session: Session) -> None:
        """Told behind the last word, as well as Redis lets us: the session's row says it too. Its prompt goes."""
        session.options = {}
        session.save(update_fields=["options"])
        try:
            cipher = session_cipher(session.pk)
        except SessionOver:  # one of an older version: its readers see it by its row
            return
        last = partial(_tell_closed, session.pk, session.generation, session.state, cipher)
        transaction.on_commit(last, robust=True)

    def sweep(self, session: Session) -> None:
        """A gateway that says nothing any more is gone."""
        seen_at = session.source_seen_at
        if session.state not in Session.OPEN or seen_at is None:
            return
        if seen_at < timezone.now() - SOURCE_GONE_AFTER:
            _close_abandoned(session)

    def sink(self, lease: Lease, session: Session, channel: str, wait: Callable[[float], None]) -> Sink:
        """Words are entries of the session's text stream."""
        from asr.sinks.stream import StreamSink

        stream = TextStream(
            settings.REDIS_URL, session.audio_key, lease.generation, cipher=session_cipher(session.pk)
        )
        return StreamSink(stream, session_id=session.pk, channel=channel, wait=wait)


def _close_abandoned(session: Session) -> None:
    try:
        with held(Lease(session.pk, session.generation)) as mine:
            seen_at = mine.source_seen_at
            gone = seen_at is not None and seen_at < timezone.now() - SOURCE_GONE_AFTER
            if mine.state in Session.OPEN and gone:
                begin_closing(mine, by="gateway gone")
    except LeaseLost:
        return


def _tell_closed(session_id: int, generation: int, state: str, cipher: Cipher) -> None:
    try:
        stream = TextStream(settings.REDIS_URL, str(session_id), generation, cipher=cipher)
        stream.append("", [Piece("closed", {"state": state})])
    except (TextStreamTaken, TextStreamUnavailable):
        logger.warning("end of text not published", extra={"session": session_id})


def _check_language(source_lang: str) -> None:
    if source_lang not in (AUTO_LANG, *settings.ENV.source_langs):
        raise BadInput("source_lang")
