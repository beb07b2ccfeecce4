"""The live recogniser: one stream, a loaded model, and the policy of when to decode what.

Audio → VAD windows → an utterance → greedy passes over a short window while it is spoken → a second look at the
pause. Words once confirmed are forced as the prefix of later passes, so they are never decoded again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from . import guards
from .agreement import make_policy
from .buffer import AudioBuffer
from .counters import Counters
from .lexicon import Lexicon
from .options import EngineOptions
from .prompt import Prompt, talk_terms
from .recogniser import (
    SAMPLES_PER_MS,
    Confirmed,
    Event,
    Hypothesis,
    Recogniser,
    Reset,
    Samples,
    UtteranceEnd,
    Word,
)
from .sentences import ends_sentence
from .vad import WINDOW_MS, WINDOW_SAMPLES, SileroVad, SpeechGate
from .whisper import Decoded, DecodedWord, DecodeRequest, Model

LONGEST_WINDOW_MS = 28_000  # of the 30 s that the model can take
HORIZON_SLACK_MS = 6_000  # the gate never runs further past the length at which the window is trimmed
FORCED_CUT_MS = 10_000  # so much speech without a final word is cut at its quietest place
EARLY_PAUSE_MS = 220  # silence after which a pass does not wait for its step
DUMB_MS = 1200  # so much speech behind the prefix without a word: the prefix is in the way
HOLE_MS = 1300  # so much speech between two words: the model skipped some
LONG_WORD_MS = 2300  # no word is so long
LOOP_PENALTY = 1.15  # for a second try where the model looped; it costs honest little words
VAD_BATCH_WINDOWS = 320
LONGEST_PAUSE_DECODE_LAG_MS = 2500  # a second look is taken only while the audio is not further ahead


@dataclass(frozen=True)
class Said:
    """A confirmed word whose audio is still in the window."""

    word: Word
    tokens: tuple[int, ...]


class LiveRecogniser:
    """A `Recogniser` on a loaded model; see the module's docstring."""

    def __init__(
        self,
        model: Model,
        options: EngineOptions,
        start_ms: int = 0,
        *,
        counters: Counters | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counters = counters or Counters()
        self._model = model
        self._options = options
        self._clock = clock
        self._audio = AudioBuffer(start_ms)
        self._vad = SileroVad()
        self._vad_ms = start_ms  # the VAD ran up to here
        self._windows: deque[tuple[int, float]] = deque()  # its results that the gate has not taken
        self._gate = SpeechGate(options.vad_threshold, options.pause_ms)
        self._gate_ms = start_ms
        self._policy = make_policy(options)
        self._prompt = Prompt(options, lambda text: model.encode_text(text, options.language))
        self._lexicon = Lexicon(options.language, talk_terms(options)) if options.lexicon else None
        self._window_ms = start_ms  # start of the audio that is decoded
        self._said: list[Said] = []
        self._hypothesis: tuple[DecodedWord, ...] = ()
        self._decoded_ms = start_ms  # end of the audio of the last pass
        self._settled_ms = start_ms
        self._output_speech_ms = 0  # speech in the utterance when something was last said
        self._silent_speech_ms = 0  # speech of utterances before that gave no output
        self._shed = 0
        trimming_ms = round(options.buffer_trimming_s * 1000)
        self._horizon_ms = min(LONGEST_WINDOW_MS, trimming_ms + HORIZON_SLACK_MS)
        self._trim_ms = min(trimming_ms, self._horizon_ms - HORIZON_SLACK_MS)
        self._no_speech = 0.0  # the model's probability of it, in the last decode

    # -- Recogniser -------------------------------------------------------------------------------------------

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._audio.end_ms

    @property
    def settled_ms(self) -> int:
        """Everything before this is confirmed or known to hold no speech."""
        return self._settled_ms

    @property
    def kept_ms(self) -> int:
        """Audio in memory."""
        return self._audio.end_ms - self._audio.start_ms

    def feed(self, samples: Samples) -> None:
        """Take consecutive audio."""
        self._audio.append(samples)

    def poll(self) -> list[Event]:
        """One VAD pass and at most one decode."""
        self._listen()
        if self._follow_gate():
            return self._finish_utterance()
        if not self._gate.speaking:
            self._forget_silence()
            return []
        if self._due():
            return self._pass()
        return []

    def flush(self) -> list[Event]:
        """Confirm everything heard so far."""
        events: list[Event] = []
        while True:
            self._listen()
            ended = self._follow_gate()
            behind = bool(self._windows) or self.heard_ms - self._vad_ms >= WINDOW_MS
            if ended or (self._gate.speaking and not behind):
                events.extend(self._finish_utterance())
            elif self._gate.speaking and behind:
                events.extend(self._pass())
            elif not behind:
                break
        self._settled_ms = max(self._settled_ms, self.heard_ms)
        return events

    # -- Listening --------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Run the VAD over audio that it has not seen."""
        count = min(VAD_BATCH_WINDOWS, (self.heard_ms - self._vad_ms) // WINDOW_MS)
        if count <= 0:
            return
        samples = self._audio.between(self._vad_ms, self._vad_ms + count * WINDOW_MS)
        count = len(samples) // WINDOW_SAMPLES
        heard = self._vad(samples[: count * WINDOW_SAMPLES]) if self._options.vac else np.ones(count)
        for probability in heard:
            self._windows.append((self._vad_ms, float(probability)))
            self._vad_ms += WINDOW_MS

    def _follow_gate(self) -> bool:
        """Let the gate take windows, up to the end of an utterance (True) or the horizon."""
        while self._windows and (
            not self._gate.speaking or self._gate_ms - self._window_ms < self._horizon_ms
        ):
            start_ms, probability = self._windows.popleft()
            was_speaking = self._gate.speaking
            ended = self._gate.take(start_ms, probability)
            self._gate_ms = start_ms + WINDOW_MS
            if self._gate.speaking and not was_speaking:
                self._open_utterance(start_ms)
            if ended:
                return True
        return False

    def _open_utterance(self, speech_ms: int) -> None:
        self._window_ms = max(self._audio.start_ms, self._settled_ms, speech_ms - self._options.speech_pad_ms)
        self._decoded_ms = self._window_ms
        self._output_speech_ms = 0

    def _forget_silence(self) -> None:
        keep_ms = self._gate_ms - self._options.speech_pad_ms - WINDOW_MS
        self._settled_ms = max(self._settled_ms, keep_ms)
        self._audio.forget_before(keep_ms)

    # -- Passes -----------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Is there enough new audio, or a pause, for a live pass?"""
        new_ms = self._gate_ms - self._decoded_ms
        delay_ms = self.heard_ms - self._decoded_ms
        self._note_delay(delay_ms)
        if self._gate_ms - self._window_ms >= self._horizon_ms:
            return True
        if self._options.policy == "utterance":
            return self._uncommitted_ms() >= FORCED_CUT_MS
        if (
            self._gate.silence_ms(self._gate_ms) >= EARLY_PAUSE_MS
            and self._decoded_ms < self._gate.speech_end_ms
        ):
            return True
        return new_ms >= self._options.min_chunk_size_s * 1000 * (1 + self._shed)

    def _note_delay(self, delay_ms: int) -> None:
        """Lower the cost while the delay is high; go back when it is low again."""
        limit_ms = self._options.shed_delay_s * 1000
        if delay_ms > limit_ms:
            self._shed = 2
        elif delay_ms > limit_ms / 2:
            self._shed = max(self._shed, 1)
        elif delay_ms < limit_ms / 4:
            self._shed = 0
        self.counters.shed_level = self._shed

    def _uncommitted_ms(self) -> int:
        return self._gate_ms - self._last_ms()

    def _last_ms(self) -> int:
        """End of the last confirmed word in the window, else the window's start."""
        return max(self._window_ms, self._said[-1].word.end_ms if self._said else 0)

    def _pass(self) -> list[Event]:
        """A greedy pass over the window; the policy says what of it is final."""
        if self._uncommitted_ms() >= FORCED_CUT_MS:
            return self._forced_cut()
        end_ms = self._gate_ms
        words = self._before_hole(self._decode(end_ms, self._gate.speech_end_ms, final=False))
        self._decoded_ms = end_ms
        if not self._said and not guards.is_trusted(words, self._no_speech):
            words = ()
        paused = self._gate.silence_ms(end_ms) >= EARLY_PAUSE_MS
        bonus_ms = self._options.pause_bonus_ms if paused else 0
        count = self._final_count(words, end_ms + bonus_ms)
        if count == len(words) and words:
            words = (*words[:-1], words[-1].bare(), *words[-1].punctuation())
        events = self._confirm(words[:count])
        self._hypothesis = words[count:]
        events.append(Hypothesis(tuple(self._absolute(word) for word in self._hypothesis)))
        if words:
            self._note_output()
        elif self._frozen():
            return [*events, *self._reset()]
        elif self._said and self._gate.speech_end_ms - self._last_ms() >= DUMB_MS:
            self._restart_window()
        self._trim()
        return events

    def _final_count(self, words: tuple[DecodedWord, ...], end_ms: int) -> int:
        """Ask the policy; punctuation that stands alone is final with the word behind it."""
        places = [index for index, word in enumerate(words) if guards.bare(word.text)]
        count = self._policy.confirm([self._absolute(words[index]) for index in places], end_ms)
        return places[count - 1] + 1 if count else 0

    def _finish_utterance(self) -> list[Event]:
        """A pause: a last look, and everything in the utterance is final."""
        speech_end_ms = self._gate.speech_end_ms
        end_ms = min(self._gate_ms, speech_end_ms + self._options.speech_pad_ms + EARLY_PAUSE_MS)
        words = self._final_words(end_ms, speech_end_ms)
        events = self._confirm(words)
        events.append(Hypothesis(()))
        if words:
            self._note_output()
        self._silent_speech_ms += self._gate.speech_total_ms - self._output_speech_ms
        self._leave_window(len(self._said))
        self._policy.forget()
        self._gate.close()
        self._settled_ms = max(self._settled_ms, end_ms - self._options.speech_pad_ms)
        events.append(UtteranceEnd(speech_end_ms))
        if self._silent_speech_ms >= self._options.freeze_reset_s * 1000:
            events.extend(self._reset())
        return events

    def _final_words(self, end_ms: int, speech_end_ms: int) -> tuple[DecodedWord, ...]:
        """The rest of an utterance: a second look while there is time, else what the last pass said."""
        lag_ms = self.heard_ms - self._gate_ms
        complete = self._decoded_ms >= speech_end_ms + EARLY_PAUSE_MS // 2
        last_ms = self._last_ms()
        if (
            complete
            and not any(word.bare_chars for word in self._hypothesis)
            and speech_end_ms - last_ms < 400
        ):
            return self._hypothesis
        look = self._options.second_look and self._shed == 0 and lag_ms < LONGEST_PAUSE_DECODE_LAG_MS
        if complete and not look:
            return self._plausible(self._hypothesis, None)
        words = self._decode(end_ms, speech_end_ms, final=True, look=look)
        mute = not words and speech_end_ms - last_ms >= DUMB_MS / 2
        if self._said and (mute or len(self._before_hole(words)) < len(words)):
            self._restart_window()
            words = self._decode(end_ms, speech_end_ms, final=True, look=look)
        return words

    def _forced_cut(self) -> list[Event]:
        """Long speech without a final word: everything up to the quietest place is final."""
        self.counters.forced_cuts += 1
        last_ms = self._last_ms()
        cut_ms = self._gate.quietest_ms(last_ms + FORCED_CUT_MS // 2, self._gate_ms - 500) or self._gate_ms
        words = self._decode(cut_ms, cut_ms, final=True)
        if self._said and len(self._before_hole(words)) < max(1, len(words)):
            self._restart_window()
            words = self._decode(cut_ms, cut_ms, final=True)
        events = self._confirm(words)
        self._hypothesis = ()
        events.append(Hypothesis(()))
        if words:
            self._note_output()
        self._leave_window(len(self._said))
        self._start_window(cut_ms)
        self._decoded_ms = cut_ms
        self._policy.forget()
        if self._frozen():
            events.extend(self._reset())
        return events

    # -- One decode -------------------------------------------------------------------------------------------

    def _decode(
        self, end_ms: int, speech_end_ms: int, *, final: bool, look: bool = False
    ) -> tuple[DecodedWord, ...]:
        """Decode the window up to `end_ms`; words (ms from the window's start) that pass the guards."""
        options = self._options
        samples = self._audio.between(self._window_ms, end_ms)
        new_s = (end_ms - self._last_ms()) / 1000
        request = DecodeRequest(
            language=options.language,
            prompt=self._prompt.tokens(),
            prefix=tuple(token for said in self._said for token in said.tokens),
            beam_size=options.beam_size if look else 1 if self._shed else options.live_beam_size,
            max_new_tokens=int(options.tokens_per_s * max(0.0, new_s)) + 8,
            repetition_penalty=options.repetition_penalty,
            pad_s=options.window_pad_s,
            window_s=options.second_look_window_s if look else options.window_s,
            penalty=partial(self._lexicon.penalty, whole=final) if self._lexicon else None,
        )
        decoded = self._timed(samples, request)
        if guards.without_loop(decoded.words)[1] or not decoded.ended:
            self.counters.loops_cut += 1
            self._prompt.mute()
            again = replace(request, prompt=(), repetition_penalty=LOOP_PENALTY)
            decoded = self._timed(samples, again)
        words = self._guarded(decoded, speech_end_ms - self._window_ms)
        return self._plausible(words, decoded) if final else words

    def _timed(self, samples: Samples, request: DecodeRequest) -> Decoded:
        started = self._clock()
        decoded = self._model.decode(samples, request)
        self.counters.decodes += 1
        self.counters.second_looks += request.window_s > self._options.window_s
        self.counters.decoded_audio_s += len(samples) / SAMPLES_PER_MS / 1000
        self.counters.decode_wall_s += self._clock() - started
        self.counters.tokens += decoded.new_tokens
        self._no_speech = decoded.no_speech
        self.counters.budgets_spent += not decoded.ended
        return decoded

    def _guarded(self, decoded: Decoded, speech_end_ms: int) -> tuple[DecodedWord, ...]:
        """Cut loops, words behind the speech, and repetitions of what was said before the window."""
        words, _ = guards.without_loop(decoded.words)
        words, late = guards.without_late(words, speech_end_ms)
        self.counters.late_words_cut += late
        if not self._said:
            words = guards.without_said(words, self._prompt.said, 300)
        return words

    def _before_hole(self, words: tuple[DecodedWord, ...]) -> tuple[DecodedWord, ...]:
        """The words up to a stretch of speech for which the model found no words: it skipped some."""
        last_ms = self._last_ms()
        for index, word in enumerate(words):
            start_ms, end_ms = self._window_ms + word.start_ms, self._window_ms + word.end_ms
            if self._gate.speech_between_ms(last_ms, start_ms) >= HOLE_MS or (
                end_ms - start_ms >= LONG_WORD_MS
                and self._gate.speech_between_ms(start_ms, end_ms) >= LONG_WORD_MS
            ):
                self.counters.holes += 1
                return words[:index]
            last_ms = end_ms
        return words

    def _plausible(self, words: tuple[DecodedWord, ...], decoded: Decoded | None) -> tuple[DecodedWord, ...]:
        """Drop the text of a whole utterance when it is probably invented."""
        if not words or self._said:
            return words
        silent = decoded is not None and guards.is_no_speech(decoded)
        if silent or not guards.is_trusted(words, self._no_speech):
            self.counters.no_speech_dropped += 1
            return ()
        if guards.is_phantom(words, self._options.language):
            self.counters.phantoms_dropped += 1
            return ()
        return words

    # -- The window -------------------------------------------------------------------------------------------

    def _absolute(self, word: DecodedWord) -> Word:
        """The word on the part's timeline, never before the last confirmed one."""
        floor_ms = self._said[-1].word.end_ms if self._said else self._settled_ms
        start_ms = max(floor_ms, min(self._gate_ms, self._window_ms + word.start_ms))
        end_ms = max(start_ms, min(self._gate_ms, self._window_ms + word.end_ms))
        return Word(start_ms, end_ms, word.text, word.probability)

    def _confirm(self, words: Sequence[DecodedWord]) -> list[Event]:
        if not words:
            return []
        confirmed = []
        for word in words:
            absolute = self._absolute(word)
            confirmed.append(absolute)
            self._said.append(Said(absolute, word.tokens))
        self._settled_ms = max(self._settled_ms, confirmed[-1].end_ms)
        return [Confirmed(tuple(confirmed))]

    def _trim(self) -> None:
        """Keep the window short: cut behind a confirmed sentence, or at the widest gap between confirmed words."""
        length_ms = self._gate_ms - self._window_ms
        if length_ms < self._trim_ms:
            return
        if len(self._said) < 2:
            if self._said and length_ms >= self._horizon_ms - WINDOW_MS:
                self._restart_window()
            return
        ends = [i + 1 for i, said in enumerate(self._said[:-1]) if ends_sentence(said.word.text)]
        if self._options.buffer_trimming == "segment" or not ends:
            ends = list(range(max(1, len(self._said) // 2), len(self._said)))
        count = (
            ends[-1]
            if self._options.buffer_trimming == "sentence" and len(ends) == 1
            else max(ends, key=lambda i: (self._said[i].word.start_ms - self._said[i - 1].word.end_ms, i))
        )
        cut_ms = (self._said[count - 1].word.end_ms + self._said[count].word.start_ms) // 2
        self._leave_window(count)
        self._start_window(cut_ms)

    def _restart_window(self) -> None:
        """The model says nothing behind the prefix: begin anew behind the last confirmed word."""
        at_ms = self._last_ms()
        self.counters.restarts += 1
        self._leave_window(len(self._said))
        self._prompt.mute()
        self._start_window(at_ms)
        self._decoded_ms = at_ms

    def _leave_window(self, count: int) -> None:
        self._prompt.say([said.word.text for said in self._said[:count]])
        del self._said[:count]

    def _start_window(self, at_ms: int) -> None:
        moved_ms = self._window_ms - at_ms
        self._hypothesis = tuple(word.moved(moved_ms) for word in self._hypothesis)
        self._window_ms = at_ms
        self._audio.forget_before(min(at_ms, self._vad_ms))
        self._gate.forget_before(at_ms)

    # -- Freeze -----------------------------------------------------------------------------------------------

    def _note_output(self) -> None:
        self._output_speech_ms = self._gate.speech_total_ms
        self._silent_speech_ms = 0

    def _frozen(self) -> bool:
        silent_ms = self._silent_speech_ms + self._gate.speech_total_ms - self._output_speech_ms
        return silent_ms >= self._options.freeze_reset_s * 1000

    def _reset(self) -> list[Event]:
        """Speech without output for too long: start afresh behind what was heard."""
        self.counters.resets += 1
        at_ms = self._gate_ms
        self._leave_window(len(self._said))
        self._prompt.mute()
        self._policy.forget()
        self._gate.close()
        self._hypothesis = ()
        self._silent_speech_ms = 0
        self._output_speech_ms = 0
        self._settled_ms = max(self._settled_ms, at_ms)
        self._start_window(at_ms)
        self._decoded_ms = at_ms
        return [Hypothesis(()), Reset("no_output", at_ms)]


def make_recogniser(
    model: Model, options: EngineOptions, start_ms: int = 0, *, counters: Counters | None = None
) -> Recogniser:
    """A recogniser for one stream on a loaded model; `counters` go on from where an earlier one left them."""
    return LiveRecogniser(model, options, start_ms, counters=counters)
