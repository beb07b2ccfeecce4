"""The vendor's own SDK speaks with us as it is, but for the address; and so does our example."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.deepgram.tests.client import WITHIN_S, key_of, noise, spoken
from gateways.deepgram.tests.test_audio import wav
from ops.faults.stack import BASE_DIR

pytestmark = pytest.mark.stack
SDK = Path(__file__).with_name("sdk_client.py")
EXAMPLE = BASE_DIR / "docs" / "examples" / "deepgram.py"


def told(stack, key, path):
    command = [sys.executable, SDK, f"ws://127.0.0.1:{stack.port}", key, path]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_sdk_gets_every_message_as_the_type_that_it_knows(stack, tmp_path):
    path = tmp_path / "speech.wav"
    path.write_bytes(wav(noise(4)))
    messages = told(stack, key_of(stack), path)
    kinds = [message["kind"] for message in messages]
    assert set(kinds) == {"ListenV1SpeechStarted", "ListenV1Results", "ListenV1Metadata"}
    assert kinds[-1] == "ListenV1Metadata"
    finals = [message for message in messages if message.get("is_final")]
    text = " ".join(message["channel"]["alternatives"][0]["transcript"] for message in finals)
    assert text.split() == spoken(0, 4).split()
    assert [message["from_finalize"] for message in finals][-1] is True
    assert sum(message["duration"] for message in finals) == pytest.approx(messages[-1]["duration"])


def test_sdk_is_told_that_its_key_is_wrong(stack, tmp_path):
    path = tmp_path / "speech.wav"
    path.write_bytes(wav(noise(0.1)))
    assert told(stack, "0" * 32, path) == [{"kind": "refused", "status": 401}]


def test_example_prints_what_was_said(stack, tmp_path):
    path = tmp_path / "speech.wav"
    path.write_bytes(wav(noise(2)))
    command = [sys.executable, EXAMPLE, f"ws://127.0.0.1:{stack.port}", key_of(stack), path, "en"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert answer.returncode == 0, answer.stderr
    assert len(EXAMPLE.read_text().splitlines()) < 40
    said = [line.partition(" s ")[2] for line in answer.stdout.splitlines()]
    assert " ".join(said) == spoken(0, 2)
