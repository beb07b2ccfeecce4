"""One process serving one session: audio log → decoder → captioner → sink, under a lease."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings

from asr.audio.decode import Checkpoint, Pcm, StreamDecoder
from asr.audio_log import AudioLog, AudioLogUnavailable, Entry
from asr.caption.captioner import LONGEST_FILL_MS, Captioner, CaptionEvent
from asr.delay import SpokenClock
from asr.heart import Heart
from asr.leases import Lease, LeaseLost, Progress, announce_ready, claim, finish
from asr.models import Session
from asr.patience import until_answered
from asr.recognise.counters import Counters
from asr.rooms.models import RoomSession
from asr.sinks.transcript import TranscriptSink

TRIM_EVERY_S = 2.0
READ_BLOCK_MS = 100
REDIS_RETRY_S = 0.5
READ_COUNT = 64
UNDECODABLE_AFTER_S = 5.0
LOG_ENDS_WITHIN_S = 5.0  # the host's web process learns of a closing at once, by the row within 2 s
STALL_S = (
    4.0  # a page that lost its connection reconnects sooner; a shorter time would cut the current word in two
)
logger = logging.getLogger(__name__)

T = TypeVar("T")
MakeCaptioner = Callable[[Session, Counters], Captioner]


@dataclass(frozen=True, slots=True)
class Node:
    """Where this process runs: Celery's node name and the process id."""

    worker: str
    pid: int


def serve(lease: Lease, node: Node, *, make_captioner: MakeCaptioner, log: AudioLog) -> None:
    """Serve the session until it is finished, or until another generation has the lease."""
    try:
        session = until_answered(
            lambda: claim(lease, worker=node.worker, pid=node.pid),
            session_id=lease.session_id,
            wait=time.sleep,
        )
    except LeaseLost:
        logger.info("nothing to serve", extra={"session": lease.session_id})
        return
    counters = _counters_of(session)
    process = RoomProcess(
        lease, session, captioner=make_captioner(session, counters), counters=counters, log=log
    )
    try:
        process.run()
    except LeaseLost:
        logger.warning("lease lost", extra={"session": lease.session_id, "generation": lease.generation})


def _counters_of(session: Session) -> Counters:
    """The counts of earlier generations, to be continued."""
    known = {name: value for name, value in session.counters.items() if name in Counters.__dataclass_fields__}
    return Counters(**known)


