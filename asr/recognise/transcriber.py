"""One decode of the window, and the guards that cut from it what was not spoken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from asr.audio.samples import SAMPLES_PER_MS, Samples

from . import guards
from .counters import Counters
from .ear import Ear
from .holes import first_hole
from .lexicon import Lexicon
from .options import EngineOptions
from .prompt import Prompt, talk_terms
from .whisper import Decoded, DecodedWord, DecodeRequest, Model
from .window import Window

LOOP_PENALTY = 1.15  # for a second try where the model looped; it costs honest little words
REPEATED_MS = 300  # words of before the window that start it once more, this early, are dropped
CONTEXT_DOUBT = (
    0.3  # with speech in the context the model hardly says that there is none: so much surer it must be
)
SMALL_BEGINNING_NATS = 1.0  # what follows a small letter reads otherwise: "and saw my" for "And so, my"
SPARE_TOKENS = 8  # a budget never falls below this


class Transcriber:
    """Turns the window into words behind its confirmed ones (ms from the window's start)."""

    def __init__(
        self,
        model: Model,
        options: EngineOptions,
        ear: Ear,
        window: Window,
        *,
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self.prompt = Prompt(options, lambda text: model.encode_text(text, options.language))
        self.counters = counters
        self._model = model
        self._options = options
        self._ear = ear
        self._window = window
        self._clock = clock
        self._lexicon = Lexicon(options.language, talk_terms(options)) if options.lexicon else None
        self._comma = tuple(model.encode_text(",", options.language))
        self._no_speech = 0.0  # the model's probability of it, in the last decode

    def live(self, *, cheap: bool) -> tuple[DecodedWord, ...]:
        """A pass while speech goes on, over all that was heard: words up to where the model skipped some."""
        gate = self._ear.gate
        decoded = self._decode(self._ear.at_ms, final=False, beam_size=1 if cheap else None)
        words = self.before_hole(self._guarded(decoded, gate.speech_end_ms))
        if not self._window.begun and (self._is_echo(words) or not guards.is_trusted(words, self._no_speech)):
            return ()
        return words

    def may_begin(self, words: tuple[DecodedWord, ...]) -> bool:
        """May a live pass confirm these words? Doubtful ones behind a context wait for the pause, where they are tried."""
        return self._window.begun or not self._doubtful(words)

    def last(
        self, end_ms: int, speech_end_ms: int, *, look: bool = False, cheap: bool = False
    ) -> tuple[DecodedWord, ...]:
        """The final words up to `end_ms`; `look`: in the full window and with all beams."""
        beam_size = self._options.beam_size if look else 1 if cheap else None
        decoded = self._decode(end_ms, final=True, beam_size=beam_size, look=look)
        return self.plausible(self._guarded(decoded, speech_end_ms), decoded, end_ms)

    def before_hole(self, words: tuple[DecodedWord, ...]) -> tuple[DecodedWord, ...]:
        """The words up to a stretch of speech for which the model found no words: it skipped some."""
        window = self._window
        hole = first_hole(words, self._ear.gate, window_ms=window.start_ms, from_ms=window.last_ms)
        if hole is None:
            return words
        self.counters.holes += 1
        return words[: hole.count]

    def plausible(
        self, words: tuple[DecodedWord, ...], decoded: Decoded | None, end_ms: int
    ) -> tuple[DecodedWord, ...]:
        """Drop the text of a whole utterance when it is probably invented."""
        if not words or self._window.begun:
            return words
        said = words
        if self._doubtful(words):
            decoded = self._alone(end_ms)
            said = decoded.words
            words = () if self._window.said and self._is_echo(words) else words
        silent = decoded is not None and guards.is_no_speech(decoded)
        if silent or not guards.is_trusted(said, self._no_speech):
            self.counters.no_speech_dropped += 1
            return ()
        if guards.is_phantom(words, self._options.language):
            self.counters.phantoms_dropped += 1
            return ()
        return words

    def leave(self, count: int) -> None:
        """Let the first confirmed words leave the window."""
        self.prompt.say(self._window.leave(count))

    def start_window(self, at_ms: int) -> None:
        """Begin the window elsewhere."""
        self._window.start(at_ms)
        self._ear.forget_before(at_ms)

    def restart_window(self) -> None:
        """The model says nothing behind the prefix: begin anew behind the last confirmed word."""
        self.counters.restarts += 1
        at_ms = self._window.last_ms
        self.leave(len(self._window.said))
        self.prompt.mute()
        self.start_window(at_ms)
        self._window.decoded_ms = at_ms

    def _doubtful(self, words: tuple[DecodedWord, ...]) -> bool:
        """Behind a context or a prompt: may these words come from it, or does it make speech look like silence?

        With a room's title as prompt the model takes honest beginnings for silence with 0.4 to 0.5.
        """
        if not self._window.said:
            return bool(self.prompt.tokens()) and not guards.is_trusted(words, self._no_speech)
        return self._is_echo(words) or not guards.is_trusted(words, self._no_speech + CONTEXT_DOUBT)

    def _is_echo(self, words: tuple[DecodedWord, ...]) -> bool:
        """Words that the model places in the context, before the utterance began."""
        before_ms = self._window.opened_ms - self._window.start_ms
        return bool(self._window.said and words) and words[-1].end_ms <= before_ms

    def _alone(self, end_ms: int) -> Decoded:
        """The open utterance without its context: only so the model says whether it is speech at all."""
        window = self._window
        request = replace(self._request(end_ms, final=True, beam_size=1), prompt=(), prefix=(), joint=())
        return self._timed(self._ear.between(window.opened_ms, end_ms), request)

    def _decode(self, end_ms: int, *, final: bool, beam_size: int | None, look: bool = False) -> Decoded:
        """Decode up to `end_ms`; once more, without what led it astray, if the model looped."""
        samples = self._ear.between(self._window.start_ms, end_ms)
        request = self._request(end_ms, final=final, beam_size=beam_size)
        if look:
            self.counters.second_looks += 1
            request = replace(request, window_s=self._options.second_look_window_s)
        decoded = self._timed(samples, request)
        if guards.without_loop(decoded.words)[1] or not decoded.ended:
            self.counters.loops_cut += 1
            self.prompt.mute()
            decoded = self._timed(samples, replace(request, prompt=(), repetition_penalty=LOOP_PENALTY))
        return decoded

    def _request(self, end_ms: int, *, final: bool, beam_size: int | None) -> DecodeRequest:
        options, window = self._options, self._window
        new_s = max(0.0, (end_ms - window.last_ms) / 1000)
        return DecodeRequest(
            language=options.language,
            prompt=self.prompt.tokens(),
            prefix=window.prefix,
            beam_size=beam_size or options.live_beam_size,
            max_new_tokens=int(options.tokens_per_s * new_s) + SPARE_TOKENS,
            repetition_penalty=options.repetition_penalty,
            pad_s=options.window_pad_s,
            window_s=options.window_s,
            penalty=partial(self._penalty, whole=final),
            joint=self._comma if window.goes_on_bare else (),
        )

    def _penalty(self, text: str, *, whole: bool) -> float:
        """What a beam is worth less: for words that nobody knows, and for a sentence that begins with a small letter."""
        small = self.prompt.sentence_begins and not self._window.said and text.lstrip()[:1].islower()
        unknown = self._lexicon.penalty(text, whole=whole) if self._lexicon else 0.0
        return unknown + SMALL_BEGINNING_NATS * small

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
        """Cut loops, words behind the speech, and repetitions of what was said before the window."""
        words, _ = guards.without_loop(decoded.words)
        words, late = guards.without_late(words, speech_end_ms - self._window.start_ms)
        self.counters.late_words_cut += late
        if not self._window.said:
            words = guards.without_said(words, self.prompt.said, REPEATED_MS)
        return words
