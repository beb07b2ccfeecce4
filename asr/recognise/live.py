"""The live recogniser: one stream, a loaded model, and the policy of when to decode what.

Audio → VAD windows → an utterance → passes over a short window while it is spoken → a second look at the pause.
Words once confirmed are forced as the prefix of later passes, so they are never decoded otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from asr.audio.samples import Samples
from asr.audio.vad import WINDOW_MS

from . import guards
from .agreement import make_policy
from .counters import Counters
from .ear import Ear, Speech
from .options import EngineOptions
from .pace import Dumbness, Pace
from .recogniser import Confirmed, Event, Hypothesis, Recogniser, Reset, UtteranceEnd
from .settling import Settler
from .transcriber import Transcriber
from .whisper import DecodedWord, Model
from .window import Window, without_stop

LONGEST_WINDOW_MS = 28_000  # of the 30 s that the model can take
HORIZON_SLACK_MS = 6_000  # the gate never runs further past the length at which the window is trimmed
FORCED_CUT_MS = 10_000  # so much speech without a final word is cut at its quietest place
EARLY_PAUSE_MS = 220  # silence after which a pass does not wait for its step
DUMB_MS = 1200  # so much speech behind the prefix without a word: the prefix is in the way
SHORT_REST_MS = 400  # so little speech behind the last word holds no further word
LONGEST_LOOK_LAG_MS = 2500  # a second look is taken only while the audio is not further ahead


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
        self._options = options
        self._ear = Ear(options, start_ms)
        self._window = Window(start_ms)
        self._transcriber = Transcriber(
            model, options, self._ear, self._window, counters=self.counters, clock=clock
        )
        self._settler = Settler(self._transcriber, self._ear, self._window, self.counters)
        self._prompt = self._transcriber.prompt
        self._policy = make_policy(options)
        self._context_pause_ms = options.context_pause_s * 1000
        self._pace = Pace(options)
        self._dumbness = Dumbness(options)
        trimming_ms = round(options.buffer_trimming_s * 1000)
        self._horizon_ms = min(LONGEST_WINDOW_MS, trimming_ms + HORIZON_SLACK_MS)
        self._trim_ms = min(trimming_ms, self._horizon_ms - HORIZON_SLACK_MS)
        self._forced_cut_ms = min(FORCED_CUT_MS, self._horizon_ms)

    # -- Recogniser -------------------------------------------------------------------------------------------

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._ear.heard_ms

    @property
    def settled_ms(self) -> int:
        """Everything before this is confirmed or known to hold no speech."""
        return self._window.settled_ms

    @property
    def kept_ms(self) -> int:
        """Audio in memory."""
        return self._ear.heard_ms - self._ear.kept_from_ms

    def feed(self, samples: Samples) -> None:
        """Take consecutive audio."""
        self._ear.feed(samples)

    def poll(self) -> list[Event]:
        """One VAD pass and at most one decode."""
        self._ear.listen()
        if self._follow():
            return self._finish_utterance()
        if not self._ear.gate.speaking:
            return self._forget_silence()
        return self._pass() if self._due() else []

    def flush_steps(self) -> Iterator[list[Event]]:
        """Confirm everything heard so far, at most an utterance's end a step."""
        while True:
            self._ear.listen()
            ended = self._follow()
            if ended or (self._ear.gate.speaking and not self._ear.behind):
                yield self._finish_utterance()
            elif self._ear.gate.speaking and self._length_ms() >= self._horizon_ms:
                yield self._pass()
            elif not self._ear.behind:
                break
            else:
                yield []
        yield self._believe_stop()
        self._window.settle(self.heard_ms)

    def flush(self) -> list[Event]:
        """Confirm everything heard so far."""
        return [event for events in self.flush_steps() for event in events]

    # -- Utterances -------------------------------------------------------------------------------------------

    def _follow(self) -> bool:
        """Let the gate take windows, up to the end of an utterance (True) or the horizon."""
        ear = self._ear
        while ear.waiting and (not ear.gate.speaking or self._length_ms() < self._horizon_ms):
            before_ms = ear.at_ms
            change = ear.step()
            if change is Speech.BEGINS:
                self._open_utterance(before_ms)
            elif change is Speech.ENDS:
                return True
        return False

    def _open_utterance(self, speech_ms: int) -> None:
        """Speech begins: behind a short pause the window still holds the utterance before, as context."""
        window = self._window
        padded_ms = speech_ms - self._options.speech_pad_ms
        window.opened_ms = max(self._ear.kept_from_ms, window.settled_ms, padded_ms)
        if window.said and (
            window.opened_ms - window.said[-1].word.end_ms > self._context_pause_ms
            or window.opened_ms - window.start_ms > self._horizon_ms // 2
        ):
            self._leave_context(len(window.said))
        if not window.said:
            window.start_ms = window.opened_ms
        window.decoded_ms = window.opened_ms

    def _forget_silence(self) -> list[Event]:
        """Silence: a full stop that stood at the pause counts after a while, and context is not kept for ever."""
        window, gate, events = self._window, self._ear.gate, list[Event]()
        keep_ms = self._ear.at_ms - self._options.speech_pad_ms - WINDOW_MS
        window.settle(keep_ms)
        silence_ms = gate.silence_ms(self._ear.at_ms)
        if silence_ms >= self._options.stop_pause_ms:
            events = self._believe_stop()
        if window.said and silence_ms >= self._context_pause_ms:
            events += self._believe_stop()
            self._leave_context(len(window.said))
        self._ear.forget_before(min(keep_ms, window.start_ms) if window.said else keep_ms)
        return events

    def _finish_utterance(self) -> list[Event]:
        """A pause: a last look, and every word in the utterance is final; punctuation waits for what follows."""
        gate, window = self._ear.gate, self._window
        speech_end_ms, speech_ms = gate.speech_end_ms, gate.speech_total_ms
        end_ms = min(self._ear.at_ms, speech_end_ms + self._options.speech_pad_ms + EARLY_PAUSE_MS)
        words = self._final_words(end_ms, speech_end_ms)
        spoken, stop = without_stop(words)
        events = self._settler.settle(spoken, end_ms, speech_end_ms)
        if _has_words(events):
            self._dumbness.word(speech_ms)
        window.hold(stop)
        window.hypothesis = ()
        self._dumbness.utterance_ends(speech_ms)
        self._policy.forget()
        gate.close()
        window.settle(end_ms - self._options.speech_pad_ms)
        events += [UtteranceEnd(speech_end_ms), self._hypothesis()]
        self._prompt.say(window.keep_as_context(round(self._options.context_s * 1000)))
        if self._dumbness.too_long():
            events.extend(self._reset())
        return events

    def _believe_stop(self) -> list[Event]:
        stop = self._window.believe_stop()
        return [Confirmed(stop), Hypothesis(())] if stop else []

    def _leave_context(self, count: int) -> None:
        """The sentence before the pause is over with its stop, or goes on."""
        self._prompt.say([*self._window.leave(count), *(stop.word.text for stop in self._window.stop)])
        self._prompt.pause()

    def _final_words(self, end_ms: int, speech_end_ms: int) -> tuple[DecodedWord, ...]:
        """The rest of an utterance: a second look while there is time, else what the last pass said."""
        window, transcriber, cheap = self._window, self._transcriber, self._pace.shed > 0
        complete = window.decoded_ms >= speech_end_ms + EARLY_PAUSE_MS // 2
        rest_ms = speech_end_ms - window.last_ms
        spoken = any(word.bare_chars for word in window.hypothesis)
        if complete and not spoken and rest_ms < SHORT_REST_MS:
            return window.hypothesis
        lag_ms = self.heard_ms - self._ear.at_ms
        look = self._options.second_look and not cheap and lag_ms < LONGEST_LOOK_LAG_MS
        if complete and not look:
            return transcriber.plausible(window.hypothesis, None, end_ms)
        return transcriber.last(end_ms, speech_end_ms, look=look, cheap=cheap)

    # -- Passes -----------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Is there enough new audio, or a pause, for a live pass?"""
        ear, decoded_ms = self._ear, self._window.decoded_ms
        self._pace.note_delay(self.heard_ms - decoded_ms)
        self.counters.shed_level = self._pace.shed
        if self._length_ms() >= self._horizon_ms:
            return True
        if self._options.policy == "utterance":
            return self._uncommitted_ms() >= self._forced_cut_ms
        if ear.gate.silence_ms(ear.at_ms) >= EARLY_PAUSE_MS and decoded_ms < ear.gate.speech_end_ms:
            return True
        return ear.at_ms - decoded_ms >= self._pace.step_ms

    def _pass(self) -> list[Event]:
        """A pass over the window; the policy says what of it is final, and too much that is not is cut by force."""
        if self._options.policy == "utterance":
            return self._forced_cut()
        ear, window = self._ear, self._window
        words = self._transcriber.live(cheap=self._pace.shed > 0)
        window.decoded_ms = ear.at_ms
        count = self._final_count(words) if self._transcriber.may_begin(words) else 0
        if count == len(words):
            spoken, stop = without_stop(words)
            words, count = (*spoken, *stop), len(spoken)
        events = self._confirm(words[:count])
        window.hypothesis = words[count:]
        events.append(self._hypothesis())
        if words:
            self._dumbness.word(ear.gate.speech_total_ms)
        elif self._dumbness.too_long(ear.gate.speech_total_ms):
            return [*events, *self._reset()]
        elif window.said and ear.gate.speech_end_ms - window.last_ms >= DUMB_MS:
            self._transcriber.restart_window()
        self._trim()
        if self._uncommitted_ms() >= self._forced_cut_ms or self._length_ms() >= self._horizon_ms:
            events.extend(self._forced_cut())
        return events

    def _final_count(self, words: tuple[DecodedWord, ...]) -> int:
        """Ask the policy; punctuation that stands alone is final with the word behind it."""
        ear = self._ear
        paused = ear.gate.silence_ms(ear.at_ms) >= EARLY_PAUSE_MS
        end_ms = ear.at_ms + (self._options.pause_bonus_ms if paused else 0)
        places = [index for index, word in enumerate(words) if guards.bare(word.text)]
        count = self._policy.confirm([self._window.absolute(words[i], ear.at_ms) for i in places], end_ms)
        return places[count - 1] + 1 if count else 0

    def _forced_cut(self) -> list[Event]:
        """Long speech without a final word: everything up to the quietest place is final."""
        self.counters.forced_cuts += 1
        ear, window = self._ear, self._window
        quietest_ms = ear.gate.quietest_ms(window.last_ms + self._forced_cut_ms // 2, ear.at_ms - 500)
        cut_ms = quietest_ms or ear.at_ms
        words = self._transcriber.last(cut_ms, cut_ms, cheap=self._pace.shed > 0)
        events = [*self._settler.settle(words, cut_ms, cut_ms), Hypothesis(())]
        window.hypothesis = ()
        if _has_words(events):
            self._dumbness.word(ear.gate.speech_total_ms)
        self._transcriber.leave(len(window.said))
        self._transcriber.start_window(cut_ms)
        window.decoded_ms = cut_ms
        self._policy.forget()
        if self._dumbness.too_long(ear.gate.speech_total_ms):
            events.extend(self._reset())
        return events

    # -- The window -------------------------------------------------------------------------------------------

    def _length_ms(self) -> int:
        return self._ear.at_ms - self._window.start_ms

    def _uncommitted_ms(self) -> int:
        return self._ear.at_ms - self._window.last_ms

    def _hypothesis(self) -> Hypothesis:
        window, at_ms = self._window, self._ear.at_ms
        tentative = tuple(window.absolute(word, at_ms) for word in window.hypothesis)
        return Hypothesis(tentative or tuple(stop.word for stop in window.stop))

    def _confirm(self, words: tuple[DecodedWord, ...]) -> list[Event]:
        confirmed = self._window.confirm(words, self._ear.at_ms)
        return [Confirmed(confirmed)] if confirmed else []

    def _trim(self) -> None:
        """Keep the window short: what an utterance needs of the one before, it needs at its beginning."""
        long_ms = self._ear.at_ms - self._window.opened_ms
        own = self._window.context_end() if long_ms >= self._options.context_until_s * 1000 else None
        if own is not None:
            self._leave_context(own.count)
            self._transcriber.start_window(own.at_ms)
        if self._length_ms() < self._trim_ms:
            return
        cut = self._window.cut(self._options.buffer_trimming)
        if cut is not None:
            self._transcriber.leave(cut.count)
            self._transcriber.start_window(cut.at_ms)
        elif self._window.said and self._length_ms() >= self._horizon_ms - WINDOW_MS:
            self._transcriber.restart_window()

    def _reset(self) -> list[Event]:
        """Speech without output for too long: start afresh behind what was heard."""
        self.counters.resets += 1
        at_ms = self._ear.at_ms
        self._transcriber.leave(len(self._window.said))
        self._prompt.mute()
        self._policy.forget()
        self._ear.gate.close()
        self._dumbness.forget()
        self._window.hypothesis = ()
        self._window.settle(at_ms)
        self._transcriber.start_window(at_ms)
        self._window.decoded_ms = at_ms
        return [Hypothesis(()), Reset("no_output", at_ms)]


def _has_words(events: list[Event]) -> bool:
    return any(isinstance(event, Confirmed) for event in events)


def make_recogniser(
    model: Model, options: EngineOptions, start_ms: int = 0, *, counters: Counters | None = None
) -> Recogniser:
    """A recogniser for one stream on a loaded model; `counters` go on from where an earlier one left them."""
    return LiveRecogniser(model, options, start_ms, counters=counters)
