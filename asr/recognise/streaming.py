"""The streaming recogniser: one stream, a loaded model, and the policy of when to decode what.

Audio → VAD windows → an utterance → passes over a short window while it is spoken → a final pass at the pause.
Committed words are forced as the prefix of later passes, so they are never decoded differently.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from asr.audio.samples import Samples
from asr.audio.vad import WINDOW_MS

from .commit import count_repeated, make_commit_policy
from .counters import Counters
from .finalising import Finaliser
from .front_end import Speech, VadFrontEnd
from .load_shedding import LoadShedding, NoOutputWatchdog
from .options import EngineOptions
from .prompt import Voice
from .recogniser import Committed, Event, Hypothesis, Recogniser, Reset, UtteranceBegin, UtteranceEnd
from .text import has_letters, normalised
from .transcriber import Transcriber
from .whisper import DecodedWord, Model
from .window import DecodeWindow, split_punctuation

LONGEST_WINDOW_MS = 28_000  # of the 30 s that fit the model
# the gate never runs further than this past the length at which the window is trimmed
HORIZON_SLACK_MS = 6_000
FORCED_CUT_MS = 10_000  # this much speech without a committed word is cut at its quietest place
EARLY_PAUSE_MS = 220  # silence after which a pass does not wait for its step
BLOCKED_PREFIX_MS = 1200  # this much speech behind the prefix without a word: the prefix blocks the decoder
SHORT_REST_MS = 400  # speech shorter than this behind the last word holds no further word
FINAL_PASS_MAX_LAG_MS = 2500  # a final pass is made only while the audio is not further ahead than this


class StreamingRecogniser:
    """A `Recogniser` on a loaded model; see the module's docstring."""

    def __init__(
        self,
        model: Model,
        options: EngineOptions,
        start_ms: int = 0,
        *,
        counters: Counters | None = None,
        clock: Callable[[], float] = time.monotonic,
        voice: Voice | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self._options = options
        self._front_end = VadFrontEnd(options, start_ms)
        self._window = DecodeWindow(start_ms)
        self._transcriber = Transcriber(
            model, options, self._front_end, self._window, counters=self.counters, clock=clock, voice=voice
        )
        self._finaliser = Finaliser(self._transcriber, self._front_end, self._window, self.counters)
        self._prompt = self._transcriber.prompt
        self._policy = make_commit_policy(options)
        self._context_pause_ms = options.context_pause_s * 1000
        self._begun: list[Event] = []  # an utterance that nobody was told of yet
        self._load = LoadShedding(options)
        self._watchdog = NoOutputWatchdog(options)
        trimming_ms = round(options.buffer_trimming_s * 1000)
        self._horizon_ms = min(LONGEST_WINDOW_MS, trimming_ms + HORIZON_SLACK_MS)
        self._trim_ms = min(trimming_ms, self._horizon_ms - HORIZON_SLACK_MS)
        self._forced_cut_ms = min(FORCED_CUT_MS, self._horizon_ms)

    # -- Recogniser -------------------------------------------------------------------------------------------

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._front_end.heard_ms

    @property
    def finalised_ms(self) -> int:
        """Everything before this is committed or known to hold no speech."""
        return self._window.finalised_ms

    @property
    def kept_ms(self) -> int:
        """Audio in memory."""
        return self._front_end.heard_ms - self._front_end.kept_from_ms

    def feed(self, samples: Samples) -> None:
        """Append consecutive audio."""
        self._front_end.feed(samples)

    def poll(self) -> list[Event]:
        """One VAD pass and at most one decode."""
        self._front_end.run_vad()
        ended = self._follow()
        begun, self._begun = self._begun, []
        if ended:
            return begun + self._finish_utterance()
        if not self._front_end.gate.speaking:
            return self._evict_silence()
        return begun + self._pass() if self._due() else begun

    def flush_steps(self) -> Iterator[list[Event]]:
        """Commit all audio fed so far, at most one utterance's end per step."""
        while True:
            self._front_end.run_vad()
            ended = self._follow()
            begun, self._begun = self._begun, []
            if ended or (self._front_end.gate.speaking and not self._front_end.behind):
                yield begun + self._finish_utterance()
            elif self._front_end.gate.speaking and self._length_ms() >= self._horizon_ms:
                yield begun + self._pass()
            elif not self._front_end.behind:
                break
            else:
                yield begun
        yield self._commit_punctuation()
        self._window.finalise_until(self.heard_ms)

    def flush(self) -> list[Event]:
        """Commit all audio fed so far."""
        return [event for events in self.flush_steps() for event in events]

    # -- Utterances -------------------------------------------------------------------------------------------

    def _follow(self) -> bool:
        """Advance the gate up to the end of an utterance (True) or to the horizon."""
        front_end = self._front_end
        while front_end.waiting and (not front_end.gate.speaking or self._length_ms() < self._horizon_ms):
            before_ms = front_end.at_ms
            change = front_end.step()
            if change is Speech.BEGINS:
                self._begin_utterance(before_ms)
            elif change is Speech.ENDS:
                return True
        return False

    def _begin_utterance(self, speech_ms: int) -> None:
        """Speech begins: behind a short pause the window still holds the previous utterance as context."""
        window = self._window
        self._begun.append(UtteranceBegin(speech_ms))
        padded_ms = speech_ms - self._options.begin_pad_ms
        window.utterance_start_ms = max(self._front_end.kept_from_ms, window.finalised_ms, padded_ms)
        if window.committed and (
            window.utterance_start_ms - window.committed[-1].word.end_ms > self._context_pause_ms
            or window.utterance_start_ms - window.start_ms > self._horizon_ms // 2
        ):
            self._evict_context(len(window.committed))
        if not window.committed:
            window.start_ms = window.utterance_start_ms
        window.decoded_ms = window.utterance_start_ms

    def _evict_silence(self) -> list[Event]:
        """Silence: after a while the held punctuation is committed, and later the context is evicted."""
        window, gate, events = self._window, self._front_end.gate, list[Event]()
        keep_ms = self._front_end.at_ms - self._options.begin_pad_ms - WINDOW_MS
        window.finalise_until(keep_ms)
        silence_ms = gate.silence_ms(self._front_end.at_ms)
        if silence_ms >= self._options.stop_pause_ms:
            events = self._commit_punctuation()
        if window.committed and silence_ms >= self._context_pause_ms:
            events += self._commit_punctuation()
            self._evict_context(len(window.committed))
        self._front_end.evict_before(min(keep_ms, window.start_ms) if window.committed else keep_ms)
        return events

    def _finish_utterance(self) -> list[Event]:
        """A pause: after a final pass every word of the utterance is committed; punctuation waits for what follows."""
        gate, window = self._front_end.gate, self._window
        speech_end_ms, speech_ms = gate.speech_end_ms, gate.speech_total_ms
        end_ms = min(self._front_end.at_ms, speech_end_ms + self._options.speech_pad_ms + EARLY_PAUSE_MS)
        words = self._final_words(end_ms, speech_end_ms)
        spoken, punctuation = split_punctuation(words)
        events = self._finaliser.finalise(spoken, end_ms, speech_end_ms)
        if _has_words(events):
            self._watchdog.note_words(speech_ms)
        window.hold_punctuation(punctuation)
        if self._options.stop_pause_ms <= self._options.pause_ms:
            events += self._commit_punctuation()
        window.hypothesis = ()
        self._watchdog.end_utterance(speech_ms)
        self._policy.reset()
        gate.close()
        window.finalise_until(end_ms - self._options.speech_pad_ms)
        events += [UtteranceEnd(speech_end_ms), self._hypothesis()]
        self._prompt.append(window.keep_as_context(round(self._options.context_s * 1000)))
        if self._watchdog.expired():
            events.extend(self._reset())
        return events

    def _commit_punctuation(self) -> list[Event]:
        punctuation = self._window.commit_punctuation()
        return [Committed(punctuation), Hypothesis(())] if punctuation else []

    def _evict_context(self, count: int) -> None:
        """Move the context's words and its held punctuation to the prompt: its sentence ends there, or goes on."""
        self._prompt.append(
            [*self._window.evict(count), *(each.word.text for each in self._window.held_punctuation)]
        )
        self._prompt.end_utterance()

    def _final_words(self, end_ms: int, speech_end_ms: int) -> tuple[DecodedWord, ...]:
        """The rest of an utterance: from a final pass while there is time, else from the last partial pass."""
        window, transcriber, greedy = self._window, self._transcriber, self._load.level > 0
        complete = window.decoded_ms >= speech_end_ms + EARLY_PAUSE_MS // 2
        rest_ms = speech_end_ms - window.last_ms
        if complete and not window.undecided and rest_ms < SHORT_REST_MS:
            return window.hypothesis
        lag_ms = self.heard_ms - self._front_end.at_ms
        final_pass = self._options.final_pass and not greedy and lag_ms < FINAL_PASS_MAX_LAG_MS
        if complete and not final_pass:
            return transcriber.plausible(window.hypothesis, None, end_ms, speech_end_ms)
        return transcriber.decode_words(end_ms, speech_end_ms, final_pass=final_pass, greedy=greedy)

    # -- Passes -----------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Is there enough new audio, or a pause, for a partial pass?"""
        front_end, decoded_ms = self._front_end, self._window.decoded_ms
        self._load.note_delay(self.heard_ms - decoded_ms)
        self.counters.shed_level = self._load.level
        if self._length_ms() >= self._horizon_ms:
            return True
        if self._options.policy == "utterance":
            return self._uncommitted_ms() >= self._forced_cut_ms
        if (
            front_end.gate.silence_ms(front_end.at_ms) >= EARLY_PAUSE_MS
            and decoded_ms < front_end.gate.speech_end_ms
        ):
            return True
        if decoded_ms >= front_end.gate.speech_end_ms + EARLY_PAUSE_MS // 2 and not self._window.undecided:
            return False  # silence since then, and no word to decide on: a pass would change nothing
        return front_end.at_ms - decoded_ms >= self._load.step_ms

    def _pass(self) -> list[Event]:
        """A pass over the window; the policy decides what is final, and too much uncommitted speech is cut by force."""
        if self._options.policy == "utterance":
            return self._forced_cut()
        front_end, window = self._front_end, self._window
        words = self._without_repeated(self._transcriber.partial_pass(greedy=self._load.level > 0))
        window.decoded_ms = front_end.at_ms
        count = self._final_count(words) if self._transcriber.may_begin(words) else 0
        if count == len(words):
            spoken, punctuation = split_punctuation(words)
            words, count = (*spoken, *punctuation), len(spoken)
        events = self._commit(words[:count])
        window.hypothesis = words[count:]
        events.append(self._hypothesis())
        if words:
            self._watchdog.note_words(front_end.gate.speech_total_ms)
        elif self._watchdog.expired(front_end.gate.speech_total_ms):
            return [*events, *self._reset()]
        elif window.committed and front_end.gate.speech_end_ms - window.last_ms >= BLOCKED_PREFIX_MS:
            self._transcriber.restart_window()
        self._trim()
        if self._uncommitted_ms() >= self._forced_cut_ms or self._length_ms() >= self._horizon_ms:
            events.extend(self._forced_cut())
        return events

    def _without_repeated(self, words: tuple[DecodedWord, ...]) -> tuple[DecodedWord, ...]:
        """With `similarity`, words that only repeat the end of the committed ones are dropped."""
        window, at_ms = self._window, self._front_end.at_ms
        if self._options.policy != "similarity" or not window.committed:
            return words
        indices = [index for index, word in enumerate(words) if has_letters(word.text)]
        tail = [each.word for each in window.committed if has_letters(each.word.text)]
        count = count_repeated([window.absolute(words[i], at_ms) for i in indices], tail)
        return words[indices[count - 1] + 1 :] if count else words

    def _final_count(self, words: tuple[DecodedWord, ...]) -> int:
        """How many the policy commits; punctuation that stands alone is final with the word behind it."""
        front_end = self._front_end
        paused = front_end.gate.silence_ms(front_end.at_ms) >= EARLY_PAUSE_MS
        end_ms = front_end.at_ms + (self._options.pause_bonus_ms if paused else 0)
        indices = [index for index, word in enumerate(words) if normalised(word.text)]
        count = self._policy.count_final(
            [self._window.absolute(words[i], front_end.at_ms) for i in indices], end_ms
        )
        return indices[count - 1] + 1 if count else 0

    def _forced_cut(self) -> list[Event]:
        """Long speech without a committed word: everything up to the quietest place is final."""
        self.counters.forced_cuts += 1
        front_end, window = self._front_end, self._window
        quietest_ms = front_end.gate.quietest_ms(
            window.last_ms + self._forced_cut_ms // 2, front_end.at_ms - 500
        )
        cut_ms = quietest_ms or front_end.at_ms
        words = self._transcriber.decode_words(cut_ms, cut_ms, greedy=self._load.level > 0)
        events = [*self._finaliser.finalise(words, cut_ms, cut_ms), Hypothesis(())]
        window.hypothesis = ()
        if _has_words(events):
            self._watchdog.note_words(front_end.gate.speech_total_ms)
        self._transcriber.evict(len(window.committed))
        self._transcriber.start_window(cut_ms)
        window.decoded_ms = cut_ms
        self._policy.reset()
        if self._watchdog.expired(front_end.gate.speech_total_ms):
            events.extend(self._reset())
        return events

    # -- The window -------------------------------------------------------------------------------------------

    def _length_ms(self) -> int:
        return self._front_end.at_ms - self._window.start_ms

    def _uncommitted_ms(self) -> int:
        return self._front_end.at_ms - self._window.last_ms

    def _hypothesis(self) -> Hypothesis:
        window, at_ms = self._window, self._front_end.at_ms
        tentative = tuple(window.absolute(word, at_ms) for word in window.hypothesis)
        return Hypothesis(tentative or tuple(each.word for each in window.held_punctuation))

    def _commit(self, words: tuple[DecodedWord, ...]) -> list[Event]:
        committed = self._window.commit(words, self._front_end.at_ms)
        return [Committed(committed)] if committed else []

    def _trim(self) -> None:
        """Keep the window short: an utterance needs the previous one as context only at its beginning."""
        long_ms = self._front_end.at_ms - self._window.utterance_start_ms
        own = self._window.context_end() if long_ms >= self._options.context_until_s * 1000 else None
        if own is not None:
            self._evict_context(own.count)
            self._transcriber.start_window(own.at_ms)
        if self._length_ms() < self._trim_ms:
            return
        cut = self._window.cut(self._options.buffer_trimming, self._front_end.at_ms)
        if cut is not None:
            self._transcriber.evict(cut.count)
            self._transcriber.start_window(cut.at_ms)
        elif self._window.committed and self._length_ms() >= self._horizon_ms - WINDOW_MS:
            self._transcriber.restart_window()

    def _reset(self) -> list[Event]:
        """Speech without output for too long: start afresh behind the audio consumed so far."""
        self.counters.resets += 1
        at_ms = self._front_end.at_ms
        self._transcriber.evict(len(self._window.committed))
        self._prompt.suppress_recent()
        self._policy.reset()
        self._front_end.gate.close()
        self._watchdog.reset()
        self._window.hypothesis = ()
        self._window.finalise_until(at_ms)
        self._transcriber.start_window(at_ms)
        self._window.decoded_ms = at_ms
        return [Hypothesis(()), Reset("no_output", at_ms)]


def _has_words(events: list[Event]) -> bool:
    return any(isinstance(event, Committed) for event in events)


def make_recogniser(
    model: Model,
    options: EngineOptions,
    start_ms: int = 0,
    *,
    counters: Counters | None = None,
    voice: Voice | None = None,
) -> Recogniser:
    """A recogniser for one stream on a loaded model; `counters` continue those of an earlier one."""
    return StreamingRecogniser(model, options, start_ms, counters=counters, voice=voice)
