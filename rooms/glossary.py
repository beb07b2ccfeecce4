"""The glossary of a talk: its names and terms, a line each, and how they read in other languages. Pure.

    PostgreSQL
    borrow checker = pt: verificador de empréstimos, de: Borrow-Checker

Captions should spell them so. In a translation a term reads as its line says for that language, and stays as it is in all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

MOST_LINES: Final = 200
MOST_CHARS: Final = 20_000  # of all lines together
TERM_MOST_CHARS: Final = 80
LINE_MOST_CHARS: Final = 300
# "E=mc²" is a term: what separates it from its translations has white space on one side at least.
_SEPARATOR = re.compile(r"\s=\s*|=\s|=$")
_LANG = re.compile(r"(?:^|,)\s*([A-Za-z]{2,3}(?:-[A-Za-z]{2,8})?)\s*:")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\ud800-\udfff\ue000-\uf8ff]")


@dataclass(frozen=True, slots=True)
class Term:
    """A name or term as it is spoken, and how it reads in other languages, by their codes."""

    text: str
    translations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line (from 1) is no term: a code, and what words for people may name."""

    line: int
    code: str
    named: str = ""


@dataclass(frozen=True, slots=True)
class Glossary:
    """The lines that can be used, and what is wrong with the others."""

    terms: tuple[Term, ...] = ()
    problems: tuple[LineProblem, ...] = ()


@dataclass
class _Reader:
    terms: list[Term] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def add(self, number: int, line: str) -> None:
        try:
            term = _term(line)
            if term.text in self.seen:
                raise _Problem("term_twice", term.text)
        except _Problem as problem:
            self.problems.append(LineProblem(number, problem.code, problem.named))
        else:
            self.seen.add(term.text)
            self.terms.append(term)


class _Problem(Exception):
    def __init__(self, code: str, named: str = "") -> None:
        super().__init__(code)
        self.code, self.named = code, named


def parse(text: str) -> Glossary:
    """Every line that is not empty; what is beyond the bounds is a problem of the first line beyond them."""
    reader, chars = _Reader(), 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        chars += len(line)
        if not line.strip():
            continue
        if len(reader.terms) + len(reader.problems) >= MOST_LINES:
            reader.problems.append(LineProblem(number, "too_many_lines"))
            break
        if chars > MOST_CHARS:
            reader.problems.append(LineProblem(number, "too_long"))
            break
        reader.add(number, line)
    return Glossary(tuple(reader.terms), tuple(reader.problems))


def line_of(term: Term) -> str:
    """The line that `parse` reads as this term."""
    readings = ", ".join(f"{lang}: {text}" for lang, text in term.translations)
    return f"{term.text} = {readings}" if readings else term.text


def with_terms(text: str, added: Iterable[str]) -> str:
    """The glossary with lines for these terms, behind those that it has; none twice."""
    there = {term.text for term in parse(text).terms}
    new = [
        term for term in dict.fromkeys(" ".join(each.split()) for each in added) if term and term not in there
    ]
    return "\n".join([*([text.rstrip()] if text.strip() else []), *new])


def _term(line: str) -> Term:
    if _UNPRINTABLE.search(line):
        raise _Problem("unprintable")
    if len(line) > LINE_MOST_CHARS:
        raise _Problem("line_too_long")
    text, *rest = _SEPARATOR.split(line.strip(), maxsplit=1)
    text = " ".join(text.split())
    if not any(char.isalnum() for char in text):
        raise _Problem("no_term")
    if len(text) > TERM_MOST_CHARS:
        raise _Problem("term_too_long")
    return Term(text, _translations(rest[0]) if rest else ())


def _translations(text: str) -> tuple[tuple[str, str], ...]:
    """`pt: …, de: …`; a translation may hold commas."""
    text = text.strip()
    before, *parts = _LANG.split(text)
    if not parts:
        raise _Problem("no_language" if text else "no_translation", text[:TERM_MOST_CHARS])
    if before.strip():
        raise _Problem("no_language", before.strip()[:TERM_MOST_CHARS])
    found: dict[str, str] = {}
    for code, reading in zip(parts[::2], parts[1::2], strict=True):
        lang, reading = _tag(code), " ".join(reading.rstrip(" ,").split())
        if not reading:
            raise _Problem("no_translation", lang)
        if len(reading) > TERM_MOST_CHARS:
            raise _Problem("translation_too_long", lang)
        if lang in found:
            raise _Problem("language_twice", lang)
        found[lang] = reading
    return tuple(found.items())


def _tag(code: str) -> str:
    """A language tag as it is written: pt-BR, zh-Hant (RFC 5646, 2.1.1)."""
    lang, _, rest = code.lower().partition("-")
    if not rest:
        return lang
    return f"{lang}-{rest.upper() if len(rest) == 2 else rest.capitalize() if len(rest) == 4 else rest}"
