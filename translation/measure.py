"""Measuring engines: sentences per second and latency by batch size, and quality on given files."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from translation.engines.base import Engine
from translation.guard import faithfully


@dataclass(frozen=True, slots=True)
class Speed:
    """An engine at one batch size. `latency_*`: seconds of a whole batch."""

    engine: str
    pair: str
    batch: int
    sentences_per_s: float
    latency_p50_s: float
    latency_p95_s: float


@dataclass(frozen=True, slots=True)
class Quality:
    """sacrebleu's scores against one reference."""

    engine: str
    pair: str
    how: str
    sentences: int
    bleu: float
    chrf: float


def speed(engine: Engine, texts: Sequence[str], pair: tuple[str, str], batch: int) -> Speed:
    """Translate `texts` in batches, after one batch to warm up."""
    engine.translate(list(texts[:batch]), *pair)
    times = []
    for at in range(0, len(texts), batch):
        began = time.monotonic()
        engine.translate(list(texts[at : at + batch]), *pair)
        times.append(time.monotonic() - began)
    ordered = sorted(times)
    return Speed(
        engine.name, "→".join(pair), batch, len(texts) / sum(times), statistics.median(times),
        ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
    )  # fmt: skip


def quality(
    engine: Engine, texts: Sequence[str], references: Sequence[str], pair: tuple[str, str]
) -> list[Quality]:
    """BLEU and chrF as the engine translates, with what was lost put back, and with the sentence before as context."""
    plain = engine.translate(list(texts), *pair)
    guarded = faithfully(lambda items: engine.translate(items, *pair), list(texts))
    with_context = [_last_sentences(engine, texts, index, plain[index], pair) for index in range(len(texts))]
    return [
        _score(engine, pair, "alone", plain, references),
        _score(engine, pair, "alone, losses put back", guarded, references),
        _score(engine, pair, "behind its predecessor", with_context, references),
    ]


def _last_sentences(
    engine: Engine, texts: Sequence[str], index: int, alone: str, pair: tuple[str, str]
) -> str:
    """Translate a sentence behind its predecessor and take its part; alone where that part cannot be identified."""
    if index == 0:
        return alone
    whole = engine.translate([f"{texts[index - 1]} {texts[index]}"], *pair)[0]
    before = engine.translate([texts[index - 1]], *pair)[0]
    sentences, first, own = _split(whole, pair[1]), _split(before, pair[1]), _split(alone, pair[1])
    if len(sentences) != len(first) + len(own):
        return alone
    return " ".join(sentences[len(first) :])


def _split(text: str, lang: str) -> list[str]:
    import sentencex

    return [sentence.strip() for sentence in sentencex.segment(lang, text) if sentence.strip()]


def _score(
    engine: Engine, pair: tuple[str, str], how: str, translated: Sequence[str], references: Sequence[str]
) -> Quality:
    import sacrebleu

    return Quality(
        engine.name, "→".join(pair), how, len(translated),
        sacrebleu.corpus_bleu(list(translated), [list(references)]).score,
        sacrebleu.corpus_chrf(list(translated), [list(references)]).score,
    )  # fmt: skip
