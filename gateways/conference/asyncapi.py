"""The AsyncAPI document of this wire's sockets."""

from typing import Any

from gateways.common.asyncapi import Socket, document
from gateways.conference import refusals, wire
from gateways.conference.refusals import Refusal

ADDRESS = "/room/{room}/%s/{source_lang}/{target_lang}"
PARAMETERS = {
    "room": "The room's code.",
    "source_lang": "The spoken language; a viewer's is ignored, often `undefined`.",
    "target_lang": "The language to read in.",
}
BOTH = [refusals.NO_ROLE, refusals.NO_TARGET, refusals.NO_SOURCE, refusals.CLOSED, refusals.INTERNAL]
VIEWERS = [*BOTH, refusals.NOT_ACTIVE, refusals.TOO_MANY_MESSAGES]
HOSTS = [
    *BOTH, refusals.NO_KEY, refusals.TOO_MANY_ATTEMPTS, refusals.NO_PREFERENCES, refusals.REPLACED, refusals.TAKEN_OVER, refusals.TOO_MANY_MESSAGES,
]  # fmt: skip


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/conference.json."""
    host = Socket(
        name="host",
        address=ADDRESS % "host",
        description="A browser whose microphone a room hears. Signed in by cookies: authenticated, "
        "{room}-allow_store, {room}-allow_client_download, connection_id.",
        parameters=PARAMETERS,
        from_server=(wire.HostInfo, wire.HostError, wire.Chunk),
        from_client=(wire.HostSignal,),
        query=wire.HostQuery,
        binary="Audio as the browser's recorder gives it (WebM or Ogg with Opus), or raw PCM.",
        closes=_closes(HOSTS),
    )
    viewer = Socket(
        name="viewer",
        address=ADDRESS % "client",
        description="A viewer: the present state, and again with each change. What it sends is ignored, and counted.",
        parameters=PARAMETERS,
        from_server=(wire.Chunk,),
        from_client=(),
        closes=_closes(VIEWERS) | {"1013 Too slow": "come back"},
    )
    return document(
        title="Souffleur, conference wire",
        description="JSON texts without a type field; the same addresses under /backend. "
        "What each means, all reasons and their order: docs/wires/conference.md.",
        sockets=[host, viewer],
    )


def _closes(known: list[Refusal]) -> dict[str, str]:
    return {f"{refusal.code} {refusal.reason}".strip(): refusal.name for refusal in known}
