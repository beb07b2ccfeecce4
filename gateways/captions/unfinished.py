"""What of an unfinished sentence was confirmed is never taken back, though another process hears it anew. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from transcripts.events import Draft, Partial

Unfinished = TypeVar("Unfinished", Partial, Draft)


def never_taken_back(shown: Unfinished | None, new: Unfinished) -> Unfinished:
    """`new` as it may be shown behind `shown`: the same sentence's confirmed words stay until it has come.

    A process confirms words before it commits their sentence. Where it dies in between, the next one hears them again,
    as tentative first, or otherwise; what it confirms then is what is stored. So does a worker that translates them.
    """
    if shown is None or (shown.part, shown.index) != (new.part, new.index):
        return new
    kept = shown.text[: shown.confirmed_chars]
    if new.text[: new.confirmed_chars].startswith(kept):
        return new
    rest = new.text[len(kept) :] if new.text.startswith(kept) else ""
    return replace(new, start_ms=shown.start_ms, text=kept + rest, confirmed_chars=len(kept))
