"""`manage.py stream` streams a file as a host and prints what comes back."""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from asr.audio.decode import classify
from asr.audio.tests.recordings import alike, as_wav, decode, spread, tones
from gateways.conference.tests.scripted_room import ScriptedRoom, scripted_room

BASE_DIR = Path(__file__).parents[3]


@pytest.fixture
async def room() -> AsyncIterator[ScriptedRoom]:
    async with scripted_room() as scripted:
        scripted.ready.set()
        yield scripted


@pytest.fixture
def talk(tmp_path: Path) -> str:
    path = tmp_path / "talk.wav"
    path.write_bytes(as_wav(tones(3.0)).getvalue())
    return str(path)


async def stream(room: ScriptedRoom, file: str, **options: Any) -> tuple[str, str]:
    """Runs the command in a thread; returns what it printed."""
    out, err = io.StringIO(), io.StringIO()
    given = {"room": "DEMO", "url": room.url, "password": "secret", "speed": 50.0, "linger": 0.0} | options
    await asyncio.to_thread(call_command, "stream", file, stdout=out, stderr=err, **given)
    return out.getvalue(), err.getvalue()


def chunk(*sentences: str) -> str:
    said = [{"sent_idx": index, "content": {"en": text}} for index, text in enumerate(sentences)]
    return json.dumps({"last_n_sents": [{"line_idx": 0, "sentences": said}], "incomplete_sentence": ""})


async def test_a_file_is_streamed_whole(room, talk):
    await stream(room, talk)
    kinds = [classify(blob, first_of_socket=index == 0) for index, blob in enumerate(room.blobs)]
    assert kinds == ["head"] + ["more"] * (len(kinds) - 1)
    pcm = decode(
        (f"{index}-0", kind, blob) for index, (kind, blob) in enumerate(zip(kinds, room.blobs, strict=True))
    )
    assert alike(spread(pcm), tones(3.0), within_ms=2) > 0.98
    assert room.paths == ["/room/DEMO/host/en/en"]


async def test_raw_samples_are_streamed_when_asked_for(room, talk):
    await stream(room, talk, format="pcm", lang="de", target="en")
    assert room.paths == ["/room/DEMO/host/de/en?format=pcm_s16le"]
    assert sum(map(len, room.blobs)) == 3 * 32_000


async def test_captions_are_printed_once_and_complaints_as_well(room, talk):
    streaming = asyncio.create_task(stream(room, talk, speed=3.0))
    await room.until(blobs=1)
    for message in (
        chunk("One."),
        chunk("One.", "Two."),
        chunk("One."),
        json.dumps({"error": {"code": "odd", "message": "Odd"}}),
    ):
        await room.sockets[0].send(message)
    out, err = await streaming
    assert out == "en: One.\nen: Two.\n"
    assert err == "odd: Odd\n"


async def test_a_lost_connection_is_taken_up_again_where_it_was(room, talk):
    streaming = asyncio.create_task(stream(room, talk, speed=3.0))
    await room.until(blobs=3)
    room.sockets[0].transport.abort()
    _, err = await streaming
    assert len(room.paths) == 2
    assert room.cookies[1]["connection_id"] == "id-1"
    assert "trying again" in err
    heads = [blob for blob in room.blobs if classify(blob, first_of_socket=False) == "head"]
    assert len(heads) == 1
    assert len(room.blobs) >= 9


async def test_a_refusal_is_the_error(room, talk):
    room.refusal = (1003, "Room <DEMO> not found")
    with pytest.raises(CommandError, match="Room <DEMO> not found"):
        await stream(room, talk)


async def test_what_is_no_audio_is_refused_before_a_room_is_opened(room, tmp_path):
    text = tmp_path / "talk.txt"
    text.write_text("hello " * 1_000)
    for file in (text, tmp_path / "missing.wav"):
        with pytest.raises(CommandError):
            await stream(room, str(file))
    assert room.paths == []


async def test_the_password_is_in_no_log_however_much_is_logged(room, talk):
    secret = "never-in-a-log"
    command = [
        "stream",
        talk,
        "--room",
        "DEMO",
        "--url",
        room.url,
        "--password",
        secret,
        "--speed",
        "50",
        "--linger",
        "0",
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", *command,
        cwd=BASE_DIR, env={**os.environ, "LOG_LEVEL": "DEBUG"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0
    assert room.cookies[0]["authenticated"] == secret
    assert secret not in printed.decode()


async def test_a_speed_of_nothing_is_refused(room, talk):
    with pytest.raises(CommandError, match="speed"):
        await stream(room, talk, speed=0.0)
