"""Rules against text that was not spoken: repetition loops, words behind the end of speech, known hallucinations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .text import normalised
from .whisper import Decoded, DecodedWord

LONGEST_LOOP_WORDS = 10
NO_SPEECH_PROBABILITY = 0.6
NO_SPEECH_LOG_PROBABILITY = -1.0
HOPELESS_LOG_PROBABILITY = -1.7
TRUST = 0.3  # the middle of a gap: noise reaches 0.27, decided speech begins at 0.33 (docs/performance.md)
HALLUCINATION_PROBABILITY = 0.75
LATE_MS = 240
ECHO_WORDS = 3
SHORTEST_WORD_MS = 60  # nobody says several words faster on the mean

# What Whisper writes over noise: the closing phrases of the videos in its training data. Compared when normalised.
HALLUCINATIONS: dict[str, frozenset[str]] = {
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


def without_loop(words: Sequence[DecodedWord]) -> tuple[tuple[DecodedWord, ...], bool]:
    """Cut where words begin to repeat: three times the same up to three words, or twice four words and more."""
    texts = [normalised(word.text) for word in words]
    for end in range(2, len(texts) + 1):
        for size in range(1, min(LONGEST_LOOP_WORDS, end // 2) + 1):
            times = 4 if size == 1 else 3 if size < 4 else 2
            if end < size * times:
                continue
            last = texts[end - size : end]
            if all(texts[end - size * (k + 1) : end - size * k] == last for k in range(1, times)):
                return tuple(words[: end - size * (times - 1)]), True
    return tuple(words), False


def without_late(words: Sequence[DecodedWord], speech_end_ms: int) -> tuple[tuple[DecodedWord, ...], int]:
    """Cut the words from the first that starts well after speech ended; also say how many."""
    for index, word in enumerate(words):
        if word.start_ms > speech_end_ms + LATE_MS:
            return tuple(words[:index]), len(words) - index
    return tuple(words), 0


def without_repeated(
    words: Sequence[DecodedWord], committed: Sequence[str], until_ms: int
) -> tuple[DecodedWord, ...]:
    """Drop leading words that only repeat the end of the committed text (n-grams up to 10), if they start too early."""
    heads = [normalised(word.text) for word in words]
    for size in range(min(LONGEST_LOOP_WORDS, len(committed), len(heads)), 0, -1):
        if heads[:size] == list(committed[-size:]) and words[size - 1].start_ms < until_ms:
            return tuple(words[size:])
    return tuple(words)


def without_echo(
    words: Sequence[DecodedWord], committed: Sequence[str]
) -> tuple[tuple[DecodedWord, ...], bool]:
    """Cut where the words only say again what the forced prefix ends with: it takes them no time, for nobody spoke.

    `committed`: the last words of the prefix, normalised. Who really says something again takes as long as the first time.
    """
    texts = [normalised(word.text) for word in words]
    said = {tuple(committed[at : at + ECHO_WORDS]) for at in range(len(committed) - ECHO_WORDS + 1)}
    for at in range(len(words) - ECHO_WORDS + 1):
        took_ms = words[at + ECHO_WORDS - 1].end_ms - words[at].start_ms
        if took_ms < ECHO_WORDS * SHORTEST_WORD_MS and tuple(texts[at : at + ECHO_WORDS]) in said:
            while at and words[at].start_ms - words[at - 1].start_ms < SHORTEST_WORD_MS:
                at -= 1  # another reading of the word before
            return tuple(words[:at]), True
    return tuple(words), False


def is_hallucination(words: Sequence[DecodedWord], language: str) -> bool:
    """A known hallucination, decoded with low confidence."""
    if not words:
        return False
    probability = sum(word.probability for word in words) / len(words)
    if probability >= HALLUCINATION_PROBABILITY:
        return False
    text = normalised("".join(word.text for word in words))
    return text in HALLUCINATIONS.get(language, frozenset()) or "amaraorg" in text


def is_no_speech(decoded: Decoded) -> bool:
    """The model takes the window for silence with low confidence in its text, or has no confidence at all."""
    score = decoded.average_log_probability
    if score < HOPELESS_LOG_PROBABILITY:
        return True
    return decoded.no_speech > NO_SPEECH_PROBABILITY and score < NO_SPEECH_LOG_PROBABILITY


def is_trusted(words: Sequence[DecodedWord], no_speech: float) -> bool:
    """May these words begin an utterance? Not unless they are clearly more probable than silence is.

    Measured: the geometric mean of their probabilities less that of no speech is at most 0.05 (0.23 with some of six voices)
    where the model hallucinates over noise, and at least 0.33 where somebody spoke and has paused.
    """
    spoken = [max(word.probability, 1e-3) for word in words if normalised(word.text)]
    if not spoken:
        return not words
    trust = math.exp(sum(map(math.log, spoken)) / len(spoken))
    return trust - no_speech >= TRUST
