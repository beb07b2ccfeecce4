"""Text to MP3 in a process of its own: begun with the first text, begun again after a death, ended with its parent.

Nobody waits for it longer than they want: what is asked for too late is not begun, and what comes too late is dropped.
A text that takes HANGS_S ends the process, and the next text begins another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings

from translation.speech.base import SpeechError, primary
from translation.speech.voices import VoiceSettings

HANGS_S: Final = 15.0
STARTS_WITHIN_S: Final = 30.0  # a busy machine loads numpy slowly
WAITING_MOST: Final = 32
MOST_BYTES: Final = 4 << 20
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Speech:
    """A text's sound."""

    mp3: bytes
    ms: int


@dataclass(frozen=True, slots=True)
class _Child:
    """The process, and its two ends."""

    process: asyncio.subprocess.Process
    asked: asyncio.StreamWriter
    answers: asyncio.StreamReader

    async def line(self) -> dict[str, Any]:
        """What it says next. Raises EOFError, ValueError."""
        line = await self.answers.readline()
        if not line:
            raise EOFError
        said: dict[str, Any] = json.loads(line)
        return said


class Synthesiser:
    """One process and one event loop's; any number of callers, who are served one after the other."""

    def __init__(self, chosen: VoiceSettings) -> None:
        self._chosen = chosen
        self._lock = asyncio.Lock()
        self._child: _Child | None = None
        self._langs: frozenset[str] | None = None  # of the last process; None: there was none yet
        self._tasks: set[asyncio.Task[Speech | None]] = set()

    async def speak(self, text: str, lang: str, *, within_s: float) -> Speech | None:
        """None: nobody speaks this language here, or it would come too late. Raises SpeechError.

        An empty text has its voice loaded.
        """
        if self._langs is not None and primary(lang) not in self._langs:
            return None
        if within_s <= 0 or len(self._tasks) >= WAITING_MOST:
            return None
        task = asyncio.get_running_loop().create_task(self._spoken(text, lang, time.monotonic() + within_s))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        try:
            return await asyncio.wait_for(asyncio.shield(task), within_s)
        except TimeoutError:
            return None

    async def close(self) -> None:
        """End the process, and what waits for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end()

    async def _spoken(self, text: str, lang: str, deadline_s: float) -> Speech | None:
        async with self._lock:
            if time.monotonic() > deadline_s:
                return None
            whole = False
            try:
                async with asyncio.timeout(HANGS_S + (0 if self._child else STARTS_WITHIN_S)):
                    child = await self._running()
                    if primary(lang) not in (self._langs or ()):
                        whole = True
                        return None
                    answer = await self._exchange(child, text, lang)
                    whole = True
                    return answer
            except TimeoutError as error:
                raise SpeechError("timeout") from error
            except (OSError, EOFError, ValueError) as error:  # it died, or what it says makes no sense
                raise SpeechError("failed") from error
            except SpeechError:
                whole = True  # its own word
                raise
            finally:
                if not whole:
                    await self._end()

    @staticmethod
    async def _exchange(child: _Child, text: str, lang: str) -> Speech:
        child.asked.write(json.dumps({"text": text, "lang": lang}).encode() + b"\n")
        await child.asked.drain()
        said = await child.line()
        if "error" in said:
            raise SpeechError(str(said["error"]))
        if not 0 <= said["bytes"] <= MOST_BYTES:
            raise ValueError("too many bytes")
        return Speech(await child.answers.readexactly(said["bytes"]), int(said["ms"]))

    async def _running(self) -> _Child:
        if self._child is None or self._child.process.returncode is not None:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "translation.speech.child", self._chosen.as_json(),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=settings.BASE_DIR,
            )  # fmt: skip
            if process.stdin is None or process.stdout is None:
                raise OSError("no pipes")
            self._child = _Child(process, process.stdin, process.stdout)
            self._langs = frozenset((await self._child.line())["langs"])
            logger.info("speech process begun", extra={"langs": len(self._langs)})
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.process.kill()
        await child.process.wait()
        child.asked.close()

    def _finished(self, task: asyncio.Task[Speech | None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone


_synthesisers: WeakKeyDictionary[asyncio.AbstractEventLoop, Synthesiser] = WeakKeyDictionary()


def synthesiser() -> Synthesiser:
    """The running event loop's."""
    loop = asyncio.get_running_loop()
    if loop not in _synthesisers:
        env = settings.ENV
        folder = str(env.speech_voice_dir or "")
        _synthesisers[loop] = Synthesiser(VoiceSettings(tuple(env.speech_engines), folder))
    return _synthesisers[loop]
