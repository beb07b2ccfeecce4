"""Recordings whose text is known: talks with word times, tables of utterances, audio with a text file beside it; whole folders of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .talk import Talk, load_talk, read_audio

AUDIO = (".flac", ".wav", ".ogg", ".opus", ".mp3", ".m4a", ".webm")


@dataclass(frozen=True)
class Recording:
    """A talk and the file of its audio; `talk.words` is empty where nobody knows the words' times."""

    path: Path
    talk: Talk


def load_recordings(path: Path, language: str = "en") -> list[Recording]:
    """Of `NAME.json` (a talk), of a table (file, language, reference), or of a folder all that it holds.

    A folder may also hold `NAME.txt`, the reference in `language`, beside the audio. Raises OSError or ValueError.
    """
    if not path.is_dir():
        return list(_of_table(path) if path.suffix == ".tsv" else _of_talk(path))
    found = [recording for file in sorted(path.iterdir()) for recording in _of_file(file, language)]
    if not found:
        raise ValueError(f"No audio with a reference in {path}")
    return found


def _of_file(path: Path, language: str) -> Iterator[Recording]:
    """What a file of a folder describes; other files, audio among them, describe nothing."""
    if path.suffix == ".tsv":
        yield from _of_table(path)
    elif path.suffix == ".json" and _audio_beside(path):
        yield from _of_talk(path)
    elif path.suffix == ".txt" and (audio := _audio_beside(path)):
        reference = " ".join(path.read_text().split())
        yield Recording(audio, Talk(path.stem, language, read_audio(audio), reference, (), ()))


def _of_talk(path: Path) -> Iterator[Recording]:
    audio = _audio_beside(path)
    if audio is None:
        raise ValueError(f"No audio beside {path}")
    yield Recording(audio, load_talk(path))


def _of_table(table: Path) -> Iterator[Recording]:
    """Rows of file, language and reference; the audio lies beside the table."""
    with table.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            audio = table.parent / row["file"]
            talk = Talk(audio.stem, row["language"], read_audio(audio), row["reference"], (), ())
            yield Recording(audio, talk)


def _audio_beside(path: Path) -> Path | None:
    return next((path.with_suffix(end) for end in AUDIO if path.with_suffix(end).exists()), None)
