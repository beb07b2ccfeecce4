"""A client of Deepgram's wire: python deepgram.py ws://127.0.0.1:8000 KEY SPEECH.wav en (KEY: `manage.py make_key`)

Needs `pip install websockets`. Sends a WAV file (16 bits, mono) as fast as it was spoken; prints text once it is final, with its delay.
"""

import asyncio
import json
import sys
import time
import wave

from websockets.asyncio.client import connect


async def send(socket, speech, rate_hz, began):
    while data := speech.readframes(rate_hz // 10):
        await asyncio.sleep(began + speech.tell() / rate_hz - time.monotonic())
        await socket.send(data)
    await socket.send(json.dumps({"type": "CloseStream"}))


async def main(server, key, path, lang):
    with wave.open(path, "rb") as speech:
        rate_hz = speech.getframerate()
        query = f"encoding=linear16&sample_rate={rate_hz}&language={lang}&punctuate=true&consent=1"
        url = f"{server}/v1/listen?{query}"
        async with connect(url, additional_headers={"Authorization": f"Token {key}"}) as socket:
            began = time.monotonic()
            sending = asyncio.create_task(send(socket, speech, rate_hz, began))
            async for text in socket:
                message = json.loads(text)
                said = message["channel"]["alternatives"][0] if message.get("is_final") else {}
                if said.get("words"):
                    print(f"{time.monotonic() - began - said['words'][-1]['end']:5.1f} s", said["transcript"])
            await sending


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
