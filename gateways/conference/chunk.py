"""The conference's transcript chunk (docs/wires/conference.md): the newest sentences as one whole state. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateways.conference.wire import Chunk, LineView, SentenceView
from transcripts.events import Partial, SentenceChanged, SentenceRemoved
from transcripts.sentences import keep_newest, rest_of

Key = tuple[int, int]  # part number, index
SPEAKER_UNKNOWN = -1


@dataclass
class Spoken:
    """One sentence, or a piece of one: as it was spoken, and its translations by language."""

    source: SentenceChanged | None = None
    translations: dict[str, SentenceChanged] = field(default_factory=dict)

    @property
    def ends(self) -> bool:
        """Whether a sentence that was spoken ends here."""
        return self.source is not None and self.source.ends


class CaptionWindow:
    """The newest `size` spoken sentences of one broadcast with their translations, and what is unfinished.

    A long one is several of this wire's, its translation stands at the first and is empty at the others.
    `first_part`: the number of the broadcast's first part. Each part is one line of this wire, whatever its pauses: the
    web client pads the lines that a late viewer lacks with empty blocks.
    """

    def __init__(self, size: int, *, first_part: int = 1) -> None:
        self._size = size
        self._first_part = first_part
        self._sentences: dict[Key, Spoken] = {}
        self._partial: Partial | None = None
        self.transcription_delay_s = 0.0
        self.translation_delay_s = 0.0

    def apply(self, event: SentenceChanged) -> None:
        """Take a new or changed sentence; an older text than the present one is ignored."""
        spoken = self._sentences.setdefault((event.part, event.index), Spoken())
        if event.of_version is None:
            if spoken.source is None or spoken.source.version < event.version:
                spoken.source = event
            self._partial = self._partial and (rest_of(self._partial, event) or self._partial)
        else:
            known = spoken.translations.get(event.lang)
            if known is None or known.version < event.version:
                spoken.translations[event.lang] = event
        keep_newest(self._sentences, self._size)

    def replace(self, events: Iterable[SentenceChanged]) -> None:
        """These are all there are."""
        self._sentences.clear()
        for event in events:
            self.apply(event)

    def show_partial(self, event: Partial) -> None:
        """Take the unfinished text; an older part that still finishes does not hide the newer one's."""
        if self._partial is None or event.part >= self._partial.part:
            self._partial = event

    @property
    def incomplete(self) -> str:
        """The unfinished words; none while a sentence holds some of them, whichever of both hints came first."""
        partial = self._partial
        if partial is None or any(
            part == partial.part and index >= partial.index and spoken.source is not None
            for (part, index), spoken in self._sentences.items()
        ):
            return ""
        return partial.text

    def remove(self, event: SentenceRemoved) -> None:
        """Drop a text that was removed."""
        spoken = self._sentences.get((event.part, event.index))
        if spoken is None:
            return
        spoken.translations.pop(event.lang, None)
        if spoken.source is not None and spoken.source.lang == event.lang:
            del self._sentences[event.part, event.index]
            if self._partial is not None and (self._partial.part, self._partial.index) <= (
                event.part,
                event.index,
            ):
                self._partial = None  # its words were that sentence's

    def render(self) -> str:
        """The chunk as JSON text."""
        lines: dict[int, list[Spoken]] = {}
        for _, spoken in sorted(self._sentences.items(), key=lambda item: item[0]):
            if spoken.source is not None:
                lines.setdefault(spoken.source.part - self._first_part, []).append(spoken)
        chunk = Chunk(
            last_n_sents=[_line(index, said) for index, said in lines.items()],
            incomplete_sentence=self.incomplete,
            transcription_delay=self.transcription_delay_s,
            translation_delay=self.translation_delay_s,
        )
        return json.dumps(chunk.model_dump(), ensure_ascii=False)


def _line(index: int, said: Iterable[Spoken]) -> LineView:
    """One line of the chunk; each sentence in its language, and in those whose translation is of the present text."""
    sources = [(spoken.source, spoken.translations) for spoken in said if spoken.source is not None]
    return LineView(
        line_idx=index,
        beg=sources[0][0].start_ms // 1000,
        end=sources[-1][0].end_ms // 1000,
        speaker=SPEAKER_UNKNOWN,
        sentences=[
            SentenceView(
                sent_idx=source.index,
                content={source.lang: source.text}
                | {
                    lang: item.text
                    for lang, item in translations.items()
                    if item.of_version == source.version
                },
            )
            for source, translations in sources
        ],
    )
