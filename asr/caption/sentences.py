"""Committed words become sentences: `sentencex` knows the language's rules, this module when text is final."""

from __future__ import annotations

from dataclasses import dataclass

import sentencex

from asr.recognise.recogniser import Word
from asr.recognise.text import TERMINAL, ends_sentence

from .pieces import CLAUSE, WHOLE, PieceRule

_FOLLOWER = "Xaver"  # no language's splitter knows it: probes for a boundary at the end of the text
_DOTTED_I = frozenset({"tr", "az"})  # their capital i is not Python's: left as the model writes it
_SHORTEST_CLAUSE_CHARS = 40
MAX_PENDING_WORDS = 400


@dataclass(frozen=True)
class CompletedSentence:
    """A finished sentence, or a piece of one, and the words it is made of."""

    words: tuple[Word, ...]
    begins: bool = True  # False: it goes on where the text before has no full stop
    ends: bool = True  # False: it is a piece of a sentence, which goes on in the next one …
    continues: bool = False  # … as this one goes on with the one before

    @property
    def text(self) -> str:
        """The sentence as read, without outer spaces."""
        text = "".join(word.text for word in self.words).strip()
        return with_capital(text) if self.begins else text

    @property
    def start_ms(self) -> int:
        """Start of its first word."""
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        """End of its last word."""
        return self.words[-1].end_ms


class SentenceAssembler:
    """Collects committed words and returns them as sentences, in order, each word once; long ones in pieces.

    `unfinished`: what was returned before of a sentence that goes on.
    """

    def __init__(
        self,
        language: str,
        *,
        punctuation_split: bool = True,
        max_chars: int = 240,
        pieces: PieceRule = WHOLE,
        unfinished: str = "",
    ) -> None:
        self._language = language
        self._punctuation_split = punctuation_split
        self._max_chars = max_chars
        self._pieces = pieces
        self._words: list[Word] = []
        self._given_chars = len(unfinished)  # of the sentence that goes on
        self._goes_on = bool(unfinished)
        self._capitals = language not in _DOTTED_I
        # the next sentence is one, not the rest of one that was cut or broken off
        self.begins = self._capitals

    @property
    def pending(self) -> tuple[Word, ...]:
        """Committed words that are in no sentence yet."""
        return tuple(self._words)

    @property
    def goes_on(self) -> bool:
        """Whether pieces were returned of a sentence that has not ended."""
        return self._goes_on

    def add(self, words: tuple[Word, ...], *, more: bool = False) -> list[CompletedSentence]:
        """Append committed words; return the sentences that they complete (`more`: further words follow at once)."""
        self._words.extend(words)
        done = self._complete() if self._punctuation_split and not more else []
        while self._is_too_long():
            done.append(self._pop_sentence(0 if self._goes_on else self._clause_cut()))
        return done if more else [*done, *self._complete_pieces()]

    def finish(self) -> list[CompletedSentence]:
        """Everything pending becomes a sentence, because nothing will follow it soon.

        Of a sentence that goes on there may be nothing more: then this one has no words.
        """
        return [self._pop_sentence(len(self._words))] if self._words or self._goes_on else []

    def cut(self) -> list[CompletedSentence]:
        """Everything pending becomes a piece of its sentence, which goes on; nothing where sentences are stored whole."""
        if not self._words or not self._pieces.at_most:
            return []
        return [self._pop_sentence(len(self._words), ends=False)]

    def break_off(self) -> list[CompletedSentence]:
        """The same, because another writer goes on: what comes next begins a sentence."""
        done = self.finish()
        self.begins = self._capitals
        return done

    def _complete(self) -> list[CompletedSentence]:
        done: list[CompletedSentence] = []
        while self._words:
            count = first_sentence_words(self._words, self._language)
            if not count:
                break
            done.append(self._pop_sentence(count))
        return done

    def _complete_pieces(self) -> list[CompletedSentence]:
        done: list[CompletedSentence] = []
        while count := self._pieces.count(self._words, self._language):
            done.append(self._pop_sentence(count, ends=False))
        return done

    def _pop_sentence(self, count: int, *, ends: bool = True) -> CompletedSentence:
        sentence = CompletedSentence(tuple(self._words[:count]), self.begins, ends, self._goes_on)
        del self._words[:count]
        self.begins = self._capitals and ends and ends_sentence(sentence.text)
        self._goes_on = not ends
        self._given_chars = 0 if ends else self._given_chars + len(sentence.text)
        return sentence

    def _text_length(self) -> int:
        return sum(len(word.text) for word in self._words)

    def _is_too_long(self) -> bool:
        """Then it ends with the pieces that were given out of it, or else at the best place in it."""
        chars = self._given_chars + self._text_length()
        return chars > self._max_chars or len(self._words) > MAX_PENDING_WORDS

    def _clause_cut(self) -> int:
        """Words up to the last clause mark that fits, else up to the widest gap in time."""
        length, best = 0, 0
        for index, word in enumerate(self._words[:-1]):
            length += len(word.text)
            if length > self._max_chars:
                break
            if length >= _SHORTEST_CLAUSE_CHARS and word.text.endswith(CLAUSE):
                best = index + 1
        return best or self._widest_gap()

    def _widest_gap(self) -> int:
        """Words before the widest gap in the second half of what fits."""
        fits, length = 0, 0
        for word in self._words:
            length += len(word.text)
            if length > self._max_chars or fits >= MAX_PENDING_WORDS:
                break
            fits += 1
        if fits < 2:
            return 1
        places = range(max(1, fits // 2), min(fits, len(self._words) - 1) + 1)
        return max(
            places, key=lambda at: (self._words[at].start_ms - self._words[at - 1].end_ms, at), default=fits
        )


def first_sentence_words(words: list[Word], language: str) -> int:
    """How many words make the first complete sentence; 0 if none is complete.

    The last sentence counts as complete if it ends with terminal punctuation that is no abbreviation
    and no number ("3." may go on as "3.5" or "3. Mai").
    """
    text = "".join(word.text for word in words)
    if not any(mark in text for mark in TERMINAL):
        return 0
    probe = f"{text.rstrip()} {_FOLLOWER}"
    sentences = sentencex.segment(language, probe)
    length = 0
    for count, word in enumerate(words, 1):
        length += len(word.text)
        if not ends_sentence(word.text):
            continue
        if count == len(words) and _is_number(word.text):
            return 0
        next_text = words[count].text if count < len(words) else ""
        if next_text and not next_text.startswith(" ") and next_text[:1].isalnum():
            continue
        if _boundary_at(sentences, length, probe):
            return count
    return 0


def with_capital(text: str) -> str:
    """The text with a capital at its start, where its first word is written small throughout ("iPhone" stays)."""
    first = text[:1]
    word = text.split(maxsplit=1)[0] if text else ""
    return first.upper() + text[1:] if word.islower() and len(first.upper()) == 1 else text


def _is_number(text: str) -> bool:
    return text.strip().rstrip("".join(TERMINAL)).replace(",", "").replace(".", "").isdigit()


def _boundary_at(sentences: list[str], length: int, probe: str) -> bool:
    """True if a sentence of the splitter ends at character `length` (spaces aside)."""
    wanted = len("".join(probe[:length].split()))
    seen = 0
    for sentence in sentences[:-1]:
        seen += len("".join(sentence.split()))
        if seen == wanted:
            return True
        if seen > wanted:
            return False
    return False
