"""Where the text itself says that a sentence ends."""

TERMINAL = (".", "!", "?", "。", "！", "？", "؟", "।", "…")
_CLOSERS = "\"'”’»)]"


def ends_sentence(text: str) -> bool:
    """True if a word carries terminal punctuation."""
    return text.rstrip().rstrip(_CLOSERS).endswith(TERMINAL)
