"""Live text of a WAV file, in OpenAI's shape: python openai_realtime.py ws://127.0.0.1:8000 KEY talk.wav

Needs `pip install websockets`. The file is mono, 16 bits; it is sent as fast as it is spoken (docs/wires/ecosystem.md).
"""

import asyncio
import base64
import json
import sys
import wave

from websockets.asyncio.client import connect


async def speak(socket, file):
    while data := file.readframes(file.getframerate() // 10):
        audio = base64.b64encode(data).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        await asyncio.sleep(0.1)
    await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))  # what is left becomes text now


async def main(server, key, path):
    headers = {"Authorization": f"Bearer {key}"}
    with wave.open(path) as file:
        pcm = {"type": "audio/pcm", "rate": file.getframerate()}
        heard = {"format": pcm, "turn_detection": None, "transcription": {"language": "en"}}
        session = {"type": "transcription", "audio": {"input": heard}}
        async with connect(f"{server}/v1/realtime?consent=1", additional_headers=headers) as socket:
            await socket.send(json.dumps({"type": "session.update", "session": session}))
            speaking = asyncio.create_task(speak(socket, file))
            while not (event := json.loads(await socket.recv()))["type"].endswith(("error", ".completed")):
                print(event.get("delta", ""), end="", flush=True)  # confirmed words: none is taken back
            print(event.get("error", ""))
            speaking.cancel()


asyncio.run(main(*sys.argv[1:4]))
