"""One decode of the window, and the guards that remove hallucinated words from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from asr.audio.samples import SAMPLES_PER_MS, Samples

from . import hallucination
from .counters import Counters
from .deletions import first_deletion
from .front_end import VadFrontEnd
from .options import EngineOptions
from .prompt import Prompt, Voice, talk_terms
from .rescoring import Lexicon
from .text import PUNCTUATION, has_letters
from .whisper import Decoded, DecodedWord, DecodeRequest, Model
from .window import DecodeWindow

LOOP_PENALTY = 1.15  # for the retry where the model looped; it costs short function words
REPEATED_MS = 300  # words from before the window repeated this early in it are dropped
CONTEXT_DOUBT = 0.3  # speech in the context lowers the no-speech probability: words must be this much surer
LOWER_CASE_START_NATS = 1.0  # a lower-case start leads to another reading: "and saw my" for "And so, my"
# a text without punctuation goes on without: what one pass saw should stay in the next
LOST_PUNCTUATION_NATS = 2.0
SPOKEN_REST_MS = 250  # speech shorter than this behind the last word may hold no further one
ECHOED_WORDS = 20  # of the prefix, that may be said again where nobody speaks
SPARE_TOKENS = 8  # a budget never falls below this


class Transcriber:
    """Decodes the window into words behind its committed ones (ms from the window's start)."""

    def __init__(
        self,
        model: Model,
        options: EngineOptions,
        front_end: VadFrontEnd,
        window: DecodeWindow,
        *,
        counters: Counters,
        clock: Callable[[], float],
        voice: Voice | None = None,
    ) -> None:
        self.prompt = Prompt(options, lambda text: model.encode_text(text, options.language), voice)
        self.counters = counters
        self._model = model
        self._options = options
        self._front_end = front_end
        self._window = window
        self._clock = clock
        self._lexicon = Lexicon(options.language, talk_terms(options)) if options.lexicon else None
        self._comma = tuple(model.encode_text(",", options.language))
        self._no_speech = 0.0  # of the last decode

    def partial_pass(self, *, greedy: bool) -> tuple[DecodedWord, ...]:
        """A pass while speech goes on, over the whole window: words up to the first deletion."""
        gate = self._front_end.gate
        decoded = self._decode(self._front_end.at_ms, final=False, beam_size=1 if greedy else None)
        words = self.before_deletion(self._guarded(decoded, gate.speech_end_ms))
        if not self._window.begun and (
            self._is_echo(words) or not hallucination.is_trusted(words, self._no_speech)
        ):
            return ()
        return words

    def may_begin(self, words: tuple[DecodedWord, ...]) -> bool:
        """May a partial pass commit these words? Doubtful ones wait for the pause, where they are decoded alone."""
        return self._window.begun or not self._doubtful(words)

    def decode_words(
        self, end_ms: int, speech_end_ms: int, *, final_pass: bool = False, greedy: bool = False
    ) -> tuple[DecodedWord, ...]:
        """The words up to `end_ms`, to be committed; `final_pass`: in the full window and with all beams."""
        beam_size = self._options.beam_size if final_pass else 1 if greedy else None
        decoded = self._decode(end_ms, final=True, beam_size=beam_size, final_pass=final_pass)
        return self.plausible(self._guarded(decoded, speech_end_ms), decoded, end_ms, speech_end_ms)

    def before_deletion(self, words: tuple[DecodedWord, ...]) -> tuple[DecodedWord, ...]:
        """The words up to the first deletion: speech that the model skipped."""
        window = self._window
        deletion = first_deletion(
            words, self._front_end.gate, window_ms=window.start_ms, from_ms=window.last_ms
        )
        if deletion is None:
            return words
        self.counters.holes += 1
        return words[: deletion.count]

    def plausible(
        self, words: tuple[DecodedWord, ...], decoded: Decoded | None, end_ms: int, speech_end_ms: int
    ) -> tuple[DecodedWord, ...]:
        """Drop the text of a whole utterance when it is probably hallucinated."""
        if not words or self._window.begun:
            return words
        judged = words
        if self._doubtful(words):
            decoded = self._alone(end_ms)
            judged = decoded.words
            if not self._window.committed:  # only the prompt can have led astray: without it they are better
                words = judged = self._guarded(decoded, speech_end_ms)
            elif self._is_echo(words):
                words = ()
        silent = decoded is not None and hallucination.is_no_speech(decoded)
        if silent or not hallucination.is_trusted(judged, self._no_speech):
            self.counters.no_speech_dropped += 1
            return ()
        if hallucination.is_hallucination(words, self._options.language):
            self.counters.phantoms_dropped += 1
            return ()
        return words

    def evict(self, count: int) -> None:
        """Evict the first committed words from the window."""
        self.prompt.append(self._window.evict(count))

    def start_window(self, at_ms: int) -> None:
        """Move the window's start."""
        self._window.start(at_ms)
        self._front_end.evict_before(at_ms)

    def restart_window(self) -> None:
        """The model finds nothing behind the prefix: restart behind the last committed word."""
        self.counters.restarts += 1
        at_ms = self._window.last_ms
        self.evict(len(self._window.committed))
        self.prompt.suppress_recent()
        self.start_window(at_ms)
        self._window.decoded_ms = at_ms

    def _doubtful(self, words: tuple[DecodedWord, ...]) -> bool:
        """Behind a context or a prompt: may these words come from it, or does it make speech look like silence?

        With a room's title as prompt the model gives real beginnings a no-speech probability of 0.4 to 0.5.
        """
        if not self._window.committed:
            return bool(self._prompt_tokens()) and not hallucination.is_trusted(words, self._no_speech)
        return self._is_echo(words) or not hallucination.is_trusted(words, self._no_speech + CONTEXT_DOUBT)

    def _is_echo(self, words: tuple[DecodedWord, ...]) -> bool:
        """The model places these words in the context, before the utterance began."""
        before_ms = self._window.utterance_start_ms - self._window.start_ms
        return bool(self._window.committed and words) and words[-1].end_ms <= before_ms

    def _alone(self, end_ms: int) -> Decoded:
        """Decode what the window holds of the current utterance, without context or prompt: both lower the no-speech probability."""
        window = self._window
        request = replace(self._request(end_ms, final=True, beam_size=1), prompt=(), prefix=(), joint=())
        start_ms = max(window.start_ms, window.utterance_start_ms)
        return self._timed(self._front_end.between(start_ms, end_ms), request)

    def _decode(
        self, end_ms: int, *, final: bool, beam_size: int | None, final_pass: bool = False
    ) -> Decoded:
        """Decode up to `end_ms`; if the model looped, once more without the prompt."""
        samples = self._front_end.between(self._window.start_ms, end_ms)
        request = self._request(end_ms, final=final, beam_size=beam_size)
        if final_pass:
            self.counters.second_looks += 1
            request = replace(request, window_s=self._options.final_pass_window_s)
        decoded = self._timed(samples, request)
        if hallucination.without_loop(decoded.words)[1] or not decoded.ended:
            self.counters.loops_cut += 1
            self.prompt.suppress_recent()
            decoded = self._timed(samples, replace(request, prompt=(), repetition_penalty=LOOP_PENALTY))
        return decoded

    def _request(self, end_ms: int, *, final: bool, beam_size: int | None) -> DecodeRequest:
        options, window = self._options, self._window
        new_s = max(0.0, (end_ms - window.last_ms) / 1000)
        may_end = window.begun and self._rest_ms(end_ms) < SPOKEN_REST_MS
        return DecodeRequest(
            language=options.language,
            prompt=self._prompt_tokens(),
            prefix=window.prefix,
            beam_size=beam_size or options.live_beam_size,
            max_new_tokens=int(options.tokens_per_s * new_s) + SPARE_TOKENS,
            repetition_penalty=options.repetition_penalty,
            pad_s=options.window_pad_s,
            window_s=options.window_s,
            penalty=partial(self._penalty, whole=final, punctuated=window.punctuation_seen and not may_end),
            joint=self._comma if window.lacks_punctuation else (),
            may_end=may_end,
        )

    def _rest_ms(self, end_ms: int) -> int:
        """Speech behind the last committed word."""
        return self._front_end.gate.speech_between_ms(self._window.last_ms, end_ms)

    def _prompt_tokens(self) -> tuple[int, ...]:
        return self.prompt.tokens(self._window.start_ms)

    def _penalty(self, text: str, *, whole: bool, punctuated: bool) -> float:
        """Nats that a beam loses: for unknown words, for a sentence that begins in lower case, for lost punctuation.

        Punctuation alone does not count as kept: where speech goes on, a beam that ends there has lost the words.
        """
        lower_case = (
            self.prompt.at_sentence_start and not self._window.committed and text.lstrip()[:1].islower()
        )
        unknown = self._lexicon.penalty(text, whole=whole) if self._lexicon else 0.0
        lost = punctuated and not (text.lstrip()[:1] in PUNCTUATION and has_letters(text))
        return unknown + LOWER_CASE_START_NATS * lower_case + LOST_PUNCTUATION_NATS * lost

    def _timed(self, samples: Samples, request: DecodeRequest) -> Decoded:
        started = self._clock()
        decoded = self._model.decode(samples, request)
        self.counters.decodes += 1
        self.counters.decoded_audio_s += len(samples) / SAMPLES_PER_MS / 1000
        self.counters.decode_wall_s += self._clock() - started
        self.counters.tokens += decoded.new_tokens
        self.counters.budgets_spent += not decoded.ended
        self._no_speech = decoded.no_speech
        return decoded

    def _guarded(self, decoded: Decoded, speech_end_ms: int) -> tuple[DecodedWord, ...]:
        """Cut loops, words behind the speech, and repetitions of the text before."""
        words, _ = hallucination.without_loop(decoded.words)
        words, late = hallucination.without_late(words, speech_end_ms - self._window.start_ms)
        self.counters.late_words_cut += late
        if not self._window.committed:
            return hallucination.without_repeated(words, self.prompt.recent, REPEATED_MS)
        words, echoed = hallucination.without_echo(words, self._window.said(ECHOED_WORDS))
        self.counters.loops_cut += echoed
        return words
