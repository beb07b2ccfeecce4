"""Names of models that clients may ask for: the vendor's, which mean the one that is served, and its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateways.openai.refusals import Refusal

VENDOR_NAMES: Final = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
)


def names(served: Iterable[str]) -> tuple[str, ...]:
    """All of them, the vendor's first."""
    return tuple(dict.fromkeys((*VENDOR_NAMES, *served)))


def check(name: str | None, *, served: Iterable[str], param: str, event_id: str | None = None) -> None:
    """Raises Refusal for a name that is none of them; None is whatever is served."""
    if name is not None and name not in names(served):
        raise Refusal("model_not_found", param=param, event_id=event_id, model=name[:60])
