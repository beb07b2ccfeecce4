"""Which tokens of a Whisper vocabulary are no text, and which are no speech."""

from __future__ import annotations

import tokenizers
from faster_whisper.tokenizer import Tokenizer

MULTILINGUAL_VOCABULARY = 51_865  # at least so many tokens: Whisper's English vocabulary has one less


class SpecialTokens:
    """By the vocabulary itself: checkpoints say it in several ways, and fine-tuned ones often not at all."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, vocabulary: int) -> None:
        plain = Tokenizer(tokenizer, False)
        self.start, self.end = plain.sot, plain.eot
        self.no_timestamps, self.no_speech = plain.no_timestamps, plain.no_speech
        self.languages = range(plain.sot + 1, plain.translate)
        self.codes = [str(tokenizer.id_to_token(token))[2:-2] for token in self.languages]
        self.suppressed = [*plain.non_speech_tokens, *range(plain.eot + 1, vocabulary)]
        self.suppressed_first = [*plain.encode(" "), plain.eot]
