"""One process serving one session: audio log → a decoder, captioner and sink for each channel, under a lease."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from django.conf import settings

from asr import models
from asr.audio.checkpoint import Checkpoint
from asr.audio_log import AudioLog, AudioLogUnavailable, Entry, order
from asr.caption.captioner import Captioner
from asr.channel import Channel
from asr.draining import Departure, Drain, Moment
from asr.heart import Heart
from asr.kinds import kind_of
from asr.leases import (
    Lease,
    LeaseLost,
    Progress,
    announce_ready,
    awaited,
    claim,
    finish,
    move,
    request_standby,
    stood_by,
)
from asr.models import Session
from asr.patience import until_answered
from asr.recognise.counters import Counters
from asr.recognise.prompt import SharedPrompt
from asr.selectors import drains_until, turn_of
from asr.session_keys import SessionOver, session_cipher
from asr.shared import Shared
from asr.sinks.silent import SilentSink
from asr.sinks.sink import Resume, Sink
from asr.standby import Standby, StandbyOver
from asr.watches import LogEnd

TRIM_EVERY_S = 2.0
READ_BLOCK_MS = 100
REDIS_RETRY_S = 0.5
READ_COUNT = 64
logger = logging.getLogger(__name__)

T = TypeVar("T")
MakeCaptioner = Callable[[Session, str, Resume, Shared], Captioner]  # str: the language that is spoken


@dataclass(frozen=True, slots=True)
class Node:
    """Where this process runs: Celery's node name and the process id."""

    worker: str
    pid: int


def serve(lease: Lease, node: Node, *, make_captioner: MakeCaptioner, redis_url: str) -> None:
    """Serve the session until it is finished, has moved, or another generation has the lease; stand by for it before, where it is to move."""

    def claimed() -> Session:
        return claim(lease, worker=node.worker, pid=node.pid)

    def patiently(call: Callable[[], T]) -> T:
        return until_answered(call, session_id=lease.session_id, wait=time.sleep)

    before = patiently(lambda: awaited(lease))
    try:
        session = before or patiently(claimed)
    except LeaseLost:
        logger.info("nothing to serve", extra={"session": lease.session_id})
        return
    try:
        cipher = patiently(lambda: session_cipher(session.pk))
        log = AudioLog(redis_url, session.audio_key, cipher=cipher)
        process = SessionProcess(lease, session, make_captioner=make_captioner, log=log)
        if before is None or process.stand_by(node):
            process.run()
    except SessionOver:
        logger.info("nothing to serve", extra={"session": lease.session_id})
    except LeaseLost:
        logger.warning("lease lost", extra={"session": lease.session_id, "generation": lease.generation})


def _counters_of(session: Session) -> Counters:
    """The counts of earlier generations, to be continued."""
    known = {name: value for name, value in session.counters.items() if name in Counters.__dataclass_fields__}
    return Counters(**known)


