"""How late sentences are on readers' screens, as some of their pages report (docs/wires/captions.md, `shown`). No I/O.

What a page says is believed within bounds alone: a sentence that this process sent lately, shown after it was sent and before the
report came, rarely. A room's figure is the median of many, so that a few who lie move it little.
"""

from __future__ import annotations

import random
import statistics
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

REPORT_EVERY_S: Final = 30
SAMPLED_AT_LEAST: Final = 5  # readers of a room in this process, before chance decides
SENTENCES_KEPT: Final = 64
SAMPLES_KEPT: Final = 64
COUNTS_FOR_S: Final = 120.0
LATE_MOST_S: Final = 60.0
# a page knows the server's clock to half of its way there and back, two seconds at most
CLOCKS_DIFFER_S: Final = 1.0
Key = tuple[str, int, int]  # language, part, index


@dataclass(slots=True)
class Sampled:
    """A reader who may report."""

    reported_s: float | None = None  # its last report, taken or not

    def may_report(self, now_s: float) -> bool:
        """Notes that it did."""
        if self.reported_s is not None and now_s - self.reported_s < REPORT_EVERY_S - 1:
            return False
        self.reported_s = now_s
        return True


@dataclass(slots=True)
class Screens:
    """Of one room in one process; times in seconds since the epoch."""

    one_in: int  # 0: nobody reports
    chance: Callable[[], float] = random.random
    sampled: int = 0
    _sent: OrderedDict[Key, tuple[float, float]] = field(default_factory=OrderedDict)  # spoken, sent
    _delays: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)

    def choose(self) -> Sampled | None:
        """Whether a reader who comes is to report."""
        if not self.one_in or (self.sampled >= SAMPLED_AT_LEAST and self.chance() >= 1 / self.one_in):
            return None
        self.sampled += 1
        return Sampled()

    def sent(self, key: Key, spoken_s: float, now_s: float) -> None:
        """A sentence went to its readers for the first time."""
        self._sent[key] = (spoken_s, now_s)
        if len(self._sent) > SENTENCES_KEPT:
            self._sent.popitem(last=False)

    def shown(self, reader: Sampled, key: Key, at_s: float, now_s: float) -> float | None:
        """A page showed it at this time of our clock, as it says. The delay; None: it is not believed."""
        if not reader.may_report(now_s) or key not in self._sent:
            return None
        spoken_s, sent_s = self._sent[key]
        if not sent_s - CLOCKS_DIFFER_S <= at_s <= now_s + CLOCKS_DIFFER_S:
            return None
        delay_s = min(max(at_s, sent_s), now_s) - spoken_s
        if not 0 <= delay_s <= LATE_MOST_S:
            return None
        self._delays.setdefault(key[0], deque(maxlen=SAMPLES_KEPT)).append((now_s, delay_s))
        return delay_s

    def delay_s(self, lang: str, now_s: float) -> float | None:
        """The median of what was reported lately."""
        recent = [delay_s for at_s, delay_s in self._delays.get(lang, ()) if now_s - at_s < COUNTS_FOR_S]
        return round(statistics.median(recent), 2) if recent else None
