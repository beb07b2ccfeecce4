"""A stored transcript, read whole: its parts, its languages, its sentences with their translations."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from rooms.access import Identity
from rooms.errors import Forbidden, NotFound
from rooms.models import Room
from transcripts.models import Part, Sentence, Track
from transcripts.selectors import readable_parts
from transcripts.sentences import in_sentences
from transcripts.text import joined


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored piece of a sentence, as people may correct it (transcripts/editing.py)."""

    index: int
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """A whole sentence: what was said, and those translations of it that are of its present text.

    `index`: of its first piece. `line`: sentences of one line are a paragraph. `speaker` -1: unknown.
    """

    index: int
    line: int
    start_ms: int
    end_ms: int
    speaker: int
    text: str
    pieces: tuple[Piece, ...]
    translations: dict[str, str]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a caller may read of a room. `parts`: oldest first, those in which something was said.

    `langs`: spoken languages first, then those of translations.
    """

    room: Room
    parts: list[Part]
    langs: list[str]

    @property
    def spoken_langs(self) -> list[str]:
        """In the order in which they were spoken first."""
        return list(dict.fromkeys(part.source_lang for part in self.parts))


def transcript_of(room: Room, identity: Identity | None, *, part: int | None = None) -> Transcript:
    """The room's transcript, or one part of it. Three queries; sentences are read by `sentences_of`.

    Raises NotFound (`no_transcript`) where nothing is stored, Forbidden (`no_access`) where it is for others.
    """
    said = Exists(Sentence.objects.filter(part=OuterRef("pk")))
    stored = Part.objects.filter(said, room=room)
    if part is not None:
        stored = stored.filter(number=part)
    parts = list(stored.filter(pk__in=readable_parts(identity).values("pk")).order_by("number"))
    if not parts:
        raise Forbidden("no_access") if stored.exists() else NotFound("no_transcript")
    here = Exists(Sentence.objects.filter(track=OuterRef("pk"), part__in=parts))
    found = Track.objects.filter(here, room=room).order_by("lang").values_list("lang", flat=True)
    spoken = list(dict.fromkeys(item.source_lang for item in parts))
    return Transcript(room, parts, [*spoken, *(lang for lang in found if lang not in spoken)])


def count_sentences(parts: Collection[Part]) -> int:
    """How many rows they have in all languages: what reading them costs."""
    return Sentence.objects.filter(part__in=parts).count()


def sentences_of(part: Part, langs: Collection[str]) -> list[ReadSentence]:
    """The part's sentences in reading order with their translations into `langs`. One query."""
    wanted = {part.source_lang, *langs}
    rows = (
        Sentence.objects.filter(part=part, track__lang__in=wanted)
        .order_by("index")
        .values_list("track__lang", "index", "line", "start_ms", "end_ms", "speaker", "text", "ends", "version", "of_version")
    )  # fmt: skip
    spoken: list[Sentence] = []
    translated: dict[tuple[str, int], tuple[str, int | None]] = {}
    for lang, index, line, start_ms, end_ms, speaker, text, ends, version, of_version in rows:
        if lang == part.source_lang:
            spoken.append(
                Sentence(index=index, line=line, start_ms=start_ms, end_ms=end_ms, speaker=speaker, text=text, ends=ends, version=version)
            )  # fmt: skip
        else:
            translated[lang, index] = (text, of_version)
    others = sorted(wanted - {part.source_lang})
    sentences = in_sentences(spoken, lambda row: (part.pk, row.index))
    return [_whole(pieces, part.source_lang, others, translated) for pieces in sentences]


def _whole(
    pieces: list[Sentence],
    source_lang: str,
    langs: list[str],
    translated: dict[tuple[str, int], tuple[str, int | None]],
) -> ReadSentence:
    translations = {}
    for lang in langs:
        found = [translated.get((lang, piece.index)) for piece in pieces]
        texts = [
            item[0] for item, piece in zip(found, pieces, strict=True) if item and item[1] == piece.version
        ]
        if len(texts) == len(pieces) and any(texts):
            translations[lang] = joined(texts, lang)
    first, last = pieces[0], pieces[-1]
    return ReadSentence(
        index=first.index, line=first.line, start_ms=first.start_ms, end_ms=last.end_ms, speaker=first.speaker,
        text=joined((piece.text for piece in pieces), source_lang),
        pieces=tuple(Piece(piece.index, piece.version, piece.text) for piece in pieces),
        translations=translations,
    )  # fmt: skip
