"""Read a room's captions on the command line: python read_captions.py ws://127.0.0.1:8000 ROOM LANGUAGE

Needs `pip install websockets`. Shows how a client keeps what it has, resumes without a gap and without a repeat, and puts
a translation in the place of what was spoken (docs/wires/captions.md).
"""

import asyncio
import contextlib
import json
import sys
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

AGAIN_S = 1.0
REFUSED = 1008  # the reason says why; coming back would not help


class Captions:
    """What was said, by place (part, index): in the reader's language, or as it was spoken until that comes."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.versions: dict[str, int] = {}
        self.sentences: dict[tuple[int, int], dict[str, dict]] = {}
        self.partial = ""
        self.state = ""
        self.whole = False  # a beginning that breaks off is known only once it has come whole: it is in the order of reading

    def take(self, message: dict) -> None:
        """Put a message where it belongs."""
        match message:
            case {"type": "hello"}:
                if not message["resumed"]:
                    self.sentences, self.versions, self.whole = {}, {}, False
                self.state = message["state"]
            case {"type": "sentence", "part": part, "index": index, "lang": track}:
                self.sentences.setdefault((part, index), {})[track] = message
                self._reach({track: message["version"]})
            case {"type": "removed", "part": part, "index": index, "lang": track}:
                self.sentences.get((part, index), {}).pop(track, None)
                self._reach({track: message["version"]})
            case {"type": "versions"}:
                self.whole = True
                self._reach(message["versions"])
            case {"type": "partial"}:
                self.partial = message["confirmed"] + message["tentative"]
            case {"type": "state"}:
                self.state = message["state"]

    def text(self) -> list[str]:
        """The sentences in reading order."""
        lines, goes_on = [], False
        for place in sorted(place for place in self.sentences if self.sentences[place]):
            piece = self._shown(self.sentences[place])
            if goes_on:
                lines[-1] = f"{lines[-1]} {piece['text']}".strip()
            else:
                lines.append(piece["text"])
            goes_on = not piece.get("ends", True)
        return lines

    def _shown(self, tracks: dict[str, dict]) -> dict:
        """The reader's own language unless it is missing, or a translation of what was corrected since."""
        own = tracks.get(self.lang)
        spoken = next((each for each in tracks.values() if "of_version" not in each), None)
        if own is None or (
            spoken is not None and own.get("of_version", spoken["version"]) != spoken["version"]
        ):
            return spoken or own or {"text": ""}
        return own

    def _reach(self, versions: dict[str, int]) -> None:
        for track, version in versions.items() if self.whole else ():
            self.versions[track] = max(version, self.versions.get(track, 0))


async def read(server: str, room: str, lang: str) -> None:
    """Print each sentence once it is final, a long one piece by piece; come back after every break."""
    captions, printed = Captions(lang), set()
    while True:
        after = ",".join(f"{track}:{version}" for track, version in captions.versions.items())
        try:
            async with connect(
                f"{server}/captions/{room}?" + urlencode({"lang": lang, "after": after})
            ) as socket:
                async for text in socket:
                    message = json.loads(text)
                    captions.take(message)
                    key = (message.get("part"), message.get("index"), message.get("lang"))
                    if message["type"] == "sentence" and message["lang"] == lang and key not in printed:
                        printed.add(key)
                        print(message["text"], end="\n" if message["ends"] else " ", flush=True)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == REFUSED:
                sys.exit(closed.rcvd.reason)
        except (OSError, InvalidHandshake):
            pass
        await asyncio.sleep(AGAIN_S)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(read(*sys.argv[1:4]))
