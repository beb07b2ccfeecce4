"""The AsyncAPI document of this wire's sockets."""

from typing import Any

from gateways.captions import typist_wire, wire
from gateways.common.asyncapi import Socket, document

CLOSES = {
    "1008 room_not_found": "no such room",
    "1008 hall_not_found": "no such hall",
    "1008 do_not_record": "the speaker does not want to be recorded",
    "1008 language_unknown": "not on offer",
    "1008 after_malformed": "`after` is not en:41,de:38",
    "1008 message_unknown": "what was sent is none of the messages",
    "1008 too_many_messages": "more than 2 a second, 20 at once",
    "1012 draining": "this process is to end and another one is ready: come back at once, you are not sent in a crowd",
    "1012": "the server restarts: come back",
    "1013 not_now": "come back",
    "1013 Too slow": "more durable events wait than are kept: come back with `after`",
}
ROOM = Socket(
    name="room",
    address="/captions/{room}",
    description="A room's captions: what was spoken, and its translation.",
    parameters={"room": "The room's code."},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_READER,
    query=wire.RoomQuery,
    closes=CLOSES,
)
HALL = Socket(
    name="hall",
    address="/captions/hall/{hall}",
    description="The same of whatever is on in a hall, from talk to talk: `hello` comes anew with each.",
    parameters={"hall": "The hall's slug."},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_READER,
    query=wire.HallQuery,
    closes=CLOSES,
)
TYPIST = Socket(
    name="typist",
    address="/captions/{room}/type",
    description="A captioner types beside or instead of the recogniser. Signed in by the session of a page, whoever may host.",
    parameters={"room": "The room's code."},
    from_server=typist_wire.TO_TYPIST,
    from_client=typist_wire.FROM_TYPIST,
    closes={
        "1008 not_signed_in": "no session of a host's page (any more), or an Origin that is not ours",
        "1008 room_not_found": "no such room",
        "1008 do_not_record": "the speaker does not want to be recorded",
        "1008 message_unknown": "what was sent is none of the messages",
        "1008 too_many_messages": "more than 15 a second, 60 at once",
        "1012 draining": "this process is to end and another one is ready: come back at once",
        "1012": "the server restarts: come back",
        "1013 not_now": "come back",
    },
)


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/captions.json."""
    return document(
        title="Souffleur, native captions",
        description="What each message means: docs/wires/captions.md. A field that has no value is left out.",
        sockets=[ROOM, HALL, TYPIST],
    )
