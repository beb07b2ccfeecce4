"""What the text of a word says by itself: whether a sentence ends there, and its form for comparing."""

TERMINAL = (".", "!", "?", "。", "！", "？", "؟", "।", "…")
PUNCTUATION = tuple(",;:.!?…、，；。！？")
WITHOUT_SPACES = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})  # as transcripts/text.py has them
_CLOSERS = "\"'”’»)]"


def ends_sentence(text: str) -> bool:
    """True if a word carries terminal punctuation."""
    return text.rstrip().rstrip(_CLOSERS).endswith(TERMINAL)


def has_letters(text: str) -> bool:
    """False for text that is punctuation alone."""
    return any(map(str.isalnum, text))


def normalised(text: str) -> str:
    """Text for comparing: lower case, letters, digits and single spaces only."""
    return " ".join("".join(c for c in text.casefold() if c.isalnum() or c.isspace()).split())
