"""Transcripts as files to download: what is read goes through `exports`, part by part.

A file is made in pieces and never whole in memory, but for documents, which are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from rooms.access import Identity
from rooms.errors import BadInput, NotFound
from rooms.models import Room
from transcripts.exports import subtitles
from transcripts.exports.cues import Spoken, cues
from transcripts.exports.document import Paragraph, Section, render_document
from transcripts.exports.names import file_name
from transcripts.exports.structured import JsonPart, JsonSentence, JsonTranscript, render_json
from transcripts.models import Part
from transcripts.reading import ReadSentence, Transcript, count_sentences, sentences_of, transcript_of
from transcripts.selectors import transcript_text
from transcripts.text import joined

SENTENCES_MOST = 100_000  # in all languages: two days of speech
DOCUMENT_SENTENCES_MOST = 20_000
TYPES = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be downloaded. `lang` "": the language that was spoken first; `beside`: a second one (documents).

    `part` None: all of them.
    """

    form: str
    lang: str = ""
    beside: str = ""
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file: its name and type, and what is in it."""

    name: str
    content_type: str
    content: Iterable[str | bytes]


def download(room: Room, wish: Wish, identity: Identity | None) -> Download:
    """The file; its text is read while it is taken. Raises NotFound, Forbidden, BadInput (`unknown_format`, `transcript_too_long`)."""
    make = _MAKERS.get(wish.form)
    if make is None:
        raise BadInput("unknown_format")
    transcript = transcript_of(room, identity, part=wish.part)
    langs = [wish.lang or transcript.langs[0], *([wish.beside] if wish.beside else [])]
    if not set(langs) <= set(transcript.langs) or len(set(langs)) < len(langs):
        raise NotFound("no_transcript")
    most = DOCUMENT_SENTENCES_MOST if wish.form == "docx" else SENTENCES_MOST
    if count_sentences(transcript.parts) > most:
        raise BadInput("transcript_too_long")
    named = "" if wish.form == "json" else "-".join(langs)
    name = file_name(room.code, room.title, langs=named, part=wish.part, ending=wish.form)
    return Download(name, TYPES[wish.form], make(transcript, langs, identity, wish))


Maker = Callable[[Transcript, list[str], Identity | None, Wish], Iterable[str | bytes]]


def _txt(transcript: Transcript, langs: list[str], identity: Identity | None, wish: Wish) -> Iterable[str]:
    return [transcript_text(transcript.room, langs[0], identity, part=wish.part)]


def _srt(transcript: Transcript, langs: list[str], identity: Identity | None, wish: Wish) -> Iterable[str]:
    return subtitles.srt(cues(_spoken(transcript, langs[0])), lang=langs[0])


def _vtt(transcript: Transcript, langs: list[str], identity: Identity | None, wish: Wish) -> Iterable[str]:
    return subtitles.vtt(cues(_spoken(transcript, langs[0])), lang=langs[0])


def _json(transcript: Transcript, langs: list[str], identity: Identity | None, wish: Wish) -> Iterable[str]:
    room = transcript.room
    head = JsonTranscript(
        room=room.code, title=room.title, speakers=room.presenters, event=room.event.title, place=room.location,
        languages=transcript.langs, parts=[],
    )  # fmt: skip
    return render_json(
        head, ((_json_part(part, room), _json_sentences(part, transcript)) for part in transcript.parts)
    )


def _docx(transcript: Transcript, langs: list[str], identity: Identity | None, wish: Wish) -> Iterable[bytes]:
    room = transcript.room
    yield render_document(
        title=room.title, subtitle=", ".join(room.presenters), langs=langs, lang_names=langs,
        sections=(_section(part, langs, room) for part in transcript.parts),
    )  # fmt: skip


_MAKERS: dict[str, Maker] = {"txt": _txt, "srt": _srt, "vtt": _vtt, "json": _json, "docx": _docx}


def _spoken(transcript: Transcript, lang: str) -> Iterator[Spoken]:
    """The sentences in one language, timed from the beginning of the first part."""
    began = transcript.parts[0].started_at
    for part in transcript.parts:
        behind_ms = round((part.started_at - began).total_seconds() * 1000)
        for item in sentences_of(part, [lang]):
            voice = f"Speaker {item.speaker + 1}" if item.speaker >= 0 else ""
            yield Spoken(item.start_ms + behind_ms, item.end_ms + behind_ms, text_in(item, part, lang), voice)


def text_in(item: ReadSentence, part: Part, lang: str) -> str:
    """The sentence in this language; what is not translated as it was said, marked so: "[en] …"."""
    if lang == part.source_lang:
        return item.text
    return item.translations.get(lang) or f"[{part.source_lang}] {item.text}"


def _json_part(part: Part, room: Room) -> JsonPart:
    zone = room.event.zone
    return JsonPart(
        number=part.number, broadcast=part.broadcast, started_at=part.started_at.astimezone(zone),
        ended_at=part.ended_at.astimezone(zone) if part.ended_at else None, language=part.source_lang, sentences=[],
    )  # fmt: skip


def _json_sentences(part: Part, transcript: Transcript) -> Iterator[JsonSentence]:
    for item in sentences_of(part, transcript.langs):
        yield JsonSentence(
            index=item.index, paragraph=item.line, start_ms=item.start_ms, end_ms=item.end_ms,
            speaker=item.speaker if item.speaker >= 0 else None, text=item.text, translations=item.translations,
        )  # fmt: skip


def _section(part: Part, langs: list[str], room: Room) -> Section:
    """A paragraph is a line; side by side a sentence, so that both can be compared."""
    paragraphs = []
    grouped = groupby(sentences_of(part, langs), key=lambda item: item.index if len(langs) > 1 else item.line)
    for _, group in grouped:
        items = list(group)
        texts = tuple(joined((text_in(item, part, lang) for item in items), lang) for lang in langs)
        voice = f"Speaker {items[0].speaker + 1}" if items[0].speaker >= 0 else ""
        paragraphs.append(Paragraph(clock(items[0].start_ms), voice, texts))
    return Section(f"{part.started_at.astimezone(room.event.zone):%Y-%m-%d %H:%M}", paragraphs)


def clock(ms: int) -> str:
    """1:02:03."""
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
