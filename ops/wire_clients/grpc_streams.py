"""Clients over gRPC, of both generations."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import grpc
import numpy as np
from grpc import aio

from gateways.speech.messages import generation
from ops.wire_clients.notes import CHUNK_S, LAST_WORDS_S, SECOND_BYTES, Notes, Place, in_real_time


class Grpc:
    """The current generation over gRPC; one speaker."""

    name: ClassVar[str] = "grpc"
    older: ClassVar[bool] = False

    def __init__(self, place: Place, number: int = 0) -> None:
        self.place = place

    async def run(self, sounds: list[bytes], *, stalls: bool = False) -> list[Notes]:
        """As SocketClient's."""
        notes = Notes()
        port = self.place.speech_ports[self.older]
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method, response = self._method()
            call = channel.stream_stream(f"/speech.{method}")(metadata=[("x-consent", "1")])
            speaking = asyncio.create_task(self._speak(call, sounds[0], notes))
            try:
                async with asyncio.timeout(len(sounds[0]) / SECOND_BYTES + LAST_WORDS_S):
                    if stalls:
                        await speaking
                        return [notes]
                    async for answer in call:
                        self._take(response.FromString(answer), notes)
            except TimeoutError:
                notes.ended = "no end"
            except grpc.aio.AioRpcError as error:
                notes.refused = f"{error.code().name} {error.details()}"
            finally:
                speaking.cancel()
        return [notes]

    async def _speak(self, call: Any, sound: bytes, notes: Notes) -> None:
        try:
            for message in self._beginning():
                await call.write(message)
            async for chunk in in_real_time(sound, notes):
                await call.write(self._audio(chunk))
            await call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError, aio.UsageError):
            return  # the reader says why

    def _method(self) -> tuple[str, Any]:
        return "SpeechToText/StreamingRecognize", generation("current").message("StreamingRecognizeResponse")

    def _beginning(self) -> list[bytes]:
        request = generation("current").message("StreamingRecognizeRequest")
        config = {"chunk_duration_millis": int(CHUNK_S * 1000), "encoding": "AUDIO_ENCODING_PCM_S16LE"}
        return [request(config=config).SerializeToString()]

    def _audio(self, chunk: bytes) -> bytes:
        request = generation("current").message("StreamingRecognizeRequest")
        data: bytes = request(audio_chunk={"audio_bytes": chunk}).SerializeToString()
        return data

    def _take(self, answer: Any, notes: Notes) -> None:
        notes.tell(final=answer.confirmed.text, tentative=answer.interim.text)


class OlderGrpc(Grpc):
    """The older generation, with its hypothesis."""

    name, older = "grpc older", True

    def _method(self) -> tuple[str, Any]:
        method = "SpeechToTextWithHypothesis/StreamingRecognizeWithHypothesis"
        return method, generation("older").message("TranscriptWithHypothesis")

    def _beginning(self) -> list[bytes]:
        return []

    def _audio(self, chunk: bytes) -> bytes:
        samples = np.frombuffer(chunk, "<i2").astype(np.float32) / 32768
        data: bytes = generation("older").message("AudioChunk")(samples=samples).SerializeToString()
        return data

    def _take(self, answer: Any, notes: Notes) -> None:
        notes.tell(final=answer.confirmed.text, tentative=answer.hypothesis.text)
