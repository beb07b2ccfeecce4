"""One client of each wire without a room, as raw as they come: sound goes out in real time, and what is told is noted with its time.

A wire's client says how it begins, how sound is wrapped, how it ends, and what of a message is text. Text is `final` where the
wire promises never to change it, and `shown` behind that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ops.wire_clients.grpc_streams import Grpc, OlderGrpc
from ops.wire_clients.notes import Notes, Place, noise
from ops.wire_clients.sockets import Interpreter, Listen, Meetings, Realtime, Twin

__all__ = ["WIRES", "Notes", "Place", "noise"]

WIRES: dict[str, Callable[[Place, int], Any]] = {
    wire.name: wire for wire in (Meetings, Grpc, OlderGrpc, Twin, Interpreter, Realtime, Listen)
}
