"""A real process that speaks, with a scripted voice: what becomes of it, and of who waits for it."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import psutil
import pytest

from config.env import BASE_DIR
from translation.speech.base import SpeechError
from translation.speech.synthesiser import WAITING_MOST, Synthesiser
from translation.speech.voices import VoiceSettings

PATIENT_S = 60.0


@asynccontextmanager
async def synthesiser(*names):
    made = Synthesiser(VoiceSettings(names or ("scripted",)))
    try:
        yield made
    finally:
        await made.close()


def children():
    return {
        process.pid
        for process in psutil.Process().children()
        if "translation.speech.child" in " ".join(process.cmdline())
    }


async def test_text_becomes_mp3_and_its_length():
    async with synthesiser() as made:
        speech = await made.speak("Ten chars.", "en", within_s=PATIENT_S)
        assert speech.ms == 600
        assert speech.mp3[:1] == b"\xff"
        again = await made.speak("Ten more ones.", "de", within_s=PATIENT_S)
        assert again.ms == 840
        assert len(children()) == 1
    assert children() == set()


async def test_voice_in_the_wheel_speaks_in_a_process():
    async with synthesiser("hibari") as made:
        assert (await made.speak("", "en", within_s=PATIENT_S)).mp3 == b""  # loaded
        assert len((await made.speak("Spoken.", "en", within_s=PATIENT_S)).mp3) > 1000


async def test_nobody_speaks_a_language_without_a_voice():
    async with synthesiser() as made:
        assert await made.speak("x", "xx", within_s=PATIENT_S) is None
        assert await made.speak("x", "xx", within_s=PATIENT_S) is None
    async with synthesiser("none") as silent:
        assert await silent.speak("x", "en", within_s=PATIENT_S) is None


async def test_who_waits_no_longer_goes_on_and_the_next_is_served():
    async with synthesiser() as made:
        await made.speak("", "en", within_s=PATIENT_S)
        assert await made.speak("slowly", "en", within_s=0.05) is None  # which would be spoken in two seconds
        assert (await made.speak("next", "en", within_s=PATIENT_S)).ms == 240


async def test_what_is_too_late_is_not_begun():
    async with synthesiser() as made:
        await made.speak("", "en", within_s=PATIENT_S)
        first = asyncio.create_task(made.speak("slowly", "en", within_s=PATIENT_S))
        await asyncio.sleep(0)
        late = [made.speak("slowly", "en", within_s=0.05) for _ in range(20)]
        assert await asyncio.gather(*late) == [None] * 20
        assert await first is not None
        began_s = time.monotonic()
        assert await made.speak("next", "en", within_s=PATIENT_S) is not None
        assert time.monotonic() - began_s < 20.0  # 40 s of the others were skipped


async def test_what_waits_is_bounded():
    async with synthesiser() as made:
        waiting = [
            asyncio.create_task(made.speak("x", "en", within_s=PATIENT_S)) for _ in range(WAITING_MOST + 5)
        ]
        done = await asyncio.gather(*waiting)
        assert sum(speech is None for speech in done) == 5


async def test_text_that_fails_costs_only_itself():
    async with synthesiser() as made:
        with pytest.raises(SpeechError, match="failed"):
            await made.speak("faultily", "en", within_s=PATIENT_S)
        before = children()
        assert (await made.speak("next", "en", within_s=PATIENT_S)).ms == 240
        assert children() == before


async def test_process_that_dies_is_followed_by_another():
    async with synthesiser() as made:
        with pytest.raises(SpeechError, match="failed"):
            await made.speak("fatally", "en", within_s=PATIENT_S)
        assert (await made.speak("next", "en", within_s=PATIENT_S)).ms == 240
        (pid,) = children()
        os.kill(pid, 9)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=PATIENT_S)
        outcomes = [await _tried(made) for _ in range(2)]
        assert outcomes[-1] == 240


async def _tried(made):
    try:
        return (await made.speak("next", "en", within_s=PATIENT_S)).ms
    except SpeechError:
        return None


def test_process_ends_with_who_began_it():
    command = [sys.executable, "-m", "translation.speech.child", VoiceSettings(("scripted",)).as_json()]
    with subprocess.Popen(command, cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert b"langs" in child.stdout.readline()
        child.stdin.close()  # as the system does for a parent that was killed
        assert child.wait(PATIENT_S) == 0
