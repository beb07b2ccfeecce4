"""Which model the recognisers serve is theirs to choose; who starts this server may say which one it must be. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SAME: Final = {"large": "large-v3", "turbo": "large-v3-turbo"}  # as faster-whisper reads them


def serve_another(asked: str, served: Iterable[str]) -> str:
    """What is wrong, in words; "" where every live worker serves the model that was asked for, or none lives."""
    others = sorted({model for model in served if _name(model) != _name(asked)})
    if not asked or not others:
        return ""
    return f"The workers serve {', '.join(others)}, not {asked}: set ASR_MODEL={asked} where they run"


def _name(model: str) -> str:
    return SAME.get(model, model)
