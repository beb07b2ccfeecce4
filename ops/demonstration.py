"""A talk through the running stack: one host, one viewer, and what the viewer saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asr.audio.recorder import Blob
from gateways.conference.client.host import Host, HostOptions
from gateways.conference.client.viewer import Caption, Key, Viewer, captions
from ops.measure.normalise import normalised

QUIET_S = 2.0  # nothing new for so long, and nothing unfinished: the text is complete
COMPLETE_WITHIN_S = 60.0  # a slow or busy machine is behind what is said


@dataclass(frozen=True, slots=True)
class Talk:
    """What is streamed, and what is known about it."""

    path: Path
    lang: str
    reference: str | None = None
    first_word_end_s: float | None = None


def describe(path: Path, lang: str) -> Talk:
    """A talk with the reference in the JSON beside it, where there is one."""
    facts_file = path.with_suffix(".json")
    if not facts_file.is_file():
        return Talk(path, lang)
    facts = json.loads(facts_file.read_text())
    words = facts.get("words") or []
    return Talk(path, lang, facts.get("reference"), words[0]["end"] if words else None)


@dataclass(frozen=True, slots=True)
class Stored:
    """A sentence in PostgreSQL: its end in the audio, and when it was committed (seconds since the epoch).

    `ends` False: a piece of one that goes on; its translation is that of the whole, and comes with the last.
    """

    end_ms: int
    committed_at_s: float
    ends: bool = True


@dataclass
class Observed:
    """What a viewer saw: when the audio began and ended (monotonic seconds), each sentence's first arrival."""

    began_s: float = 0.0
    ended_s: float = 0.0
    first_caption_at_s: float | None = None
    arrivals: dict[tuple[Key, str], float] = field(default_factory=dict)
    last_at_s: float = 0.0
    viewer: Viewer = field(default_factory=Viewer)
    epoch_offset_s: float = field(default_factory=lambda: time.time() - time.monotonic())

    def add(self, caption: Caption) -> None:
        """Record a caption."""
        self.last_at_s = caption.at_s
        if self.first_caption_at_s is None:
            self.first_caption_at_s = caption.at_s
        if caption.key is not None:
            self.arrivals.setdefault((caption.key, caption.lang), caption.at_s)


async def stream_talk(
    options: HostOptions,
    blobs: Iterable[Blob],
    *,
    show: Callable[[float, Caption], None],
    target: str,
    before: Callable[[], Awaitable[None]] | None = None,
) -> Observed:
    """Stream in real time, watch meanwhile; returns when the text is complete.

    `before` runs when the room is open and before the first blob is sent.
    """
    observed = Observed()
    async with Host(options) as host:
        await host.wait_ready()
        watching = asyncio.create_task(_watch(viewer_url(options, target), observed, show))
        if before is not None:
            await before()
        observed.began_s = time.monotonic()
        await host.play(blobs)
        observed.ended_s = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COMPLETE_WITHIN_S):
            # It waits for silence: there is no event to wait for.
            while (wait_s := _seconds_until_complete(observed, target)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait_s)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return observed


def viewer_url(options: HostOptions, target: str) -> str:
    """The viewer's socket of the same room."""
    return options.address.partition("?")[0].rsplit("/host/", 1)[0] + f"/client/undefined/{target}"


def result_line(
    room: str, talk: Talk, observed: Observed, stored: dict[Key, Stored], target: str
) -> dict[str, str | int | float | None]:
    """The demo's last line; `stored`: when each sentence was spoken and committed."""
    text = observed.viewer.text(talk.lang)
    latencies = [
        at_s - observed.began_s - stored[key].end_ms / 1000
        for (key, lang), at_s in observed.arrivals.items()
        if lang == talk.lang and key in stored
    ]
    translated = [
        at_s + observed.epoch_offset_s - stored[key].committed_at_s
        for (key, lang), at_s in observed.arrivals.items()
        if lang == target != talk.lang and key in stored and stored[key].ends
    ]
    first_s = None
    if observed.first_caption_at_s is not None:
        first_s = round(observed.first_caption_at_s - observed.began_s - (talk.first_word_end_s or 0.0), 2)
    return {
        "room": room,
        "sentences": sum(
            stored[key].ends for key, lang in observed.arrivals if lang == talk.lang and key in stored
        ),
        "text": text,
        "first_caption_s": first_s,
        "commit_latency_p50_s": round(statistics.median(latencies), 2) if latencies else None,
        "wer": _word_error_rate(talk, text),
        "translated": len(translated),
        "translation_delay_p50_s": round(statistics.median(translated), 2) if translated else None,
    }


def _word_error_rate(talk: Talk, text: str) -> float | None:
    if talk.reference is None:
        return None
    import jiwer

    hypothesis = normalised(text, talk.lang)
    return (
        round(float(jiwer.wer(normalised(talk.reference, talk.lang), hypothesis)), 4) if hypothesis else 1.0
    )


async def _watch(url: str, observed: Observed, show: Callable[[float, Caption], None]) -> None:
    with contextlib.suppress(ConnectionClosed):
        async with connect(url, compression=None, max_size=2**22) as socket:
            async for caption in captions(socket, observed.viewer):
                observed.add(caption)
                show(caption.at_s - observed.began_s, caption)


def _seconds_until_complete(observed: Observed, target: str) -> float:
    """0.0 when nothing is unfinished or untranslated and nothing was new for QUIET_S; else when to look again."""
    if observed.viewer.incomplete or any(target not in item for item in observed.viewer.sentences.values()):
        return QUIET_S / 10
    return max(0.0, max(observed.last_at_s, observed.ended_s) + QUIET_S - time.monotonic())
