"""One channel of a session in its process: what a participant says, from bytes to what its sink writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from asr.audio.checkpoint import Checkpoint
from asr.audio.decode import Pcm, StreamDecoder
from asr.audio.samples import SAMPLES_PER_MS
from asr.audio_log import Entry, is_before
from asr.caption.captioner import LONGEST_FILL_MS, Captioner, CaptionEvent
from asr.caption.resume import ResumePoint
from asr.delay import SpokenClock
from asr.sinks.sink import Sink
from asr.watches import StallWatch, UndecodableWatch


class Channel:
    """Decoder → captioner → sink. `stepped` is called after each unit of work, and may raise to stop.

    `speaker_returns`: an `end` is one when nobody has come back for a moment. A channel that shares the audio log with others and in which nobody speaks is silent, once all that was heard is
    written: it needs nothing of the log, which is trimmed however long it is silent.
    """

    def __init__(
        self,
        captioner: Captioner,
        sink: Sink,
        *,
        resume: Checkpoint | None,
        committed_ms: int,
        shares_log: bool,
        speaker_returns: bool,
        stepped: Callable[[], None],
    ) -> None:
        self._shares_log, self._speaker_returns = shares_log, speaker_returns
        self.committed_ms = committed_ms
        self._captioner = captioner
        self._sink = sink
        self._stepped = stepped
        self._decoder = StreamDecoder(resume=resume)
        self._clock = SpokenClock()
        self._undecodable = UndecodableWatch()
        self._stall = StallWatch()
        self._behind = resume  # entries before this are text already
        self._point = resume
        self._last: Entry | None = None
        self._needs_from = ""  # the first entry since it was silent; "": it is
        self._heard = False

    def look(self) -> None:
        """See `Sink`."""
        self._sink.look()

    @property
    def heard_ms(self) -> int:
        """End of the audio that was heard."""
        return self._captioner.heard_ms

    @property
    def text_ms(self) -> int:
        """See `Captioner`."""
        return self._captioner.text_ms

    @property
    def is_silent(self) -> bool:
        """See `Captioner`."""
        return self._captioner.is_silent

    @property
    def is_between_sentences(self) -> bool:
        """See `Captioner`."""
        return self._captioner.is_between_sentences

    @property
    def delay_s(self) -> float:
        """How late text is now, seconds."""
        return self._sink.delay_s

    @property
    def point(self) -> Checkpoint | None:
        """Where a successor begins to decode; None: at the first entry that there is."""
        return self._point

    def needs_from(self) -> str:
        """The entry of the audio log that a successor needs first, as of now; "" where it needs none."""
        if not self._needs_from:
            return ""
        needed_ms = min(self._captioner.needed_ms, ResumePoint(self.committed_ms).overlap_start_ms)
        newest = self._decoder.checkpoint(needed_ms)
        if newest is not None and not is_before(newest.entry_id, self._needs_from):
            self._point = newest
            return newest.entry_id
        return self._needs_from

    def decode(self, entry: Entry) -> None:
        """Take an entry, unless the generation before made text of it."""
        if self._behind is not None:
            if _is_behind(entry, self._behind):
                return
            self._behind = None
        if entry.kind == "flush":
            self.flush()
            self._sink.flushed(entry.data.decode(errors="replace"))
            return
        self._last, self._heard = entry, True
        self._needs_from = self._needs_from or entry.entry_id
        pieces = self._decoder.feed(entry.entry_id, entry.kind, entry.data)
        self._feed(pieces)
        if pieces:
            self._clock.arrived(self._captioner.heard_ms, entry.arrived_s)
        self._undecodable.note_entry(bool(pieces), len(entry.data))
        self._stall.note_entry(entry.kind)
        # who spoke has left: nobody should wait for the last words
        if entry.kind == "end" and not self._speaker_returns:
            self.flush()
            self._fall_silent()
            self._sink.ended()

    def step(self) -> None:
        """Decode at most once; what is new is written."""
        heard, self._heard = self._heard, False
        events = self._captioner.poll()
        if self._sink.wants_break():
            events += self._captioner.break_off()
        self._write(events)
        if self._stall.over(heard):
            self.flush()  # nobody should wait for the last words before a silence
            self._fall_silent()
        if self._undecodable.expired():
            self._sink.error("undecodable_audio", problem=self._decoder.problem or "unknown")

    def cut(self) -> None:
        """What is final is written: another process goes on behind it."""
        self._write(self._captioner.cut())

    def stand_by(self) -> None:
        """Hear, and write nothing until `take_over`."""
        self._captioner.stand_by()

    def take_over(self, sink: Sink) -> None:
        """Go on behind what the generation before wrote; `sink` is new."""
        resume = sink.resume()
        self._sink, self.committed_ms = sink, resume.committed_ms
        self._write(self._captioner.take_over(resume.committed_ms, resume.committed_text, resume.unfinished))

    def finish(self) -> None:
        """Nothing more comes: all of it becomes text."""
        self._feed(self._decoder.flush())
        self.flush()
        self._sink.settle(self._clock)

    def flush(self) -> None:
        """All that was heard becomes text, be it minutes of it: written as it goes."""
        for events in self._captioner.flush_steps():
            self._write(events)

    def note_backlog(self) -> None:
        """Say how long audio waits that is not text yet."""
        self._sink.note_backlog(self._clock.arrived_behind(self._captioner.text_ms))

    def _feed(self, pieces: Sequence[Pcm]) -> None:
        for pcm in pieces:
            if pcm.start_ms - self._captioner.heard_ms > LONGEST_FILL_MS:
                self.flush()  # the captioner would do it behind a gap, all at once
            self._captioner.feed(pcm.start_ms, pcm.samples)

    def _write(self, events: list[CaptionEvent]) -> None:
        committed_ms = self._captioner.committed_ms
        self.committed_ms = self._sink.handle(events, committed_ms=committed_ms, clock=self._clock)
        self.note_backlog()
        self._stepped()

    def _fall_silent(self) -> None:
        """A successor goes on behind the last entry, at the same time, without reading it again."""
        last, end = self._last, self._captioner.heard_ms * SAMPLES_PER_MS
        written = self._captioner.committed_ms >= self.heard_ms and self._decoder.is_between_samples
        if last is None or not self._shares_log or not written:
            return
        before = self._decoder.checkpoint(self._captioner.heard_ms) or self._point
        if before is None:
            before = Checkpoint(last.entry_id, 0, b"", end, end, None)
        self._point = replace(
            before, entry_id=last.entry_id, offset=len(last.data), position_samples=end, floor_samples=end
        )
        self._needs_from = ""


def _is_behind(entry: Entry, point: Checkpoint) -> bool:
    """Whether decoding from this point needs nothing of the entry."""
    if entry.entry_id == point.entry_id:
        return point.offset >= len(entry.data)
    return is_before(entry.entry_id, point.entry_id)
