"""Ways to translate a sentence while it is said, compared on what the recogniser told of a talk: no stack, no waiting.

A method says what is translated when, and what is shown of it; the one that is used is translation/drafting.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

from asr.caption.captioner import Captioner, CaptionEvent, PartialText, SentenceEnded, SentenceReady
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper
from translation.drafting import CLAUSE_ENDS, Drafting, Prefix
from translation.stitching import alike, words

from .replay import Clock, VirtualClock, replay
from .talk import Talk
from .translated import Figures, Place, Shown, figures, spoken_ends_s

CALL_S = 0.1  # of an engine
TO_VIEWER_S = 0.05
CLAUSE_WORDS = 5
Translate = Callable[[str], str]


@dataclass(frozen=True)
class Said:
    """From this time on so much of a sentence is confirmed, and so much more is heard."""

    at_s: float
    confirmed: str
    tentative: str


@dataclass
class SaidSentence:
    """A sentence as it became longer, and at last whole."""

    said: list[Said] = field(default_factory=list)
    text: str = ""
    ended_s: float = 0.0


class Recorder(Captioner):
    """A captioner that keeps how each sentence was told; its pieces are one."""

    def __init__(self, *args: object, clock: Clock, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.sentences: list[SaidSentence] = [SaidSentence()]
        self._clock = clock

    def poll(self) -> list[CaptionEvent]:
        """As a captioner's."""
        return self._kept(super().poll())

    def flush(self) -> list[CaptionEvent]:
        """As a captioner's."""
        return self._kept(super().flush())

    def _kept(self, events: list[CaptionEvent]) -> list[CaptionEvent]:
        for event in events:
            now = self.sentences[-1]
            if isinstance(event, PartialText):
                whole = f"{now.text} {event.text}".strip()
                confirmed = len(whole) - len(event.text) + event.confirmed_chars
                now.said.append(Said(self._clock.now_s(), whole[:confirmed], whole[confirmed:]))
            elif isinstance(event, SentenceReady):
                now.text, now.ended_s = f"{now.text} {event.text}".strip(), self._clock.now_s()
            if isinstance(event, SentenceEnded) or (isinstance(event, SentenceReady) and event.ends):
                self.sentences.append(SaidSentence())
        return events


class Method(Protocol):
    """Of one sentence. As `Drafting`."""

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """What is to be translated now."""

    def take(self, prefix: Prefix, translation: str) -> None:
        """Its translation."""

    @property
    def text(self) -> str:
        """What is shown."""


class Continued(Drafting):
    """The one that is used."""

    @property
    def text(self) -> str:
        """What is shown."""
        return self.shown.text


class Whole:
    """Nothing before the sentence is over."""

    text = ""

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """Never."""
        return None

    def take(self, prefix: Prefix, translation: str) -> None:
        """Never."""


class Retranslated:
    """Each longer beginning anew: all of it, or what two in a row agree on."""

    def __init__(self, *, agreed: bool = False) -> None:
        self.text, self._agreed, self._before, self._chars = "", agreed, list[str](), 0

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """Whenever more is confirmed."""
        return Prefix(confirmed, len(confirmed)) if len(confirmed) > self._chars else None

    def take(self, prefix: Prefix, translation: str) -> None:
        """It replaces what was shown."""
        newer, before, self._chars = words(translation), self._before, prefix.chars
        self._before = newer
        self.text = "".join(newer[: alike(newer, before)] if self._agreed else newer).strip()


class Clauses:
    """Stretches translated by themselves and kept: to the end of a clause, or `every` so many words."""

    def __init__(self, *, every: int = 0) -> None:
        self.text, self._every, self._chars = "", every, 0

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """The next stretch that is whole."""
        new, chars = words(confirmed[self._chars :]), self._chars
        for count, word in enumerate(new, 1):
            chars += len(word)
            if count == self._every or (
                not self._every and count >= CLAUSE_WORDS and word.endswith(CLAUSE_ENDS)
            ):
                return Prefix(confirmed[self._chars : chars].strip(), chars)
        return None

    def take(self, prefix: Prefix, translation: str) -> None:
        """It is appended."""
        self.text, self._chars = f"{self.text} {translation}".strip(), prefix.chars


METHODS: dict[str, Callable[[], Method]] = {
    "whole sentences": Whole,
    "every prefix": Retranslated,
    "what two agree on": lambda: Retranslated(agreed=True),
    "clauses, kept": Clauses,
    "every 8 words, kept": lambda: Clauses(every=8),
    "agreed on, kept, continued": Continued,
}


def recorded(talk: Talk, model: Whisper) -> list[SaidSentence]:
    """How the recogniser tells a talk, by a virtual clock."""
    options, clock = replace(EngineOptions(), language=talk.language), VirtualClock()

    def make(start_ms: int) -> Recogniser:
        return StreamingRecogniser(model, options, start_ms)

    recorder = Recorder(make, options, clock=clock)
    replay(talk, recorder, policy=options.policy, clock=clock)
    return recorder.sentences


def compared(
    talk: Talk, sentences: Sequence[SaidSentence], translate: Translate
) -> Iterator[tuple[str, Figures]]:
    """Each method's figures."""
    translated = cache(translate)
    texts = {(1, index): each.text for index, each in enumerate(each for each in sentences if each.text)}
    ends_s = spoken_ends_s(talk.words, texts)
    for name, make in METHODS.items():
        shown, calls = simulated(sentences, make, translated)
        yield name, figures(shown, ends_s, calls=calls)


def simulated(
    sentences: Sequence[SaidSentence], make: Callable[[], Method], translate: Translate
) -> tuple[list[Shown], int]:
    """What a reader saw, and how many calls were made; one at a time, of the newest words."""
    shown: list[Shown] = []
    calls = 0
    for index, sentence in enumerate(each for each in sentences if each.text):
        drafts = list(_drafts(sentence, make(), translate))
        calls += len(drafts) + 1
        final_s = sentence.ended_s + CALL_S + TO_VIEWER_S
        place: Place = (1, index)
        shown += [Shown(at_s, place, text) for at_s, text in drafts if at_s < final_s and text]
        shown.append(Shown(final_s, place, translate(sentence.text), final=True))
    return shown, calls


def _drafts(sentence: SaidSentence, method: Method, translate: Translate) -> Iterator[tuple[float, str]]:
    busy_until_s = 0.0
    for said in sentence.said:
        prefix = method.due(said.confirmed, said.tentative) if said.at_s >= busy_until_s else None
        if prefix is not None:
            busy_until_s = said.at_s + CALL_S
            method.take(prefix, translate(prefix.text))
            yield busy_until_s + TO_VIEWER_S, method.text
