"""What an audience has read, and when: told by its sockets, given to the score."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

MOMENT_S = 0.1
PARSED_MOST = 400


@dataclass
class Seen:
    """Of all viewers of a process. Times are seconds since the epoch.

    `arrivals`: by room, of each spoken sentence (index, text) when it came to whom had waited for it; `spoken`,
    `translated`: by room, moments at which somebody got something new; `holes`: sentences that a follower of a hall
    never got, between its first and its last one of a room; `rewritten`: those that changed after they had come.
    """

    arrivals: dict[str, dict[tuple[int, str], list[float]]] = field(default_factory=lambda: defaultdict(dict))
    spoken: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    translated: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    holes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rewritten: int = 0
    connected: int = 0

    def sentence(self, room: str, index: int, text: str, at_s: float, *, awaited: bool) -> None:
        """A spoken one. `awaited`: it was not there already when the viewer came."""
        self.spoken[room].add(int(at_s / MOMENT_S))
        if awaited:
            self.arrivals[room].setdefault((index, text), []).append(round(at_s, 3))

    def words(self, room: str, at_s: float) -> None:
        """Unfinished ones have changed."""
        self.spoken[room].add(int(at_s / MOMENT_S))

    def translation(self, room: str, at_s: float) -> None:
        """One has come."""
        self.translated[room].add(int(at_s / MOMENT_S))

    def as_json(self) -> str:
        """For another process."""
        return json.dumps(
            {
                "arrivals": {room: [[*key, at] for key, at in each.items()] for room, each in self.arrivals.items()},
                "spoken": {room: sorted(moments) for room, moments in self.spoken.items()},
                "translated": {room: sorted(moments) for room, moments in self.translated.items()},
                "holes": self.holes, "rewritten": self.rewritten, "connected": self.connected,
            }
        )  # fmt: skip

    def add(self, text: str) -> None:
        """What another process has seen."""
        told: dict[str, Any] = json.loads(text)
        for room, rows in told["arrivals"].items():
            for index, words, at in rows:
                self.arrivals[room].setdefault((index, words), []).extend(at)
        for room in told["spoken"]:
            self.spoken[room].update(told["spoken"][room])
        for room in told["translated"]:
            self.translated[room].update(told["translated"][room])
        for room, count in told["holes"].items():
            self.holes[room] += count
        self.rewritten += told["rewritten"]
        self.connected += told["connected"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One of the conference's, taken apart: (line, sentence, text) as spoken, (line, sentence, language) of translations."""

    spoken: tuple[tuple[int, int, str], ...]
    translated: frozenset[tuple[int, int, str]]
    unfinished: str


class ChunkReader:
    """Takes each chunk apart once, however many viewers get it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Chunk | None] = {}

    def read(self, message: str, lang: str) -> Chunk | None:
        """`lang`: the spoken language. None: no chunk."""
        key = (message, lang)
        if key not in self._known:
            if len(self._known) >= PARSED_MOST:
                self._known.clear()
            self._known[key] = _chunk(json.loads(message), lang)
        return self._known[key]


def _chunk(message: dict[str, Any], lang: str) -> Chunk | None:
    if "last_n_sents" not in message:
        return None
    rows = [
        (line["line_idx"], sentence["sent_idx"], sentence["content"])
        for line in message["last_n_sents"]
        for sentence in line["sentences"]
    ]
    return Chunk(
        spoken=tuple((line, index, content[lang]) for line, index, content in rows if lang in content),
        translated=frozenset((line, index, other) for line, index, content in rows for other in content if other != lang),
        unfinished=message["incomplete_sentence"],
    )  # fmt: skip
