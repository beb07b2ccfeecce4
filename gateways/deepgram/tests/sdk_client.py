"""The vendor's own SDK, pointed at us: a process of its own, as its users have it. Prints what it was told, a JSON line each.

python sdk_client.py ws://127.0.0.1:PORT KEY WAV
"""

import asyncio
import json
import sys
import wave

from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment


async def listen(server: str, key: str, path: str) -> None:
    """A file at once; Finalize, CloseStream."""
    here = DeepgramClientEnvironment(base=server, production=server, agent=server, agent_rest=server)
    client = AsyncDeepgramClient(api_key=key, environment=here)
    try:
        async with client.listen.v1.connect(
            model="nova-3",
            language="en-US",
            encoding="linear16",
            sample_rate=16000,
            interim_results=True,
            smart_format=True,
            vad_events=True,
            utterance_end_ms=1000,
            keyterm=["Souffleur"],
        ) as connection:
            closed = asyncio.Event()

            def told(message: object) -> None:
                print(json.dumps({"kind": type(message).__name__, **message.dict()}, default=str), flush=True)

            connection.on(EventType.MESSAGE, told)
            connection.on(
                EventType.ERROR, lambda error: print(json.dumps({"kind": "error", "error": str(error)}))
            )
            connection.on(EventType.CLOSE, lambda _: closed.set())
            listening = asyncio.create_task(connection.start_listening())
            with wave.open(path, "rb") as file:
                while data := file.readframes(1600):
                    await connection.send_media(data)
            await connection.send_keep_alive()
            await connection.send_finalize()
            await connection.send_close_stream()
            await closed.wait()
            await listening
    except ApiError as error:
        print(json.dumps({"kind": "refused", "status": error.status_code}))


if __name__ == "__main__":
    asyncio.run(listen(*sys.argv[1:4]))
