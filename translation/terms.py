"""A talk's terms in its translations: each reads as its glossary says, in whatever engine. Pure.

A sentence is translated as it is; mostly its terms are right then, or stand there as they were spoken and are replaced. Where one was
translated otherwise, the sentence is translated again with placeholders, which a sentence model leaves alone. Where it loses one of these,
too, its own translation of the whole sentence stays: another word than was wanted, but no sentence with a hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rooms.glossary import Term
from translation.engines import codes
from translation.engines.base import EngineError

Translate = Callable[[Sequence[str]], list[str]]
Occurrence = tuple[int, int, "Wanted"]  # where in a text, and which
MOST_IN_A_TEXT: Final = 12  # placeholders that a model keeps apart
# Written without spaces, or with particles that follow at once: words have no edge there.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_FIRST_CLAIM = 0xE000  # characters that nobody says (Unicode's private use), for what is settled
_CLAIM = re.compile("[\ue000-\uf8ff]")
_SENTENCE_START = re.compile(r"(?:^|[.!?…]\s+)[\"'“„«(¿¡]*$")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A term, and how it must read in the language that is translated into."""

    term: str
    reads: str


def wanted_in(terms: Sequence[Term], target: str) -> tuple[Wanted, ...]:
    """What a glossary asks of translations into `target`: a term that its line has nothing for stays as it is."""
    found = []
    for term in terms:
        readings = dict(term.translations)
        own = codes.native(target, readings)
        found.append(Wanted(term.text, readings[own] if own else term.text))
    return tuple(found)


def occurrences(text: str, wanted: Sequence[Wanted]) -> list[Occurrence]:
    """The terms in a text, in its order; of several at one place the longest."""
    if not wanted or not text:
        return []
    pattern, by_key = _compiled(tuple(wanted))
    found = [(match.start(), match.end(), by_key[_key(match.group())]) for match in pattern.finditer(text)]
    return found[:MOST_IN_A_TEXT]


def with_terms(
    translate: Translate,
    texts: Sequence[str],
    wanted: Sequence[Wanted],
    *,
    between: Callable[[], None] = lambda: None,
) -> list[str]:
    """Translate in one call, and in a second one what lost a term; `between` is called before that."""
    translated = translate(texts)
    found = {at: there for at, text in enumerate(texts) if (there := occurrences(text, wanted))}
    open_texts: list[int] = []
    for at, there in found.items():
        settled = settle(translated[at], [each for _, _, each in there])
        if settled is None:
            open_texts.append(at)
        else:
            translated[at] = settled
    if open_texts:
        between()
        again = _masked(translate, [texts[at] for at in open_texts], [found[at] for at in open_texts])
        for at, text in zip(open_texts, again, strict=True):
            filled = fill(text, found[at])
            translated[at] = translated[at] if filled is None else filled
    return translated


def settle(translated: str, wanted: Sequence[Wanted]) -> str | None:
    """The translation with every term as it must read; None where it has neither that nor the term as it was spoken."""
    if _CLAIM.search(translated):
        return None
    claims: list[str] = []
    missing = []
    for each in sorted(dict.fromkeys(wanted), key=lambda each: -len(each.reads)):
        if found := _claim(translated, each.reads, claims, None):
            translated = found
        else:
            missing.append(each)
    for each in sorted(missing, key=lambda each: -len(each.term)):
        found = _claim(translated, each.term, claims, each.reads)
        if not found:
            return None
        translated = found
    return _CLAIM.sub(lambda match: claims[ord(match.group()) - _FIRST_CLAIM], translated)


def mask(text: str, found: Sequence[Occurrence]) -> str:
    """The text with a placeholder for each term."""
    parts, at = [], 0
    for number, (start, end, _) in enumerate(found):
        parts += [text[at:start], placeholder(number)]
        at = end
    return "".join([*parts, text[at:]])


def fill(translated: str, found: Sequence[Occurrence]) -> str | None:
    """The translation of a masked text with its terms; None where not every placeholder came back, once each."""
    for number, (_, _, each) in enumerate(found):
        back = list(_pattern(placeholder(number)).finditer(translated))
        if len(back) != 1:
            return None
        match = back[0]
        starts = _SENTENCE_START.search(translated[: match.start()]) is not None
        reads = _capitalised(each.reads) if starts else each.reads
        translated = translated[: match.start()] + reads + translated[match.end() :]
    return translated


def placeholder(number: int) -> str:
    """What stands for a term: a word that no language has, and nothing that guard.py would keep by translating around it."""
    return f"XQ{chr(ord('A') + number)}"


def _masked(translate: Translate, texts: Sequence[str], found: Sequence[Sequence[Occurrence]]) -> list[str]:
    """The masked texts' translations; "" each where the engine fails now: it has translated them without."""
    try:
        return translate([mask(text, there) for text, there in zip(texts, found, strict=True)])
    except EngineError:
        return [""] * len(texts)


def _claim(text: str, words: str, claims: list[str], reads: str | None) -> str:
    """The text with each place of `words` claimed, to read as `reads` (None: as it stands there); "" where there is none."""

    def claimed(match: re.Match[str]) -> str:
        there = match.group()
        again = (
            there
            if reads is None
            else _capitalised(reads)
            if there[:1].isupper() and words[:1].islower()
            else reads
        )
        claims.append(again)
        return chr(_FIRST_CLAIM + len(claims) - 1)

    new, count = _pattern(words).subn(claimed, text)
    return new if count else ""


@lru_cache(maxsize=64)
def _compiled(wanted: tuple[Wanted, ...]) -> tuple[re.Pattern[str], dict[str, Wanted]]:
    """One pattern for all terms, the longest first, and each by what it matches."""
    by_key: dict[str, Wanted] = {}
    for each in wanted:
        by_key.setdefault(_key(each.term), each)
        by_key.setdefault(_key(_capitalised(each.term)), each)
    ordered = sorted(wanted, key=lambda each: -len(each.term))
    return re.compile("|".join(_edged(each.term) for each in ordered)), by_key


@lru_cache(maxsize=1024)
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(_edged(words))


def _edged(words: str) -> str:
    """A pattern for whole words: several in any case; one as it is spelt ("Go" is not "go"), or as it begins a sentence."""
    first, parts = words[:1], words.split()
    before = "" if re.match(f"[{_UNSPACED}]", first) else r"(?<!\w)"
    after = "" if re.match(f"[{_UNSPACED}]", words[-1:]) else r"(?![\w+#])"
    if len(parts) > 1:
        return before + "(?i:" + r"\s+".join(map(re.escape, parts)) + ")" + after
    head = f"[{first}{first.upper()}]" if first.islower() and len(first.upper()) == 1 else re.escape(first)
    return f"{before}{head}{re.escape(words[1:])}{after}"


def _key(text: str) -> str:
    parts = text.split()
    return " ".join(parts).casefold() if len(parts) > 1 else text


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
