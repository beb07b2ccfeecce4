"""The field's figures of latency for unsegmented speech: StreamLAAL and LongYAAL, computation-aware. Pure.

What was put out is first shared among the reference's segments by OmniSTEval's SoftSegmenter: the alignment with the greatest sum of
similarities (Jaccard, of the words' characters). Formulas: LAAL, Papi et al. 2022, over segments as StreamLAAL, Papi et al. 2024; YAAL and the
segmenter, Polák et al. 2025 ("Better Late Than Never"). Checked against OmniSTEval 0.1.10, whose LongLAAL (CA) is the StreamLAAL here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
_TOKEN = re.compile(r"@-@|(?:\w\.){2,}|\w+|['’]\w+|[^\w\s]")
_PUNCTUATION = frozenset(".!?,;:-()。！？，；：—ー（）")
_MATCH, _SKIP_REFERENCE, _SKIP_HEARD = 0, 1, 2


@dataclass(frozen=True)
class Segment:
    """A sentence of the reference, and when what it stands for was spoken."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Emitted:
    """A word that was put out for good, and when: time to compute it is in it."""

    text: str
    at_s: float


@dataclass(frozen=True)
class LongFormLatency:
    """Means over the segments, seconds; NaN where nothing was put out."""

    stream_laal_s: float
    long_yaal_s: float


@dataclass(frozen=True)
class _Token:
    text: str
    owner: int  # of the reference: its segment; of what was put out: its word
    first: bool


def long_form_latency(segments: Sequence[Segment], emitted: Sequence[Emitted]) -> LongFormLatency:
    """StreamLAAL and LongYAAL of what was put out for one recording; of a translation: its reference, with the source's times."""
    segments = [segment for segment in segments if segment.text.split() and segment.end_s > segment.start_s]
    if not segments or not emitted:
        return LongFormLatency(float("nan"), float("nan"))
    laal, yaal = list[float](), list[float]()
    recording_end_s = max(segment.end_s for segment in segments)
    for segment, own in zip(segments, _shared(segments, emitted), strict=True):
        if not own:
            continue
        delays = [word.at_s - segment.start_s for word in own]
        source_s = segment.end_s - segment.start_s
        step_s = source_s / max(len(delays), len(segment.text.split()))
        laal.append(_laal(delays, source_s, step_s))
        until_s = recording_end_s - segment.start_s
        if delays[0] < until_s:
            yaal.append(_lagging([delay for delay in delays if delay < until_s], step_s))
    return LongFormLatency(_mean(laal), _mean(yaal))


def _laal(delays: Sequence[float], source_s: float, step_s: float) -> float:
    """Length-adaptive average lagging: up to the first word behind the segment's end."""
    if delays[0] > source_s:
        return delays[0]
    late = next((index for index, delay in enumerate(delays) if delay >= source_s), len(delays) - 1)
    return _lagging(delays[: late + 1], step_s)


def _lagging(delays: Sequence[float], step_s: float) -> float:
    """Mean distance from a speaker's copy that puts out a word each `step_s`."""
    return _mean([delay - index * step_s for index, delay in enumerate(delays)])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _shared(segments: Sequence[Segment], emitted: Sequence[Emitted]) -> list[list[Emitted]]:
    """What was put out, by segment."""
    reference = [token for index, segment in enumerate(segments) for token in _tokens(segment.text, index)]
    heard = [token for index, word in enumerate(emitted) for token in _tokens(word.text, index)]
    result: list[list[Emitted]] = [[] for _ in segments]
    if not reference:
        return result
    for segment, token in zip(_segments_of(reference, heard), heard, strict=True):
        if token.first:
            result[segment].append(emitted[token.owner])
    return result


def _tokens(text: str, owner: int) -> Iterator[_Token]:
    """Words and punctuation, as Moses parts them; each word's first token stands for the word."""
    for word in text.split():
        lower = _HYPHEN.sub("@-@", unicodedata.normalize("NFKC", word).lower())
        for index, token in enumerate(_TOKEN.findall(lower) or [lower]):
            yield _Token(token, owner, index == 0)


def _segments_of(reference: Sequence[_Token], heard: Sequence[_Token]) -> list[int]:
    """For each heard token its segment: that of its partner, or of the neighbour's that the first unpaired token is more like."""
    steps = _alignment(reference, heard)
    result, before, ahead = list[int](), -1, -1  # tokens of the reference
    for (own, token), following in zip(steps, _following(steps), strict=True):
        if own >= 0:
            before, ahead, nearest = own, -1, own
        elif ahead >= 0:
            nearest = ahead
        else:
            ahead = following if _is_ahead(reference, heard[token], before, following) else -1
            nearest = ahead if ahead >= 0 else before
        if token >= 0:
            result.append(reference[nearest].owner)
    return result


def _is_ahead(reference: Sequence[_Token], token: _Token, before: int, following: int) -> bool:
    """Does an unpaired token belong to the token of the reference behind it, and not to the one before?"""
    if before < 0 or following < 0:
        return before < 0
    return _likeness(token.text, reference[following].text) > _likeness(token.text, reference[before].text)


def _following(steps: Sequence[tuple[int, int]]) -> list[int]:
    """For each step the first token of the reference from there on; -1: none."""
    result, following = list[int](), -1
    for own, _ in reversed(steps):
        following = own if own >= 0 else following
        result.append(following)
    return result[::-1]


def _alignment(reference: Sequence[_Token], heard: Sequence[_Token]) -> list[tuple[int, int]]:
    """The steps (token of the reference, heard token; -1: none) of the alignment with the greatest likeness; gaps cost nothing."""
    likeness = _likenesses(reference, heard)
    taken = np.empty(likeness.shape, dtype=np.int8)
    best = np.zeros(len(heard) + 1)
    for row, own in enumerate(likeness):
        paired, skipped = best[:-1] + own, best[1:]
        best = np.maximum.accumulate(np.concatenate(([0.0], np.maximum(paired, skipped))))
        inserted = best[:-1]
        taken[row] = np.where(skipped >= inserted, _SKIP_REFERENCE, _SKIP_HEARD)
        taken[row][(paired >= skipped) & (paired >= inserted)] = _MATCH
    steps = list[tuple[int, int]]()
    i, j = len(reference), len(heard)
    while i or j:
        step = _SKIP_REFERENCE if not j else _SKIP_HEARD if not i else taken[i - 1, j - 1]
        i -= step != _SKIP_HEARD
        j -= step != _SKIP_REFERENCE
        steps.append((-1 if step == _SKIP_HEARD else i, -1 if step == _SKIP_REFERENCE else j))
    return steps[::-1]


def _likenesses(reference: Sequence[_Token], heard: Sequence[_Token]) -> NDArray[np.float64]:
    """Likeness of every pair; each pair of texts is compared once."""
    rows, columns = sorted({token.text for token in reference}), sorted({token.text for token in heard})
    table = np.array([[_likeness(row, column) for column in columns] for row in rows])
    at_row, at_column = ({text: index for index, text in enumerate(texts)} for texts in (rows, columns))
    return table[
        np.ix_([at_row[token.text] for token in reference], [at_column[token.text] for token in heard])
    ]


def _likeness(one: str, other: str) -> float:
    """Jaccard of the characters; punctuation is never paired with a word."""
    if (one in _PUNCTUATION) != (other in _PUNCTUATION):
        return float("-inf")
    own, others = set(one), set(other)
    return len(own & others) / len(own | others)
