"""Rules against text that was not spoken: loops, words behind the end of speech, phantom phrases."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .whisper import Decoded, DecodedWord

LONGEST_LOOP_WORDS = 10
NO_SPEECH_PROBABILITY = 0.6
NO_SPEECH_LOG_PROBABILITY = -1.0
HOPELESS_LOG_PROBABILITY = -1.7
TRUST = 0.3  # the middle of a gap: noise reaches 0.27, decided speech begins at 0.33 (docs/performance.md)
PHANTOM_PROBABILITY = 0.75
LATE_MS = 240

# What Whisper says into noise: the ends of the videos it learned from. Compared without case and punctuation.
PHANTOMS: dict[str, frozenset[str]] = {
    "en": frozenset(
        {
            "thanks for watching",
            "thank you for watching",
            "thank you so much for watching",
            "thank you very much",
            "thank you",
            "thanks for listening",
            "please subscribe",
            "please subscribe to my channel",
            "subscribe",
            "like and subscribe",
            "bye",
            "bye bye",
            "you",
            "so",
            "oh",
            "well see you next time",
            "see you next time",
            "ill see you in the next video",
            "subtitles by the amaraorg community",
            "transcription by castingwords",
            "music",
            "applause",
            "silence",
        }
    ),
    "de": frozenset(
        {
            "vielen dank",
            "vielen dank für die aufmerksamkeit",
            "vielen dank fürs zuschauen",
            "danke fürs zuschauen",
            "bis zum nächsten mal",
            "tschüss",
            "das wars",
            "untertitel der amaraorg community",
            "untertitelung des zdf",
            "untertitelung des zdf 2020",
            "untertitel im auftrag des zdf",
            "untertitel im auftrag des zdf für funk 2017",
            "untertitelung aufgrund der amaraorg community",
            "untertitel von stephanie geiges",
            "copyright wdr 2021",
            "swr 2020",
            "musik",
            "applaus",
        }
    ),
    "fr": frozenset(
        {"merci", "soustitres réalisés par la communauté damaraorg", "merci davoir regardé cette vidéo"}
    ),
    "es": frozenset(
        {"gracias", "gracias por ver el video", "subtítulos realizados por la comunidad de amaraorg"}
    ),
    "pt": frozenset({"obrigado", "legendas pela comunidade amaraorg", "obrigado por assistir"}),
    "it": frozenset(
        {"grazie", "sottotitoli creati dalla comunità amaraorg", "sottotitoli e revisione a cura di qtss"}
    ),
    "nl": frozenset({"bedankt voor het kijken", "ondertitels ingediend door de amaraorg gemeenschap"}),
    "ja": frozenset({"ご視聴ありがとうございました"}),
    "zh": frozenset({"请不吝点赞订阅转发打赏支持明镜与点点栏目", "谢谢观看"}),
}


def bare(text: str) -> str:
    """Text for comparing: lower case, letters, digits and single spaces only."""
    return " ".join("".join(c for c in text.casefold() if c.isalnum() or c.isspace()).split())


def without_loop(words: Sequence[DecodedWord]) -> tuple[tuple[DecodedWord, ...], bool]:
    """Cut where words begin to repeat: three times the same up to three words, or twice four words and more."""
    said = [bare(word.text) for word in words]
    for end in range(2, len(said) + 1):
        for size in range(1, min(LONGEST_LOOP_WORDS, end // 2) + 1):
            times = 4 if size == 1 else 3 if size < 4 else 2
            if end < size * times:
                continue
            last = said[end - size : end]
            if all(said[end - size * (k + 1) : end - size * k] == last for k in range(1, times)):
                return tuple(words[: end - size * (times - 1)]), True
    return tuple(words), False


def without_late(words: Sequence[DecodedWord], speech_end_ms: int) -> tuple[tuple[DecodedWord, ...], int]:
    """Cut the words from the first that starts well after speech ended; also say how many."""
    for index, word in enumerate(words):
        if word.start_ms > speech_end_ms + LATE_MS:
            return tuple(words[:index]), len(words) - index
    return tuple(words), 0


def without_said(words: Sequence[DecodedWord], said: Sequence[str], until_ms: int) -> tuple[DecodedWord, ...]:
    """Drop words at the start that only repeat the end of what was said (n-grams up to 10), if they start too early."""
    heads = [bare(word.text) for word in words]
    for size in range(min(LONGEST_LOOP_WORDS, len(said), len(heads)), 0, -1):
        if heads[:size] == list(said[-size:]) and words[size - 1].start_ms < until_ms:
            return tuple(words[size:])
    return tuple(words)


def is_phantom(words: Sequence[DecodedWord], language: str) -> bool:
    """A known phantom phrase, said with little confidence."""
    if not words:
        return False
    probability = sum(word.probability for word in words) / len(words)
    if probability >= PHANTOM_PROBABILITY:
        return False
    text = bare("".join(word.text for word in words))
    return text in PHANTOMS.get(language, frozenset()) or "amaraorg" in text


def is_no_speech(decoded: Decoded) -> bool:
    """The model takes the window for silence and is not sure of its text, or is not sure at all."""
    score = decoded.average_log_probability
    if score < HOPELESS_LOG_PROBABILITY:
        return True
    return decoded.no_speech > NO_SPEECH_PROBABILITY and score < NO_SPEECH_LOG_PROBABILITY


def is_trusted(words: Sequence[DecodedWord], no_speech: float) -> bool:
    """May these words begin an utterance? Not unless they are clearly more probable than silence is.

    Measured: the geometric mean of their probabilities less that of no speech is at most 0.05 (0.23 with some of six voices)
    where the model invents text over noise, and at least 0.33 where somebody spoke and has paused.
    """
    spoken = [max(word.probability, 1e-3) for word in words if bare(word.text)]
    if not spoken:
        return not words
    trust = math.exp(sum(map(math.log, spoken)) / len(spoken))
    return trust - no_speech >= TRUST
