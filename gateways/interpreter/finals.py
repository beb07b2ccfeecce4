"""Words → sentences: which are final, and what is heard of the next one. Pure; the clock is a parameter.

Sentences end where the captioner ends them (asr/caption/sentences.py): at a full stop, at a long pause between words, where they grow
too long. Earlier than there at a comma, once they are long: who listens cannot wait for the end of a paragraph. And where the speaker has stopped, who then waits for the translation of what they said. Silence of the recogniser is no pause of the
speaker: it may be busy. Only where it does not say when speech ends, or says nothing for long, the clock decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from asr.caption.sentences import CompletedSentence, SentenceAssembler, with_capital
from asr.recognise.recogniser import Word

CLAUSE_CHARS: Final = 90  # so much is said at its next comma
MOST_CHARS: Final = 180  # … or without one
PAUSE_MS: Final = 1800  # between two words: they are not of one sentence
QUIET_S: Final = 1.5  # nothing came for so long behind confirmed words
_CLAUSE: Final = (",", ";", ":", "–", "—", "、", "，", "；", "،")
STALE_S: Final = 10.0  # … though somebody speaks, or something unconfirmed was heard


@dataclass(frozen=True, slots=True)
class FinalText:
    """A sentence. `end_ms`: of its last word, in the session's audio."""

    text: str
    lang: str
    end_ms: int


@dataclass(frozen=True, slots=True)
class PartialText:
    """What is heard of the next sentence."""

    text: str
    lang: str
    end_ms: int


class Finals:
    """One speaker's."""

    def __init__(self, lang: str) -> None:
        self._lang = lang
        self._assembler = _assembler(lang)
        self._hypothesis: tuple[Word, ...] = ()
        self._heard_s = 0.0
        self._speaks = False

    @property
    def lang(self) -> str:
        """What is spoken now."""
        return self._lang

    def words(self, words: Sequence[Word], lang: str, now_s: float) -> list[FinalText]:
        """Confirmed words, and what they complete."""
        done = self._begin(lang)
        self._hypothesis, self._heard_s = (), now_s
        for word in words:
            pending = self._assembler.pending
            if pending and word.start_ms - pending[-1].end_ms >= PAUSE_MS:
                done += self._finish()
            sentences = self._assembler.add((word,), more=word is not words[-1])
            done += self._finals(sentences)
        return done + self._long_clause()

    def hypothesis(self, words: Sequence[Word], lang: str, now_s: float) -> list[FinalText]:
        """What is heard behind them, which may change."""
        done = self._begin(lang) if words else []
        self._hypothesis, self._heard_s = tuple(words), now_s
        return done

    def speech(self, *, started: bool) -> list[FinalText]:
        """Somebody begins to speak, or has stopped, and all of it is confirmed."""
        self._speaks = started
        return [] if started or self._hypothesis else self._finish()

    def ended(self) -> list[FinalText]:
        """Nothing more comes."""
        self._hypothesis = ()
        return self._finish()

    def due_s(self) -> float | None:
        """When `quiet` may have something; None: nothing waits."""
        if not self._assembler.pending:
            return None
        return self._heard_s + (STALE_S if self._speaks or self._hypothesis else QUIET_S)

    def quiet(self, now_s: float) -> list[FinalText]:
        """What is final because nothing followed for so long."""
        due_s = self.due_s()
        return self._finish() if due_s is not None and now_s >= due_s else []

    def partial(self) -> PartialText:
        """Confirmed and unconfirmed words behind the last sentence."""
        words = (*self._assembler.pending, *self._hypothesis)
        text = "".join(word.text for word in words).strip()
        text = with_capital(text) if self._assembler.begins else text
        return PartialText(text, self._lang, words[-1].end_ms if words else 0)

    def _begin(self, lang: str) -> list[FinalText]:
        """Another language is another sentence."""
        if lang == self._lang:
            return []
        done = self._finish()
        self._lang, self._assembler, self._hypothesis = lang, _assembler(lang), ()
        return done

    def _finish(self) -> list[FinalText]:
        return self._finals(self._assembler.finish())

    def _finals(self, sentences: Sequence[CompletedSentence]) -> list[FinalText]:
        """A full stop that came too late is none."""
        spoken = [each for each in sentences if any(character.isalnum() for character in each.text)]
        return [FinalText(each.text, self._lang, each.end_ms) for each in spoken]

    def _long_clause(self) -> list[FinalText]:
        """What stands before the last comma of a sentence that is long already."""
        words, begins = self._assembler.pending, self._assembler.begins
        length, count = 0, 0
        for number, word in enumerate(words, 1):
            length += len(word.text)
            if length >= CLAUSE_CHARS and word.text.endswith(_CLAUSE):
                count = number
        if not count:
            return []
        self._assembler.finish()
        rest = self._assembler.add(words[count:], more=True) if words[count:] else []
        return self._finals([CompletedSentence(words[:count], begins), *rest])


def _assembler(lang: str) -> SentenceAssembler:
    return SentenceAssembler(lang, max_chars=MOST_CHARS)


def words_of(rows: Sequence[Sequence[Any]]) -> list[Word]:
    """Words as entries of the text stream have them (asr/sinks/stream.py)."""
    return [Word(int(start), int(end), str(text), float(sure)) for start, end, text, sure in rows]
