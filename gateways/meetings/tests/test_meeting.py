"""A meeting over a scripted session: who is heard in which channel, and when what is said becomes which message."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import wave
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from asr.stream_options import AUTO_LANG
from asr.streams import MAX_CHANNELS
from asr.text_stream import Text
from gateways.common import background
from gateways.common.outbox import Outbox
from gateways.meetings.chunk import Chunk
from gateways.meetings.limits import SECOND_BYTES
from gateways.meetings.meeting import Meeting
from gateways.meetings.voice import LEFT_MS, SILENT_MS
from rooms.errors import Conflict, DomainError

BEGAN_MS = 1_700_000_000_000
SECOND = bytes(SECOND_BYTES)
SENTENCE = ["It", "takes", "about", "forty", "eight", "characters", "to", "be", "enough."]


class ScriptedSession:
    """Notes what a meeting does with its session."""

    session_id = 1

    def __init__(self) -> None:
        self.joins: list[tuple[str, str]] = []
        self.done: list[tuple[str, str]] = []  # fed, flush, leave; in which channel
        self.fed: dict[str, bytes] = {}
        self.refusals: list[DomainError] = []
        self.takes = True
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def join(self, channel: str, source_lang: str) -> None:
        await self.is_open.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        self.joins.append((channel, source_lang))

    def feed(self, data: bytes, *, channel: str) -> bool:
        assert channel in dict(self.joins)
        if self.takes:
            self.done.append(("fed", channel))
            self.fed[channel] = self.fed.get(channel, b"") + data
        return self.takes

    def flush(self, channel: str) -> str:
        self.done.append(("flush", channel))
        return "token"

    def leave(self, channel: str) -> None:
        self.done.append(("leave", channel))


class Scene:
    """A meeting, its session, its clock, and what its client was sent."""

    def __init__(self) -> None:
        self.now_ms = BEGAN_MS
        self.sent: list[dict[str, Any]] = []
        self.came = asyncio.Condition()
        self.session = ScriptedSession()
        self.meeting = Meeting(self.session, Outbox(self._send), clock_ms=lambda: self.now_ms)
        self._numbers = itertools.count(1)

    async def _send(self, message: dict[str, Any]) -> None:
        async with self.came:
            self.sent.append(json.loads(message["text"]))
            self.came.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60), self.came:
            await self.came.wait_for(holds)

    async def heard(self, participant: str, seconds: int = 1, lang: str = "en") -> None:
        """So much sound came, second by second."""
        for _ in range(seconds):
            self.now_ms += 1000
            self.meeting.hear(Chunk(participant, lang, SECOND))
            while waiting := background.running():
                await asyncio.wait(waiting)

    def text(self, kind: str, channel: str = "p0", **data: Any) -> None:
        self.meeting.take(Text("1-0", channel, kind, next(self._numbers), data))

    def words(self, *texts: str, channel: str = "p0", from_ms: int = 0, kind: str = "words") -> None:
        """Half a second each, with a gap of 100 ms."""
        rows = [[from_ms + 500 * n, from_ms + 500 * n + 400, f" {text}", 0.9] for n, text in enumerate(texts)]
        self.text(kind, channel, words=rows, committed_ms=0)

    def finals(self) -> list[tuple[str, str]]:
        return [(each["participant_id"], each["text"]) for each in self.sent if each["type"] == "final"]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    made.meeting.end()


async def test_what_a_participant_says_before_its_channel_is_open_is_not_lost(scene):
    scene.session.is_open.clear()
    scene.meeting.hear(Chunk("ada", "en", b"1" * 32))
    scene.meeting.hear(Chunk("ada", "en", b"2" * 32))
    scene.session.is_open.set()
    await scene.heard("ada")
    assert scene.session.joins == [("p0", "en")]
    assert scene.session.fed == {"p0": b"1" * 32 + b"2" * 32 + SECOND}


async def test_channel_is_opened_though_postgresql_is_away_for_a_while(scene):
    scene.session.refusals = [DomainError("not_ready", retry=True)]
    await scene.heard("ada")
    assert scene.session.fed == {"p0": SECOND}


async def test_participant_that_cannot_be_heard_disturbs_nobody(scene):
    scene.session.refusals = [Conflict("channel_language")]
    await scene.heard("ada")
    await scene.heard("ada")
    await scene.heard("bo")
    assert scene.session.fed == {"p1": SECOND}


async def test_each_language_of_a_participant_has_a_channel_and_the_one_before_is_finished(scene):
    await scene.heard("ada", lang="en")
    await scene.heard("ada", lang="de")
    await scene.heard("ada", lang="en")
    assert scene.session.joins == [("p0", "en"), ("p1", "de")]
    assert scene.session.done == [
        ("fed", "p0"),
        ("leave", "p0"),
        ("fed", "p1"),
        ("leave", "p1"),
        ("fed", "p0"),
    ]


async def test_language_that_is_not_offered_is_found_out(scene):
    await scene.heard("ada", lang="null")
    await scene.heard("ada", lang="tlh")
    assert scene.session.joins == [("p0", AUTO_LANG)]


async def test_words_and_what_follows_them_are_one_interim_and_a_sentence_is_a_final_with_its_id(scene):
    await scene.heard("ada", 6)
    scene.words(*SENTENCE[:5])
    scene.words(*SENTENCE[5:7], from_ms=2500, kind="hypothesis")
    await scene.until(lambda: len(scene.sent) == 1)
    scene.words(*SENTENCE[5:], from_ms=2500)
    scene.words("And", from_ms=4500, kind="hypothesis")
    await scene.until(lambda: len(scene.sent) == 3)
    first, final, second = scene.sent
    assert (first["type"], first["text"], first["variance"]) == (
        "interim",
        "It takes about forty eight characters to",
        0.5,
    )
    assert (final["type"], final["text"], final["variance"]) == ("final", " ".join(SENTENCE), 0.9)
    assert (second["type"], second["text"]) == ("interim", "And")
    assert first["id"] == final["id"] != second["id"]
    assert (first["ts"], final["ts"], second["ts"]) == (BEGAN_MS, BEGAN_MS, BEGAN_MS + 4500)


async def test_participant_without_new_speech_for_two_seconds_is_finished(scene):
    await scene.heard("ada", 2)
    scene.words("Yes", "of", "course")  # until 1400
    scene.now_ms = BEGAN_MS + 1400 + SILENT_MS - 1
    scene.meeting.look()
    assert scene.finals() == []
    scene.now_ms += 1
    scene.meeting.look()
    await scene.until(lambda: scene.finals() == [("ada", "Yes of course")])


async def test_last_words_that_are_only_supposed_are_asked_for_once_and_then_final(scene):
    await scene.heard("ada", 2)
    scene.words("Yes", "of", "course", kind="hypothesis")
    scene.now_ms += 60 + SILENT_MS
    for _ in range(3):
        scene.meeting.look()
    assert scene.session.done.count(("flush", "p0")) == 1
    scene.words("Yes", "of", "course")
    scene.text("flushed", token="token")
    scene.meeting.look()
    await scene.until(lambda: scene.finals() == [("ada", "Yes of course")])


async def test_whoever_speaks_on_is_not_cut_though_words_come_late(scene):
    await scene.heard("ada", 2)
    scene.text("speech", state="started", ms=0)
    scene.words("Yes", "of", "course")
    await scene.heard("ada", 8)
    scene.meeting.look()
    assert scene.finals() == []
    scene.text("speech", state="stopped", ms=9900)
    scene.now_ms = BEGAN_MS + 9900 + SILENT_MS
    scene.meeting.look()
    await scene.until(lambda: scene.finals() == [("ada", "Yes of course")])


async def test_recogniser_that_lags_behind_cuts_nobody_s_sentence(scene):
    await scene.heard("ada", 30)
    scene.text("speech", state="started", ms=0)
    scene.words("Yes", "of")
    scene.meeting.look()
    await scene.heard("ada", 1)
    scene.text("speech", state="stopped", ms=5000)  # what was said since is not known yet
    scene.now_ms += SILENT_MS - 1000 - 1
    scene.meeting.look()
    assert (scene.finals(), scene.session.done.count(("flush", "p0"))) == ([], 0)
    scene.text("speech", state="started", ms=6500)
    scene.meeting.look()
    assert scene.finals() == []
    scene.text("speech", state="stopped", ms=8000)
    scene.now_ms += SILENT_MS - 1000
    scene.meeting.look()
    await scene.until(lambda: scene.finals() == [("ada", "Yes of")])


async def test_minutes_of_silence_make_no_message(scene):
    await scene.heard("ada", 300)
    for _ in range(300):
        scene.now_ms += 1000
        scene.meeting.look()
    assert scene.sent == []
    assert scene.session.done.count(("leave", "p0")) == 1
    assert scene.session.done.count(("flush", "p0")) == 0


async def test_everything_becomes_final_at_the_end(scene):
    await scene.heard("ada")
    await scene.heard("bo")
    scene.words("Yes", "of")
    scene.words("course", from_ms=1000, kind="hypothesis")
    scene.words("No", channel="p1", kind="hypothesis")
    scene.meeting.end()
    await scene.until(lambda: len(scene.finals()) == 2)
    assert scene.finals() == [("ada", "Yes of course"), ("bo", "No")]


async def test_time_of_a_word_is_when_it_was_said_though_silence_was_left_out(scene):
    await scene.heard("ada", 2)
    scene.now_ms += 30_000
    await scene.heard("ada", 2)
    scene.words("Late", from_ms=2500)
    scene.meeting.end()
    await scene.until(lambda: len(scene.sent) == 1)
    assert scene.sent[0]["ts"] == BEGAN_MS + 32_500


async def test_final_brings_its_sound_where_it_is_configured(scene, env):
    env(whisper_return_transcribed_audio=True)
    sound = [bytes([n, 0]) * (SECOND_BYTES // 2) for n in range(3)]
    for second in sound:
        scene.meeting.hear(Chunk("ada", "en", second))
        await asyncio.wait(background.running() or {asyncio.ensure_future(asyncio.sleep(0))})
    scene.words("One", "two", from_ms=1000)
    scene.words("three", from_ms=2000, kind="hypothesis")
    await scene.until(lambda: len(scene.sent) == 1)
    scene.meeting.end()
    await scene.until(lambda: len(scene.sent) == 2)
    interim, final = scene.sent
    assert interim["audio"] == ""
    with wave.open(io.BytesIO(base64.b64decode(final["audio"]))) as file:
        found = file.readframes(file.getnframes())
    assert sound[1] in found


async def test_sound_that_is_kept_is_bounded_for_all_who_speak_together(scene, env):
    env(whisper_return_transcribed_audio=True)
    for n in range(MAX_CHANNELS):
        await scene.heard(f"p{n}", 12)
    kept = [len(voice.kept) for voice in scene.meeting._channels.values()]
    assert sum(kept) <= 8 << 20
    assert kept[-1] == 12 * SECOND_BYTES
    await scene.heard("p0", 90)
    assert len(scene.meeting._channels["p0"].kept) <= 60 * SECOND_BYTES


async def test_more_may_come_and_go_than_may_speak_at_once(scene):
    for n in range(MAX_CHANNELS):
        await scene.heard(f"guest {n}", lang="en" if n else "de")
    await scene.heard("too many")
    assert len(scene.session.joins) == MAX_CHANNELS
    assert len(scene.session.done) == MAX_CHANNELS
    scene.words("Hello", channel="p5")
    scene.now_ms += LEFT_MS
    scene.meeting.look()
    await scene.heard("a guest", lang="fr")  # no channel of this language
    await scene.heard("next")  # nobody rests yet: the recogniser has not answered
    assert scene.session.done[-1] == ("leave", f"p{MAX_CHANNELS - 1}")
    for n in (0, 5, 7):
        scene.text("end", f"p{n}")
    await scene.heard("next")
    await scene.heard("another")
    assert scene.session.done[-2:] == [("fed", "p5"), ("fed", "p7")]
    scene.words("Good", channel="p5", from_ms=1000)
    scene.words("Bye", channel="p7", from_ms=1000)
    scene.meeting.end()
    await scene.until(lambda: len(scene.finals()) == 3)
    assert scene.finals() == [("guest 5", "Hello"), ("next", "Good"), ("another", "Bye")]


async def test_sound_that_is_lost_moves_no_word_s_time(scene):
    await scene.heard("ada")
    scene.session.takes = False
    await scene.heard("ada", 5)
    scene.session.takes = True
    await scene.heard("ada")
    scene.words("Late", from_ms=1500)
    scene.meeting.end()
    await scene.until(lambda: len(scene.sent) == 1)
    assert scene.sent[0]["ts"] == BEGAN_MS + 6500


async def test_text_of_nobody_and_notices_are_no_messages(scene):
    await scene.heard("ada")
    scene.words("Hello", channel="p9")
    scene.text("gap", "", missed=3)
    scene.text("error", "p0", code="undecodable_audio")
    scene.text("something new", "p0")
    scene.meeting.end()
    assert scene.sent == []
