"""A scripted LibreTranslate: a real HTTP server that speaks the recorded shapes and translates nothing ("[de] text").

It can be told to be slow, to fail, to answer garbage or too few texts.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from translation.tests.scripted_http import ScriptedHttpServer

RECORDED = Path(__file__).parent / "data" / "libretranslate"


def recorded(name: str) -> bytes:
    """A recorded answer."""
    return (RECORDED / f"{name}.json").read_bytes()


class ScriptedLibreTranslate(ScriptedHttpServer):
    """`mode`: ok, slow, fails, garbage, few, busy, key, drips."""

    def __init__(self) -> None:
        super().__init__()
        self.poison = ""  # a text that it fails on
        self.listed = recorded("languages")

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.answered.append(path)
        self.asked_at.append(time.monotonic())
        if path == "/languages":
            return 200, self.listed
        self.requests.append(body)
        if self.mode == "slow":
            self.freed.wait(10)
        failing = {
            "fails": (500, "error_500"), "busy": (429, "error_429"), "key": (403, "error_403"),
        }.get(self.mode)  # fmt: skip
        if failing:
            return failing[0], recorded(failing[1])
        if self.poison and self.poison in body["q"]:
            return 500, recorded("error_500")
        if body["target"] not in ("de", "en", "pt", "zh-Hans", "nb"):
            return 400, recorded("error_400")
        if self.mode == "garbage":
            return 200, b"<html>Bad gateway</html>"
        texts = [f"[{body['target']}] {text}" for text in body["q"]]
        return 200, json.dumps({"translatedText": texts[1:] if self.mode == "few" else texts}).encode()
