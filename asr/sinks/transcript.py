"""A captioner's sentences → rows, and hints to viewers: all that a room's ASR process writes.

Where a person has the pen (asr/rooms/pen.py) it writes nothing: what was spoken waits until that person has written it,
or has not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from asr.caption.captioner import CaptionEvent, Notice, SentenceEnded, SentenceReady
from asr.caption.partial import PartialText
from asr.coverage import WAITS_MOST_MS, Coverage, Divided, Spoken, divide
from asr.delay import DelayMeter, SpokenClock
from asr.leases import Lease, held
from asr.models import Session
from asr.patience import until_answered
from asr.rooms.last_error import note_error
from asr.rooms.pen_watch import PenWatch
from asr.sinks.sink import Resume
from transcripts import live
from transcripts.events import Delays, Heard, HostError, Partial
from transcripts.metrics import passed
from transcripts.models import Part
from transcripts.pieces import unfinished_sentence
from transcripts.selectors import last_spoken, next_index
from transcripts.services import NewSentence, add_sentences, end_last_sentence
from transcripts.text import joined

HEARD_MOST_CHARS = 1000
logger = logging.getLogger(__name__)


class TranscriptSink:
    """Writes one generation's sentences, publishes its partials.

    A sentence is written in one transaction with the session's `committed_ms`, so that the next generation
    goes on exactly behind it. While PostgreSQL is away the write is tried again; nothing else happens meanwhile.
    """

    def __init__(
        self,
        lease: Lease,
        part: Part,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lease = lease
        self._part = part
        self._wait = wait
        self._delay = DelayMeter()
        self._partial = PartialText(0, "")
        # Of the partial: index of its sentence, text, confirmed characters. None: another writer's is shown.
        self._published: tuple[int, str, int] | None = (0, "", 0)
        self._next_index: int | None = None  # of this part's next sentence, once it is known
        self._taken = 0  # sentences that the captioner of this generation has given out
        self._waiting: list[Spoken] = []  # for the sentence of a person who has the pen
        self._watch = PenWatch(part)
        self._holder: int | None = None  # the pen that this generation has made way for
        self._written_at: datetime | None = None  # of that pen, when what waits was last divided
        self._breaks = False
        self._ends = False  # nothing more comes of the sentence that was to go on
        self._heard = ""

    @property
    def delay_s(self) -> float:
        """How late text is now, seconds."""
        return self._delay.value_s

    def resume(self) -> Resume:
        """Behind the last sentence that is stored."""
        return until_answered(self._stored, session_id=self._lease.session_id, wait=self._wait)

    def note_backlog(self, since_s: float | None) -> None:
        """Audio that came at `since_s` is not text yet (None: nothing waits); published when it moves by a second."""
        self._delay.waits_since(since_s)
        if self._delay.moved():
            self._publish(Delays(transcription_s=self._delay.mark_published()))

    def look(self) -> None:
        """Has a person taken the pen?"""
        self._watch.look()

    def wants_break(self) -> bool:
        """A person has taken the pen, or has it no longer."""
        pen = self._watch.pen
        self._breaks = (pen.pk if pen else None) != self._holder
        return self._breaks

    def handle(self, events: Sequence[CaptionEvent], *, committed_ms: int, clock: SpokenClock) -> int:
        """Write, then publish. Raises LeaseLost."""
        for event in events:
            if isinstance(event, SentenceReady):
                passed("decoded", self._part.source_lang, clock.spoken_at_s(event.end_ms))
        if self._take(events) or self._breaks or self._is_due(committed_ms):
            self._commit(committed_ms, clock)
        for event in events:
            if isinstance(event, PartialText):
                # the last one holds: words of those before it may be in these sentences
                self._partial = event
            elif isinstance(event, Notice):
                fields = {"session": self._lease.session_id, "code": event.code}
                logger.warning("recogniser notice", extra=fields)
        self._publish_partial()
        return self._settled_ms(committed_ms)

    def settle(self, clock: SpokenClock) -> None:
        """The room closes: what a person has not written by now is the recogniser's. Raises LeaseLost."""
        if self._waiting:
            self._commit(self._waiting[-1].sentence.end_ms, clock, last=True)

    def error(self, code: str, **parameters: str) -> None:
        """Something the host should know."""
        note_error(self._lease.session_id, code)
        self._publish(HostError(code, parameters))

    def flushed(self, token: str) -> None:
        """No host asks for it."""

    def ended(self) -> None:
        """The room's state says so."""

    def _stored(self) -> Resume:
        self._watch.read()
        committed_ms = Session.objects.values_list("committed_ms", flat=True).get(pk=self._lease.session_id)
        unfinished = joined((piece.text for piece in unfinished_sentence(self._part)), self._part.source_lang)
        return Resume(committed_ms, last_spoken(self._part), unfinished=unfinished)

    def _take(self, events: Sequence[CaptionEvent]) -> bool:
        """Whether there is something to write: sentences, or the end of the one before."""
        told = [event for event in events if isinstance(event, SentenceReady | SentenceEnded)]
        for event in told:
            if isinstance(event, SentenceReady):
                self._waiting.append(Spoken(self._key(self._taken), event))
                self._taken += 1
            elif self._waiting:
                last = self._waiting[-1]
                self._waiting[-1] = replace(last, sentence=replace(last.sentence, ends=True))
            else:
                self._ends = True
        return bool(told)

    def _is_due(self, committed_ms: int) -> bool:
        """Whether something that waits may wait no longer: a person wrote, or has taken too long."""
        if not self._waiting:
            return False
        is_late = committed_ms - self._waiting[0].sentence.end_ms > WAITS_MOST_MS
        return is_late or self._watch.written_at != self._written_at

    def _commit(self, committed_ms: int, clock: SpokenClock, *, last: bool = False) -> None:
        """A try whose answer was lost may have been committed: the next one brings the same keys."""
        divided = until_answered(
            lambda: self._commit_once(committed_ms, clock, last=last),
            session_id=self._lease.session_id,
            wait=self._wait,
        )
        self._waiting = divided.waiting
        self._breaks = self._ends = False
        if divided.given:
            self._delay.sentences(clock.seconds_since(one.sentence.end_ms) for one in divided.given)
            self._publish(Delays(transcription_s=self._delay.mark_published()))

    def _commit_once(self, committed_ms: int, clock: SpokenClock, *, last: bool) -> Divided:
        with held(self._lease) as session:
            if self._breaks:
                self._watch.settle_pen(committed_ms=committed_ms, spoken=clock)
            else:
                self._watch.read()
            coverage = self._watch.coverage(clock)
            if last:
                coverage = Coverage(coverage.written)
            divided = divide(self._waiting, coverage, heard_ms=committed_ms)
            if self._ends:
                end_last_sentence(part=self._part)
            add_sentences(part=self._part, sentences=[_new(one, clock) for one in divided.given])
            if self._breaks:  # what waits is a sentence of its own, if it comes at all
                end_last_sentence(part=self._part)
            settled_ms = _settled_ms(divided.waiting, committed_ms)
            session.committed_ms = max(session.committed_ms, settled_ms)
            session.save(update_fields=["committed_ms"])
            index = next_index(self._part)
        self._next_index = index
        pen = self._watch.pen
        if self._breaks:
            self._holder = pen.pk if pen else None
        self._written_at = self._watch.written_at
        return divided

    def _settled_ms(self, committed_ms: int) -> int:
        return _settled_ms(self._waiting, committed_ms)

    def _key(self, number: int) -> str:
        return f"{self._lease.session_id}.{self._lease.generation}.{number}"

    def _publish_partial(self) -> None:
        if self._holder is not None or self._watch.pen is not None:
            self._publish_heard()
            return
        if self._published is not None and self._partial.text == "" == self._published[1]:
            return
        if self._next_index is None:
            self._next_index = until_answered(
                lambda: next_index(self._part), session_id=self._lease.session_id, wait=self._wait
            )
        partial, index = self._partial, self._next_index
        if (index, partial.text, partial.confirmed_chars) != self._published:
            self._published = (index, partial.text, partial.confirmed_chars)
            part = self._part
            self._publish(
                Partial(
                    part.source_lang, part.number, partial.start_ms, partial.text, index,
                    confirmed_chars=partial.confirmed_chars,
                )
            )  # fmt: skip

    def _publish_heard(self) -> None:
        """A person writes: what is heard is for that person alone."""
        self._published = None
        waiting = " ".join(one.sentence.text for one in self._waiting)
        heard = f"{waiting} {self._partial.text}".strip()[-HEARD_MOST_CHARS:]
        if heard != self._heard:
            self._heard = heard
            live.publish_room(self._part.room_id, Heard(self._part.number, heard))

    def _publish(self, event: Partial | Delays | HostError) -> None:
        if not isinstance(event, HostError):
            event = replace(event, broadcast=self._part.broadcast)  # another may have begun meanwhile
        live.publish_room(self._part.room_id, event)


def _new(one: Spoken, clock: SpokenClock) -> NewSentence:
    item, spoken_s = one.sentence, clock.spoken_at_s(one.sentence.end_ms)
    return NewSentence(
        item.start_ms, item.end_ms, item.text, item.speaker, item.new_line,
        key=one.key, ends=item.ends, continues=item.continues,
        spoken_at=None if spoken_s is None else datetime.fromtimestamp(spoken_s, UTC),
    )  # fmt: skip


def _settled_ms(waiting: Sequence[Spoken], committed_ms: int) -> int:
    """Up to where everything is written, dropped, or no speech."""
    return min([committed_ms, *(one.sentence.start_ms for one in waiting)])
