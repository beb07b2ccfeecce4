"""A transcript as JSON for programs. Pure; its schema is docs/openapi/transcript.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SENTENCES_AT_ONCE = 200


class JsonSentence(BaseModel):
    """A sentence as it was said, with its translations."""

    model_config = ConfigDict(extra="forbid")

    index: int = Field(description="Counts within the part; numbers of removed sentences are left out.")
    paragraph: int = Field(
        description="Sentences with the same number belong together; a long pause begins another."
    )
    start_ms: int = Field(description="Since the part's first sample.")
    end_ms: int
    speaker: int | None = Field(description="Counts from 0; null: unknown.")
    text: str
    translations: dict[str, str] = Field(description="By language; those that are of the present text.")


class JsonPart(BaseModel):
    """A stretch of a talk in one spoken language."""

    model_config = ConfigDict(extra="forbid")

    number: int
    broadcast: int = Field(
        description="Parts of one broadcast follow each other, with restarts between them."
    )
    started_at: datetime
    ended_at: datetime | None = Field(description="Null: it is still spoken.")
    language: str
    sentences: list[JsonSentence]


class JsonTranscript(BaseModel):
    """A whole file."""

    model_config = ConfigDict(extra="forbid", title="Transcript")

    format: Literal["souffleur-transcript"] = "souffleur-transcript"
    format_version: Literal[1] = 1
    room: str = Field(description="The talk's code.")
    title: str
    speakers: list[str]
    event: str
    place: str
    languages: list[str] = Field(description="Spoken languages first, then those of translations.")
    parts: list[JsonPart]


def render_json(
    head: JsonTranscript, parts: Iterable[tuple[JsonPart, Iterable[JsonSentence]]]
) -> Iterator[str]:
    """The file in pieces: `head` without parts, then each part with its sentences."""
    yield _open(head, "parts")
    for number, (part, sentences) in enumerate(parts):
        yield ("," if number else "") + "\n" + _open(part, "sentences")
        batch: list[str] = []
        before = ""
        for sentence in sentences:
            batch.append(sentence.model_dump_json())
            if len(batch) >= SENTENCES_AT_ONCE:
                yield before + "\n" + ",\n".join(batch)
                batch, before = [], ","
        yield (before + "\n" + ",\n".join(batch) if batch else "") + "]}"
    yield "]}\n"


def _open(model: BaseModel, last: str) -> str:
    """The object up to where the items of its last field, which is an empty list, begin."""
    text = model.model_dump_json()
    end = f'"{last}":[]}}'
    if not text.endswith(end):
        raise ValueError(f"{last} must be empty and come last")
    return text.removesuffix("]}")
