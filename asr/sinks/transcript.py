"""A captioner's sentences → rows, and hints to viewers: all that a room's ASR process writes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from asr.caption.captioner import CaptionEvent, Notice, PartialText, SentenceReady
from asr.delay import DelayMeter, SpokenClock
from asr.leases import Lease, held
from asr.models import Session
from asr.patience import until_answered
from asr.rooms.last_error import note_error
from asr.sinks.sink import Resume
from transcripts import live
from transcripts.events import Delays, HostError, Partial
from transcripts.models import Part
from transcripts.selectors import last_spoken, next_index
from transcripts.services import NewSentence, add_sentences

logger = logging.getLogger(__name__)


class TranscriptSink:
    """Writes one generation's sentences, publishes its partials.

    A sentence is written in one transaction with the session's `committed_ms`, so that the next generation
    goes on exactly behind it. While PostgreSQL is away the write is tried again; nothing else happens meanwhile.
    """

    def __init__(self, lease: Lease, part: Part, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._lease = lease
        self._part = part
        self._wait = wait
        self._delay = DelayMeter()
        self._partial = PartialText(0, "")
        self._published = (0, "", 0)  # of the partial: index of its sentence, text, confirmed characters
        self._next_index: int | None = None  # of this part's next sentence, once it is known
        self._given = 0  # sentences that the captioner of this generation has given out

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

    def handle(self, events: Sequence[CaptionEvent], *, committed_ms: int, clock: SpokenClock) -> None:
        """Write, then publish. Raises LeaseLost."""
        sentences = [event for event in events if isinstance(event, SentenceReady)]
        if sentences:
            self._commit(sentences, committed_ms)
            self._delay.sentences(clock.seconds_since(sentence.end_ms) for sentence in sentences)
            self._publish(Delays(transcription_s=self._delay.mark_published()))
        for event in events:
            if isinstance(event, PartialText):
                self._partial = (
                    event  # the last one holds: words of those before it may be in these sentences
                )
            elif isinstance(event, Notice):
                fields = {"session": self._lease.session_id, "code": event.code}
                logger.warning("recogniser notice", extra=fields)
        self._publish_partial()

    def error(self, code: str, **parameters: str) -> None:
        """Something the host should know."""
        note_error(self._lease.session_id, code)
        self._publish(HostError(code, parameters))

    def ended(self) -> None:
        """The room's state says so."""

    def _stored(self) -> Resume:
        committed_ms = Session.objects.values_list("committed_ms", flat=True).get(pk=self._lease.session_id)
        return Resume(committed_ms, last_spoken(self._part))

    def _commit(self, sentences: Sequence[SentenceReady], committed_ms: int) -> None:
        """A try whose answer was lost may have been committed: the next one brings the same keys."""
        rows = [
            NewSentence(
                item.start_ms, item.end_ms, item.text, item.speaker, item.new_line, key=self._key(number)
            )
            for number, item in enumerate(sentences, self._given)
        ]
        self._given += len(rows)
        until_answered(
            lambda: self._commit_once(rows, committed_ms),
            session_id=self._lease.session_id,
            wait=self._wait,
        )

    def _commit_once(self, rows: Sequence[NewSentence], committed_ms: int) -> None:
        with held(self._lease) as session:
            add_sentences(part=self._part, sentences=rows)
            session.committed_ms = max(session.committed_ms, committed_ms)
            session.save(update_fields=["committed_ms"])
            index = next_index(self._part)
        self._next_index = index

    def _key(self, number: int) -> str:
        return f"{self._lease.session_id}.{self._lease.generation}.{number}"

    def _publish_partial(self) -> None:
        if self._partial.text == "" == self._published[1]:
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

    def _publish(self, event: Partial | Delays | HostError) -> None:
        if not isinstance(event, HostError):
            event = replace(event, broadcast=self._part.broadcast)  # another may have begun meanwhile
        live.publish_room(self._part.room_id, event)
