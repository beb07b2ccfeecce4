"""Ports as they are written, `50051`, `50052:older`: each serves one generation. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Name = Literal["current", "older"]
OLDER_PORT: Final = 50052  # also where its generation is not named
_NAMES: Final[dict[str, Name]] = {"current": "current", "older": "older"}


@dataclass(frozen=True, slots=True)
class Port:
    """Where a generation is served. 0: any that is free."""

    number: int
    generation: Name


def parse_ports(texts: Iterable[str]) -> tuple[Port, ...]:
    """Raises ValueError, in words."""
    ports = tuple(_parse(text) for text in texts)
    numbers = [port.number for port in ports if port.number]
    if len(set(numbers)) < len(numbers):
        raise ValueError("a port serves one generation")
    return ports


def _parse(text: str) -> Port:
    number, _, name = text.partition(":")
    if not number.isdecimal() or int(number) > 65535:
        raise ValueError(f"{text}: not a port")
    found = _NAMES.get(name) if name else "older" if int(number) == OLDER_PORT else "current"
    if found is None:
        raise ValueError(f"{text}: the generations are {' and '.join(_NAMES)}")
    return Port(int(number), found)
