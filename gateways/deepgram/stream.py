"""One client's stream: entries of its session's text → messages, for each of its channels."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from asr.text_stream import Text
from gateways.deepgram import wire
from gateways.deepgram.audio import AudioIn
from gateways.deepgram.request import Listen
from gateways.deepgram.results import ChannelResults
from gateways.deepgram.words import Row

MODEL: Final = wire.ModelInfo(name="souffleur", version="1", arch="whisper")
FINALIZES_MOST: Final = 64  # that wait for their answer, of a channel; further ones have none
MODEL_UUID: Final = str(uuid.uuid5(uuid.NAMESPACE_DNS, MODEL.name))


class Stream:
    """What comes in, and what is said of it."""

    def __init__(self, listen: Listen, request_id: str) -> None:
        self.audio = AudioIn(listen)
        self.failed = False
        self._request_id = request_id
        self._created = datetime.now(UTC)
        metadata = wire.ResultsMetadata(request_id=request_id, model_info=MODEL, model_uuid=MODEL_UUID)
        count = listen.channels
        self._channels = {
            str(number) if listen.separate else "": ChannelResults(
                listen.results, metadata, channel=number, channels=count
            )
            for number in range(count)
        }

    def to_finalize(self, channel: int | None) -> list[str]:
        """The keys of one channel, or of all, but of those that owe too many answers already."""
        return [
            key
            for number, (key, results) in enumerate(self._channels.items())
            if channel in (None, number) and results.finalizes < FINALIZES_MOST
        ]

    def finalize(self, key: str, token: str) -> None:
        """The client wants everything so far of this channel, which `token` will answer."""
        self._channels[key].finalize(token, self.audio.heard_ms)

    def take(self, text: Text) -> list[wire.Message]:
        """An entry of the session's text (asr/sinks/stream.py)."""
        if text.kind == "closed":
            self.failed = text.data["state"] != "closed"
            return []
        if text.kind == "gap":
            said = f"{text.data['missed']} messages were lost on the way."
            return [wire.Error(variant="WordsLost", description=said)]
        results = self._channels.get(text.channel)
        if results is None:
            return []
        match text.kind:
            case "words":
                return results.words(Row.of(text.data["words"], text.data.get("lang", "")))
            case "hypothesis":
                return results.hypothesis(Row.of(text.data["words"], text.data.get("lang", "")))
            case "speech":
                return results.speech(text.data["state"], text.data["ms"])
            case "flushed":
                return results.flushed(text.data["token"])
        return []

    def look(self) -> Iterable[wire.Message]:
        """What is due because nothing came."""
        return [message for results in self._channels.values() for message in results.look()]

    def finish(self) -> list[wire.Message]:
        """The rest, and the summary."""
        messages = [
            message for results in self._channels.values() for message in results.finish(self.audio.heard_ms)
        ]
        duration_ms = max(results.reached_ms for results in self._channels.values())
        return [*messages, self._summary(duration_ms)]

    def _summary(self, duration_ms: int) -> wire.Metadata:
        return wire.Metadata(
            request_id=self._request_id,
            sha256=self.audio.sha256,
            created=self._created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            duration=duration_ms / 1000,
            channels=len(self._channels),
            models=[MODEL_UUID],
            model_info={MODEL_UUID: MODEL},
        )
