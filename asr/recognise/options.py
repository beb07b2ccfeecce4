"""Every option of the recogniser in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Policy = Literal["alignment", "local_agreement", "similarity", "alignatt", "utterance"]
Trimming = Literal["sentence", "segment", "first_half"]


@dataclass(frozen=True)
class EngineOptions:
    """How one stream is recognised. The defaults are the measured best (docs/performance.md).

    The first block has the names and meanings of the system before us.
    """

    language: str = "en"
    min_chunk_size_s: float = 0.4  # no decode before this much new audio
    confidence_validation: bool = True  # a word of high probability is committed after a single pass
    punctuation_split: bool = True  # sentences end at punctuation (else only at pauses)
    vac: bool = True  # voice activity controls what is decoded
    beam_size: int = 5  # of the final pass
    live_beam_size: int = 5  # of the partial passes while speech goes on
    buffer_trimming: Trimming = "sentence"
    buffer_trimming_s: float = 8.0

    policy: Policy = "alignment"
    title: str = ""
    speakers: tuple[str, ...] = ()
    abstract: str = ""
    glossary: tuple[str, ...] = ()
    prompt: bool = True
    lexicon: bool = True  # n-best rescoring with word frequencies

    # Commit by alignment and confidence
    sure_probability: float = 0.9  # a word at least this probable …
    sure_margin_ms: int = 300  # … is final when it ends this far before the end of the audio
    commit_probability: float = 0.8  # the same for confident words
    commit_margin_ms: int = 500
    agree_margin_ms: int = 200  # a word that two passes agree on, this far before the end, is final
    pause_bonus_ms: int = 500  # words before a pause count as so much farther from the end
    doubt_probability: float = 0.5  # a word less probable than this waits longer, agreed on or not
    doubt_margin_ms: int = 1500
    certain_margin_ms: int = 2200  # a word this far before the end of the audio hardly changes any more
    # AlignAtt
    attention_margin_ms: int = 600  # words that look at nothing so near to the end of the audio are final
    # Similarity agreement
    qratio_threshold: float = 95.0
    fallback: bool = True
    fallback_threshold: int = 1

    # Utterances
    vad_threshold: float = 0.5
    speech_pad_ms: int = 200
    begin_pad_ms: int = 400  # before the speech of an utterance: the VAD hears some words late
    pause_ms: int = 640  # this much silence ends an utterance
    sentence_pause_ms: int = 1800  # this much silence ends a sentence that has no full stop
    line_pause_ms: int = 3000  # this much silence starts a new line
    max_sentence_chars: int = 240
    # a long sentence is stored in pieces: from so many words on at a clause or a pause …
    piece_words: int = 6
    piece_words_most: int = 14  # … at the latest (0: whole) …
    piece_most_ms: int = 3500  # … or when it is so long: in some languages words are long
    shown_probability: float = 0.8  # words that are not final are shown up to the first less probable one
    stop_pause_ms: int = 1300  # a full stop at a pause counts when so much silence follows, or the next words
    # Left context of an utterance: the one before, its audio and its words
    context_s: float = 3.0  # at most so much of it
    context_pause_s: float = 3.0  # … over a pause no longer than this …
    context_until_s: float = 1.5  # … until the utterance itself is so long

    # Cost and guards
    window_s: float = 12.0  # the encoder's window is at least this long …
    window_pad_s: float = 1.0  # … and holds this much silence behind the audio
    tokens_per_s: float = 8.0
    repetition_penalty: float = 1.0
    final_pass: bool = True
    final_pass_window_s: float = 30.0
    freeze_reset_s: float = 20.0
    shed_delay_s: float = 10.0
