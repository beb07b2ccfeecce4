"""The AsyncAPI document of this wire's socket."""

from typing import Any

from gateways.common.asyncapi import Socket, document
from gateways.interpreter import wire

AUDIO = Socket(
    name="audio",
    address="/ws/audio",
    description="Speech in; text, its translation and that as speech out. Beside the texts the server sends binary messages, "
    "each the speech of a final as MP3.",
    parameters={},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_CLIENT,
    binary="s16le, mono, at the rate of the config.",
    closes={
        "1008 too_many_messages": "more than a client of this wire has to say",
        "1008 too_much_audio": "audio much faster than it is spoken",
        "1011 recogniser_failed": "the recogniser failed again and again",
        "1012": "the server restarts: come back",
        "1013 capacity": "every recogniser is in use",
        "1013 not_now": "come back",
        "1013 Too slow": "more finals wait than are kept: come back",
    },
)


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/interpreter.json."""
    return document(
        title="Souffleur, interpreter",
        description="What each message means: docs/wires/interpreter.md.",
        sockets=[AUDIO],
    )