class RoomProcess:
    """The main loop. Each step of it ticks: a poll, a step of a flush, another try at PostgreSQL or Redis."""

    def __init__(
        self, lease: Lease, session: Session, *, captioner: Captioner, counters: Counters, log: AudioLog
    ) -> None:
        self._lease = lease
        self._captioner = captioner
        self._log = log
        self._counters = counters
        self._sink = TranscriptSink(
            lease,
            RoomSession.objects.select_related("part").get(pk=session.pk).part,
            wait=self._wait_for_database,
        )
        self._clock = SpokenClock()
        self._committed_ms = session.committed_ms
        self._undecodable = UndecodableWatch()
        self._stall = StallWatch()
        self._log_end = LogEnd()
        self._trimmed_at = time.monotonic()
        self._audio_waits = False
        self._decoder = StreamDecoder()
        self._after = "0-0"
        self._heart = Heart(lease, self._progress(), stuck_s=settings.ENV.asr_stuck_s)

    def run(self) -> None:
        """Process audio until the session closes. Raises LeaseLost."""
        self._heart.start()
        try:
            checkpoint = self._patiently(self._log.load_checkpoint)
            self._decoder = StreamDecoder(resume=checkpoint)
            self._after = self._log.before(checkpoint)
            self._in_database(lambda: announce_ready(self._lease))
            while not self._step():
                pass
            self._in_database(lambda: finish(self._lease))
        finally:
            self._heart.stop()
        try:
            self._log.delete()
        except AudioLogUnavailable:
            logger.warning("audio log not deleted, it expires", extra={"session": self._lease.session_id})

    def _step(self) -> bool:
        """Process what has come, decode at most once, write. True: closing, and all is written."""
        self._tick()
        closing = self._heart.state == Session.State.CLOSING
        entries = self._patiently(
            lambda: self._log.read(self._after, block_ms=READ_BLOCK_MS, count=READ_COUNT)
        )
        self._audio_waits = len(entries) == READ_COUNT
        for entry in entries:
            self._decode_entry(entry)
            self._log_end.note_entry(entry.kind)
        self._write(self._captioner.poll())
        self._note_backlog()
        if self._stall.over(bool(entries)):
            self._flush()  # nobody should wait for the last words before a silence
        if self._undecodable.expired():
            self._sink.error("undecodable_audio", problem=self._decoder.problem or "unknown")
        if not closing or entries or not self._log_end.reached():
            return False
        self._feed(self._decoder.flush())
        self._flush()
        return True

    def _decode_entry(self, entry: Entry) -> None:
        pieces = self._decoder.feed(entry.entry_id, entry.kind, entry.data)
        self._feed(pieces)
        if pieces:
            self._clock.arrived(self._captioner.heard_ms, entry.arrived_s)
        self._undecodable.note_entry(bool(pieces), len(entry.data))
        self._after = entry.entry_id
        if entry.kind == "end":  # the host left: nobody should wait for its last words
            self._flush()

    def _feed(self, pieces: Sequence[Pcm]) -> None:
        for pcm in pieces:
            if pcm.start_ms - self._captioner.heard_ms > LONGEST_FILL_MS:
                self._flush()  # the captioner would do it behind a gap, all at once
            self._captioner.feed(pcm.start_ms, pcm.samples)

    def _flush(self) -> None:
        """All audio fed becomes text, be it minutes of it: written as it goes."""
        for events in self._captioner.flush_steps():
            self._write(events)
            self._note_backlog()
            self._tick()

    def _write(self, events: list[CaptionEvent]) -> None:
        committed_ms = self._captioner.committed_ms
        self._sink.handle(events, committed_ms=committed_ms, clock=self._clock)
        self._committed_ms = committed_ms
        if time.monotonic() - self._trimmed_at > TRIM_EVERY_S:
            self._trimmed_at = time.monotonic()
            checkpoint = self._decoder.checkpoint(self._captioner.needed_ms)
            if checkpoint is not None:
                self._trim(checkpoint)

    def _trim(self, checkpoint: Checkpoint) -> None:
        try:
            self._log.save_checkpoint_and_trim(checkpoint)
        except AudioLogUnavailable:  # it can wait, captions cannot
            logger.warning("audio log not trimmed", extra={"session": self._lease.session_id})

    def _tick(self) -> None:
        """A step is done. Raises LeaseLost when this process must stop."""
        self._heart.tick(self._progress())
        self._heart.check()

    def _progress(self) -> Progress:
        return Progress(
            heard_ms=self._captioner.heard_ms,
            committed_ms=self._committed_ms,
            audio_waits=self._audio_waits,
            delay_s=self._sink.delay_s,
            counters=self._counters.as_dict(),
        )

    def _note_backlog(self) -> None:
        self._sink.note_backlog(self._clock.arrived_behind(self._captioner.text_ms))

    def _wait(self, seconds: float) -> None:
        """PostgreSQL or Redis is away: it is not this process that audio waits for."""
        self._audio_waits = False
        self._tick()
        self._heart.wait(seconds)

    def _wait_for_database(self, seconds: float) -> None:
        self._note_backlog()
        self._wait(seconds)

    def _in_database(self, call: Callable[[], None]) -> None:
        until_answered(call, session_id=self._lease.session_id, wait=self._wait)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Try until Redis answers, as long as the lease holds."""
        while True:
            try:
                return call()
            except AudioLogUnavailable:
                logger.warning("Redis is away", extra={"session": self._lease.session_id})
                self._wait(REDIS_RETRY_S)
                self._log_end.postpone()


class StallWatch:
    """Notices that a recorder which sent audio sends nothing any more. Reports each stall once."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_at: float | None = None

    def over(self, received: bool) -> bool:
        """True once, when nothing came for STALL_S after something had."""
        if received:
            self._last_at = self._clock()
        if self._last_at is None or self._clock() - self._last_at < STALL_S:
            return False
        self._last_at = None
        return True


class LogEnd:
    """Decides when a closing session has all its audio: its host's web process writes `end` behind the last blob.

    What arrived there may still be queued or wait for Redis. Where that process is gone nothing more comes: then
    silence for LOG_ENDS_WITHIN_S is the end, counted while Redis answers.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended = False
        self._quiet_since: float | None = None

    def note_entry(self, kind: str) -> None:
        """An entry came."""
        self._ended = kind == "end"
        self._quiet_since = None

    def postpone(self) -> None:
        """Nothing could come: Redis was away."""
        self._quiet_since = None

    def reached(self) -> bool:
        """Whether nothing more comes; asked while the session closes and nothing waits."""
        if self._quiet_since is None:
            self._quiet_since = self._clock()
        return self._ended or self._clock() - self._quiet_since >= LOG_ENDS_WITHIN_S


class UndecodableWatch:
    """Notices that bytes come and no audio comes out of them. Reports each stretch once."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._reported = False

    def note_entry(self, decoded: bool, size_bytes: int) -> None:
        """One entry was fed to the decoder."""
        if decoded:
            self._since, self._reported = None, False
        elif size_bytes and self._since is None:
            self._since = self._clock()

    def expired(self) -> bool:
        """True once, when nothing was decodable for UNDECODABLE_AFTER_S."""
        if self._reported or self._since is None or self._clock() - self._since < UNDECODABLE_AFTER_S:
            return False
        self._reported = True
        return True
