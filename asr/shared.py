"""What the channels of a session share in its process."""

from __future__ import annotations

from dataclasses import dataclass

from asr.recognise.counters import Counters
from asr.recognise.prompt import SharedPrompt


@dataclass(frozen=True, slots=True)
class Shared:
    """What the engine counts, and what was said last by anybody."""

    counters: Counters
    prompt: SharedPrompt
