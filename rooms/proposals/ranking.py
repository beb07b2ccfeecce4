"""Which words of a talk are worth a line of its glossary: names, and what its language seldom says. Pure but for word lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import wordfreq

MOST: Final = 60
TERM_MOST_CHARS: Final = 60
SHORTEST: Final = 3
RARE_ZIPF: Final = 3.2  # fewer than one word in 600,000
COMMON_ZIPF: Final = 4.6  # words of this kind make a term only of two that stand together again and again
TOGETHER_LEAST: Final = 3
WEIGHT_PROGRAMME: Final = 4.0  # title and abstract are few words, chosen with care
_WORD = re.compile(r"[^\W_](?:[\w+#.’'-]*[\w+#])?")
_SENTENCE_ENDS = re.compile(r"[.!?:;…\n•·–—|\"“”„()\[\]{}]+\s*")
_SPELT = re.compile(r"[A-Z].*[A-Z\d]|[a-z]+[A-Z]|[A-Za-z].*\d|.*[+#]$")  # PostgreSQL, eBPF, H264, C++
_UNSPACED = frozenset({"zh", "ja", "ko", "th"})


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of a talk. `text`: of slides or a script; may be long."""

    title: str = ""
    abstract: str = ""
    speakers: tuple[str, ...] = ()
    lang: str = "en"
    text: str = ""


@dataclass
class _Found:
    """Candidates: how much speaks for each, and how it is spelt."""

    weight: Counter[str] = field(default_factory=Counter)
    spelt: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, term: str, weight: float) -> None:
        self.weight[term.casefold()] += weight  # type: ignore[assignment]  # a Counter takes floats
        self.spelt.setdefault(term.casefold(), Counter())[term] += 1

    def best(self) -> Iterator[str]:
        for key, _ in self.weight.most_common():
            yield self.spelt[key].most_common(1)[0][0]


def proposed(words: Words, *, most: int = MOST) -> list[str]:
    """Speakers first, then what stands in title and abstract or often in the text and is rare in its language."""
    found = _Found()
    for text, weight in ((f"{words.title}\n{words.abstract}", WEIGHT_PROGRAMME), (words.text, 1.0)):
        _add(found, text, words.lang.partition("-")[0], weight)
    names = [" ".join(name.split()) for name in words.speakers]
    terms = dict.fromkeys(
        term for term in [*names, *found.best()] if SHORTEST <= len(term) <= TERM_MOST_CHARS
    )
    return _without_parts(list(terms))[:most]


def _add(found: _Found, text: str, lang: str, weight: float) -> None:
    pairs: Counter[str] = Counter()
    for sentence in _SENTENCE_ENDS.split(text):
        tokens = [match.group().strip("'’.-") for match in _WORD.finditer(sentence)]
        for position, token in enumerate(tokens):
            if (rarity := _rarity(token, lang, begins=position == 0)) > 0:
                found.add(token, weight * rarity)
        for name in _names(tokens, lang):
            found.add(name, weight * 2)
        pairs.update(" ".join(pair) for pair in pairwise(tokens) if _is_pair(pair, lang))
    for pair, count in pairs.items():
        if count >= TOGETHER_LEAST:
            found.add(pair, weight * count)


def _rarity(token: str, lang: str, *, begins: bool) -> float:
    """How much speaks for a word; 0: nothing. One that begins a sentence is capitalised for that."""
    if (len(token) < SHORTEST and not token.endswith(("+", "#"))) or not any(
        char.isalpha() for char in token
    ):
        return 0.0
    if lang in _UNSPACED and not token.isascii():
        return 0.0  # such text has no words that a pattern could find
    zipf = _zipf(token, lang)
    if _SPELT.match(token) and zipf < COMMON_ZIPF:
        return 2.0 + max(0.0, RARE_ZIPF - zipf)
    if not begins and lang == "en" and token[:1].isupper() and zipf < COMMON_ZIPF - 1:
        return 1.0 + max(0.0, RARE_ZIPF - zipf)
    return max(0.0, RARE_ZIPF - zipf)


def _names(tokens: Sequence[str], lang: str) -> Iterator[str]:
    """Runs of capitalised words behind the first: "Ada Lovelace". Not where every noun is capitalised."""
    if lang == "de":
        return
    run: list[str] = []
    for token in [*tokens[1:], ""]:
        if token[:1].isupper() and any(char.islower() for char in token):
            run.append(token)
            continue
        if 2 <= len(run) <= 4:
            yield " ".join(run)
        run = []


def _is_pair(pair: tuple[str, ...], lang: str) -> bool:
    return all(
        len(token) > SHORTEST and token.isalpha() and _zipf(token, lang) < COMMON_ZIPF for token in pair
    )


def _zipf(token: str, lang: str) -> float:
    known = wordfreq.available_languages("best")
    return float(wordfreq.zipf_frequency(token, lang if lang in known else "en"))


def _without_parts(terms: Iterable[str]) -> list[str]:
    """Without words that stand before them in a longer proposal: "Ada" behind "Ada Lovelace"."""
    kept: list[str] = []
    for term in terms:
        if not any(re.search(rf"(?<!\w){re.escape(term)}(?!\w)", longer) for longer in kept):
            kept.append(term)
    return kept
