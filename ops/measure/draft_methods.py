"""Ways to translate a sentence while it is said (draft_policies.py), compared on what the recogniser told of a talk: no stack, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from asr.caption.captioner import Captioner, CaptionEvent, SentenceEnded, SentenceReady
from asr.caption.partial import PartialText
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper
from translation.fragments import asked_for, is_unfinished, own_part

from .draft_policies import METHODS, Method
from .replay import Clock, VirtualClock, replay
from .talk import Talk
from .translated import Figures, Place, Shown, figures, spoken_ends_s

CALL_S = 0.1  # of an engine
TO_VIEWER_S = 0.05
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
    sentences: Sequence[SaidSentence], make: Callable[[str], Method], translate: Translate
) -> tuple[list[Shown], int]:
    """What a reader saw, and how many calls were made; one at a time, of the newest words. A sentence behind one without an end is translated with it."""
    shown: list[Shown] = []
    calls, before = 0, ""
    for index, sentence in enumerate(each for each in sentences if each.text):
        drafts = list(_drafts(sentence, make(before), translate))
        calls += len(drafts) + 1
        final_s = sentence.ended_s + CALL_S + TO_VIEWER_S
        place: Place = (1, index)
        shown += [Shown(at_s, place, text) for at_s, text in drafts if at_s < final_s and text]
        final = own_part([translate(text) for text in asked_for(sentence.text, before)])
        shown.append(Shown(final_s, place, final or "", final=True))
        before = sentence.text if is_unfinished(sentence.text) else ""
    return shown, calls


def _drafts(sentence: SaidSentence, method: Method, translate: Translate) -> Iterator[tuple[float, str]]:
    busy_until_s = 0.0
    for said in sentence.said:
        prefix = method.due(said.confirmed, said.tentative) if said.at_s >= busy_until_s else None
        if prefix is not None:
            busy_until_s = said.at_s + CALL_S
            method.take(prefix, [translate(text) for text in prefix.versions])
            yield busy_until_s + TO_VIEWER_S, method.text