class SessionProcess:
    """The main loop. Each step of it ticks: a poll, a step of a flush, another try at PostgreSQL or Redis.

    All channels share the process and its model; they are decoded round robin. A participant that has left costs
    nothing but where a successor, or the participant itself, would go on.
    """

    def __init__(
        self, lease: Lease, session: Session, *, make_captioner: MakeCaptioner, log: AudioLog
    ) -> None:
        self._lease = lease
        self._session = session
        self._kind = kind_of(session)
        self._make_captioner = make_captioner
        self._log = log
        self._shared = Shared(_counters_of(session), SharedPrompt())
        self._channels: dict[str, Channel] = {}
        self._points: dict[str, Checkpoint] = {}  # of channels that nobody speaks in
        self._unknown: set[str] = set()
        self._left = Totals()
        self._log_end = LogEnd()
        self._drain = Drain(has_standby=self._kind.has_standby)
        self._stands_by = False
        self._trimmed_at = time.monotonic()
        self._audio_waits = False
        self._after = "0-0"
        self._heart = Heart(lease, self._progress(), stuck_s=settings.ENV.asr_stuck_s, beside=self._look)

    def stand_by(self, node: Node) -> bool:
        """Read along, and write nothing, until the generation before hands over, or has died. False: nobody needs this one any more."""
        self._stands_by = True
        standby = Standby(self._lease, node.worker, node.pid)
        try:
            self._points = self._patiently(self._log.load_checkpoints)
            channel = self._open("", self._session.source_lang)
            take = partial(standby.taken, channel)
            while (taken := self._in_database(lambda: take(audio_waits=self._audio_waits))) is None:
                self._step()
        except StandbyOver:
            return False
        self._session, self._stands_by = taken, False
        self._shared.counters.raise_to(_counters_of(taken))
        if standby.is_handed_over:
            channel.take_over(self._in_database(lambda: self._kind.sink(self._lease, taken, "", self._wait)))
        else:
            self._channels.clear()
            self._after = "0-0"
        return True

    def run(self) -> None:
        """Process audio until the session closes, or moves to another worker. Raises LeaseLost."""
        self._heart.start()
        try:
            if not self._channels:
                self._points = self._patiently(self._log.load_checkpoints)
            if self._kind.one_speaker and not self._channels:
                self._open("", self._session.source_lang)
            self._in_database(lambda: announce_ready(self._lease))
            while not self._step():
                if self._moves():
                    return
            self._in_database(lambda: finish(self._lease, self._progress()))
        finally:
            self._heart.stop()
        try:
            self._log.delete()
        except AudioLogUnavailable:
            logger.warning("audio log not deleted, it expires", extra={"session": self._lease.session_id})

    def _step(self) -> bool:
        """Process what has come, decode at most once in each channel, write. True: closing, and all is written."""
        self._tick()
        closing = self._heart.state == Session.State.CLOSING
        entries = self._patiently(
            lambda: self._log.read(self._after, block_ms=READ_BLOCK_MS, count=READ_COUNT)
        )
        self._audio_waits = len(entries) == READ_COUNT
        for entry in entries:
            self._decode_entry(entry)
            self._log_end.note_entry(entry.kind if entry.channel == "" else "more")
        for channel in self._channels.values():
            channel.step()
        if not closing or entries or not self._log_end.reached():
            return False
        for channel in self._channels.values():
            channel.finish()
        return True

    def _decode_entry(self, entry: Entry) -> None:
        channel = self._channel(entry.channel)
        if channel is not None:
            channel.decode(entry)
        self._after = entry.entry_id
        if channel is not None and entry.kind == "end" and entry.channel:
            self._leave(entry.channel)

    def _moves(self) -> bool:
        """Whether another worker goes on, behind what is written."""
        if not self._drain.begun:
            return False
        channels = self._channels.values()
        departure = self._drain.departure(
            Moment(
                closing=self._heart.state == Session.State.CLOSING,
                silent=all(channel.is_silent for channel in channels),
                between_sentences=all(channel.is_between_sentences for channel in channels),
                unwritten_ms=max(
                    (channel.heard_ms - channel.committed_ms for channel in channels), default=0
                ),
            )
        )
        return departure != "stays" and self._depart(departure)

    def _depart(self, departure: Departure) -> bool:
        if departure == "ask_for_standby":
            if self._in_database(lambda: request_standby(self._lease)):
                self._drain.requested()
            return False
        if departure == "hand_over" and not self._in_database(lambda: stood_by(self._lease)):
            return False
        if departure != "may_move":
            for channel in self._channels.values():
                channel.cut()
        self._trim()
        reads_along, at_once = self._drain.awaits_standby, departure == "must_move"
        return self._in_database(lambda: move(self._lease, at_once=at_once, to_standby=reads_along))

    def _look(self) -> None:
        until = drains_until(self._session.worker)
        if until is not None and not self._drain.begun:
            self._drain.tell(until, turn=turn_of(self._session))
        else:
            self._drain.tell(until)
        for channel in tuple(self._channels.values()):
            channel.look()

    def _channel(self, key: str) -> Channel | None:
        """The channel of this key; None where no gateway has opened it."""
        if key in self._channels or key in self._unknown:
            return self._channels.get(key)
        if key == "":
            return self._open(key, self._session.source_lang) if self._kind.one_speaker else None
        opened = models.Channel.objects.filter(session_id=self._session.pk, key=key)
        row = self._in_database(opened.first)
        if row is None:
            self._unknown.add(key)
            logger.warning("audio of no channel", extra={"session": self._session.pk})
            return None
        return self._open(key, row.source_lang)

    def _open(self, key: str, source_lang: str) -> Channel:
        sink: Sink = self._in_database(lambda: self._kind.sink(self._lease, self._session, key, self._wait))
        resume = sink.resume()
        captioner = self._in_database(
            lambda: self._make_captioner(self._session, source_lang, resume, self._shared)
        )
        self._channels[key] = Channel(
            captioner,
            SilentSink(resume.committed_ms) if self._stands_by else sink,
            resume=self._points.pop(key, None),
            committed_ms=resume.committed_ms,
            shares_log=not self._kind.one_speaker,
            speaker_returns=self._kind.speaker_returns,
            stepped=self._stepped,
        )
        if self._stands_by:
            self._channels[key].stand_by()
        return self._channels[key]

    def _leave(self, key: str) -> None:
        """A participant has gone. Whoever comes back under this key goes on where it was."""
        channel = self._channels[key]
        if channel.needs_from() or channel.point is None:
            return  # the last bytes were half a sample: it is kept as it is
        self._points[key] = channel.point
        self._left.add(channel)
        del self._channels[key]

    def _stepped(self) -> None:
        """A unit of work is done."""
        self._tick()
        if time.monotonic() - self._trimmed_at > TRIM_EVERY_S:
            self._trimmed_at = time.monotonic()
            self._trim()

    def _trim(self) -> None:
        """Drop the audio that no channel needs. Who stands by may need it still, or it is not its own to drop."""
        if self._stands_by or self._drain.awaits_standby:
            return
        needed = [channel.needs_from() for channel in self._channels.values()]
        points = {key: channel.point for key, channel in self._channels.items() if channel.point is not None}
        keep_from = min(filter(None, needed), key=order, default=self._after)
        if keep_from == "0-0":
            return
        try:
            self._log.save_checkpoints_and_trim({**self._points, **points}, keep_from=keep_from)
        except AudioLogUnavailable:  # it can wait, captions cannot
            logger.warning("audio log not trimmed", extra={"session": self._lease.session_id})

    def _tick(self) -> None:
        """A step is done. Raises LeaseLost when this process must stop."""
        self._heart.tick(self._progress())
        self._heart.check()

    def _progress(self) -> Progress:
        channels = list(self._channels.values())
        return Progress(
            heard_ms=self._left.heard_ms + sum(channel.heard_ms for channel in channels),
            committed_ms=self._left.committed_ms + sum(channel.committed_ms for channel in channels),
            audio_waits=self._audio_waits,
            delay_s=max((channel.delay_s for channel in channels), default=0.0),
            counters=self._shared.counters.as_dict(),
        )

    def _wait(self, seconds: float) -> None:
        """PostgreSQL or Redis is away: it is not this process that audio waits for."""
        self._audio_waits = False
        for channel in self._channels.values():
            channel.note_backlog()
        self._tick()
        self._heart.wait(seconds)

    def _in_database(self, call: Callable[[], T]) -> T:
        return until_answered(call, session_id=self._lease.session_id, wait=self._wait)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Try until Redis answers, as long as the lease holds."""
        while True:
            try:
                return call()
            except AudioLogUnavailable:
                logger.warning("Redis is away", extra={"session": self._lease.session_id})
                self._wait(REDIS_RETRY_S)
                self._log_end.postpone()


@dataclass(slots=True)
class Totals:
    """How far the channels were whose participants have left, all together."""

    heard_ms: int = 0
    committed_ms: int = 0

    def add(self, channel: Channel) -> None:
        """This one has left."""
        self.heard_ms += channel.heard_ms
        self.committed_ms += channel.committed_ms
