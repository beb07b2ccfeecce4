"""Items: what is said between two cuts, each with its events (docs/wires/ecosystem.md). Pure.

A cut is a pause or a commit. A pause is told behind the last of its words: the item is complete with it. A commit is made
while words are still to come: behind it stands a mark in the session's audio; the recogniser says everything before the
mark, then the mark. So words belong to the item of the next mark, in the order in which they come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asr.recognise.recogniser import Word
from gateways.openai import refusals, wire
from gateways.openai.refusals import MIN_COMMIT_MS, Refusal
from gateways.openai.segments import logprobs, sentences

Events = list[wire.FromServer]


@dataclass(slots=True, eq=False)
class Item:
    """One item. `mark`: where its client cut it; `dropped`: by clearing the buffer."""

    id: str
    start_ms: int
    end_ms: int = 0
    mark: str = ""
    dropped: bool = False
    words: list[Word] = field(default_factory=list)

    @property
    def transcript(self) -> str:
        """What its deltas say in a row."""
        return "".join(word.text for word in self.words).lstrip()


class Items:
    """Those of one session. Each method returns the events that follow from what it is told, in order."""

    def __init__(self, *, new_id: Callable[[], str] = lambda: wire.new_id("item")) -> None:
        self.turn_detection = True
        self.with_logprobs = False
        self._new_id = new_id
        self._marked: deque[Item] = deque()  # cut by the client, and not all is said; oldest first
        self._open: Item | None = None
        self._lang = ""
        self._previous_id: str | None = None
        self._cut_ms = 0

    # --- from the client

    def commit(self, at_ms: int) -> Events:
        """What came since the last cut is an item; its mark is to follow. Raises Refusal where that is next to nothing."""
        had_ms = at_ms - self._cut_ms
        if had_ms < MIN_COMMIT_MS:
            raise Refusal("input_audio_buffer_commit_empty", had_ms=f"{max(0, had_ms):.2f}")
        return [self._committed(self._cut(at_ms))]

    def clear(self, at_ms: int) -> bool:
        """What came since the last cut is forgotten; its mark is to follow. False: there was nothing."""
        if at_ms <= self._cut_ms:
            return False
        self._cut(at_ms).dropped = True
        return True

    def mark(self, mark: str) -> None:
        """This one stands behind the last cut."""
        self._marked[-1].mark = mark

    # --- from the recogniser

    def speech(self, state: str, at_ms: int) -> Events:
        """Speech begins, or ends and all of it is said; where the client alone cuts, that is nothing."""
        if not self.turn_detection or self._marked:
            return []
        item = self._open
        if state == "started":
            return [] if item is not None else [self._started(at_ms)]
        if item is None:
            return []
        self._open = None
        item.end_ms = self._cut_ms = max(at_ms, item.start_ms)
        stopped = wire.SpeechStopped(audio_end_ms=item.end_ms, item_id=item.id)
        return [stopped, self._committed(item), *self._completed(item)]

    def words(self, words: Sequence[Word], lang: str = "") -> Events:
        """Words that are final."""
        self._lang = lang or self._lang
        events: Events = []
        item = self._marked[0] if self._marked else self._open
        if item is None and words:
            if self.turn_detection:
                events.append(self._started(words[0].start_ms))
            item = self._open = self._open or self._new(self._cut_ms)
        if item is None or item.dropped:
            return events
        text = "".join(word.text for word in words)
        text = text if item.words else text.lstrip()
        item.words += words
        if text:
            events.append(wire.Delta(item_id=item.id, delta=text, logprobs=self._logprobs(words)))
        return events

    def reached(self, mark: str) -> Events:
        """All audio before a mark is text. One that a successor reaches again is nothing new."""
        events: Events = []
        if any(item.mark == mark for item in self._marked):
            item = None
            while item is None or item.mark != mark:
                item = self._marked.popleft()
                events += self._completed(item)
        return events

    def finish(self) -> Events:
        """Nothing more comes."""
        events: Events = []
        while self._marked:
            events += self._completed(self._marked.popleft())
        if (item := self._open) is not None:
            self._open = None
            item.end_ms = max(item.start_ms, item.words[-1].end_ms if item.words else 0)
            events += [self._committed(item), *self._completed(item)]
        return events

    def fail(self, code: str) -> Events:
        """What is not complete stays so."""
        items = [*self._marked, *([] if self._open is None else [self._open])]
        self._marked.clear()
        self._open = None
        error = refusals.problem(Refusal(code))
        return [wire.Failed(item_id=item.id, error=error) for item in items if not item.dropped]

    # --- inside

    def _new(self, start_ms: int) -> Item:
        return Item(self._new_id(), max(start_ms, 0))

    def _started(self, at_ms: int) -> wire.SpeechStarted:
        item = self._open = self._new(at_ms)
        return wire.SpeechStarted(audio_start_ms=item.start_ms, item_id=item.id)

    def _cut(self, at_ms: int) -> Item:
        item = self._open or self._new(self._cut_ms)
        self._open = None
        item.end_ms = self._cut_ms = at_ms
        self._marked.append(item)
        return item

    def _committed(self, item: Item) -> wire.Committed:
        previous, self._previous_id = self._previous_id, item.id
        return wire.Committed(previous_item_id=previous, item_id=item.id)

    def _completed(self, item: Item) -> Events:
        if item.dropped:
            return []
        segments = [
            wire.Segment(
                item_id=item.id, id=wire.new_id("seg"), text=each.text,
                start=each.start_ms / 1000, end=each.end_ms / 1000,
            )
            for each in sentences(item.words, self._lang)
        ]  # fmt: skip
        usage = wire.Usage(seconds=max(0, item.end_ms - item.start_ms) / 1000)
        done = wire.Completed(
            item_id=item.id, transcript=item.transcript, usage=usage, logprobs=self._logprobs(item.words)
        )
        return [*segments, done]

    def _logprobs(self, words: Sequence[Word]) -> list[wire.LogProb] | None:
        return logprobs(words) if self.with_logprobs else None
