"""The AsyncAPI document of this wire's socket."""

from typing import Any

from gateways.common.asyncapi import Socket, document
from gateways.echo import wire

ECHO = Socket(
    name="echo",
    address="/ws-audio",
    description="What a client says comes back with its noise suppressed, each message by its own number and time.",
    parameters={},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_CLIENT,
    binary="Both ways: uint32 number, float64 time in ms (little-endian, any: they come back as they are), then s16le. "
    "Back comes one channel, in whole frames.",
    closes={
        "1008 too_many_messages": "more than 400 a second, 4,000 at once",
        "1008 too_much_audio": "more than two seconds of sound a second, 20 at once",
        "1009": "a message of more than 256 KiB",
        "1012": "the server restarts: come back",
        "1013 capacity": "as many clients as ECHO_MAX_CLIENTS",
    },
)


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/echo.json."""
    return document(
        title="Souffleur, echo",
        description="A check of microphone and network. What each message means: docs/wires/interpreter.md.",
        sockets=[ECHO],
    )
