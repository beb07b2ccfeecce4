"""deploy/loadtest speaks the wires as they are documented, and measures what is there. k6 itself is in no package registry: where Node.js
is, the scripts run in it, with a stand-in for k6's modules (k6_stand_in/)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from config.env import BASE_DIR
from ops.bench.fanout_served import line_process
from ops.faults.stack import running_stack

SCRIPTS = BASE_DIR / "deploy" / "loadtest"
STAND_IN = Path(__file__).parent / "k6_stand_in"
MESSAGES: dict[str, dict[str, Any]] = json.loads((SCRIPTS / "messages.json").read_text())
CHANNELS = {"captions": "room", "echo": "echo"}
NODE = shutil.which("node")
VIEWERS, CLIENTS, HOLD_S = 10, 3, 4
ROOM = "A1"


def schemas(wire: str, action: str) -> dict[str, Draft7Validator]:
    """Message → what it has to look like, of those that the server `send`s or `receive`s."""
    document = json.loads((BASE_DIR / "docs" / "asyncapi" / f"{wire}.json").read_text())
    names = {
        message["$ref"].rpartition("/")[2]
        for operation in document["operations"].values()
        if operation["action"] == action and operation["channel"]["$ref"].endswith(f"/{CHANNELS[wire]}")
        for message in operation["messages"]
    }
    components = document["components"]
    found = {}
    for name in names:
        payload = components["messages"][name]["payload"]
        if "$ref" in payload:
            schema = components["schemas"][payload["$ref"].rpartition("/")[2]]
            found[name] = Draft7Validator({**schema, "additionalProperties": False, "components": components})
    return found


def constants(validators: dict[str, Draft7Validator]) -> set[str]:
    """The types of messages."""
    return {each.schema["properties"]["type"]["const"] for each in validators.values()}


@pytest.mark.parametrize(
    ("wire", "name"), [(wire, name) for wire, messages in MESSAGES.items() for name in messages]
)
def test_what_a_script_sends_is_a_message_of_its_wire(wire: str, name: str) -> None:
    wanted = [
        each
        for each in schemas(wire, "receive").values()
        if each.schema["properties"]["type"]["const"] == MESSAGES[wire][name]["type"]
    ]
    assert len(wanted) == 1
    assert [error.message for error in wanted[0].iter_errors(MESSAGES[wire][name])] == []


@pytest.mark.parametrize("wire", list(CHANNELS))
def test_what_a_script_waits_for_is_what_its_wire_sends(wire: str) -> None:
    text = (SCRIPTS / f"{wire}.js").read_text()
    awaited = set(re.findall(r"case '(\w+)'|\.type === '(\w+)'", text))
    types = {first or second for first, second in awaited}
    assert types
    sent = schemas(wire, "send")
    assert types <= constants(sent)
    fields = {name for each in sent.values() for name in each.schema["properties"]}
    assert set(re.findall(r"\bmessage\.(\w+)", text)) <= fields


@pytest.mark.parametrize("wire", list(CHANNELS))
def test_a_script_sends_nothing_but_what_messages_json_has(wire: str) -> None:
    text = (SCRIPTS / f"{wire}.js").read_text()
    assert set(re.findall(r"MESSAGES\.(\w+)", text)) <= set(MESSAGES[wire])
    assert "open('./messages.json')" in text
    path = {"captions": "/captions/${ROOM}?lang=${LANG}", "echo": "/ws-audio"}[wire]
    assert path in text


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The scripts beside a stand-in for k6."""
    shutil.copytree(SCRIPTS, tmp_path / "loadtest")
    shutil.copytree(STAND_IN, tmp_path / "loadtest" / "node_modules" / "k6")
    (tmp_path / "loadtest" / "package.json").write_text('{"type": "module"}')
    return tmp_path / "loadtest"


def started(folder: Path, script: str, **environment: object) -> subprocess.Popen[str]:
    """A script in Node.js."""
    assert NODE is not None
    has_sockets = subprocess.run([NODE, "-p", "typeof WebSocket"], capture_output=True, text=True, check=True)
    flags = [] if has_sockets.stdout.strip() == "function" else ["--experimental-websocket", "--no-warnings"]
    run = folder / "node_modules" / "k6" / "run.js"
    return subprocess.Popen(
        [NODE, *flags, run, folder / script, json.dumps({name: str(value) for name, value in environment.items()})],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def counted(child: subprocess.Popen[str]) -> dict[str, list[float]]:
    """What it counted."""
    said, failed = child.communicate()
    assert child.returncode == 0, failed
    return dict(json.loads(said.splitlines()[-1]))


@pytest.mark.stack
@pytest.mark.skipif(
    NODE is None, reason="NO NODE.JS HERE: deploy/loadtest is compared with the documents alone"
)
def test_the_scripts_see_every_caption_and_every_frame(scripts: Path) -> None:
    with running_stack(rooms=[ROOM], LOG_LEVEL="WARNING", ASR_SLOTS="1", ASR_SPARES="0") as stack:
        server = f"ws://127.0.0.1:{stack.port}"
        with line_process("ops.bench.fanout_speaker", stack) as speaker:
            speaker.do(room=ROOM, langs=["en"], seconds=1, groups=False)
            viewers = started(
                scripts,
                "captions.js",
                SERVER=server,
                ROOM=ROOM,
                VIEWERS=VIEWERS,
                RAMP_S=0.5,
                HOLD_S=HOLD_S + 2,
                PING_EVERY_S=1,
            )
            clients = started(scripts, "echo.js", SERVER=server, CLIENTS=CLIENTS, RAMP_S=0.5, HOLD_S=HOLD_S)
            said = speaker.do(room=ROOM, langs=["en"], seconds=HOLD_S, groups=False)
            seen, heard = counted(viewers), counted(clients)
    durable = sum(each["durable"] for each in said)
    assert durable > 0
    assert len(seen["captions_ready_ms"]) == VIEWERS
    assert len(seen["captions_events"]) >= VIEWERS  # who came later has the first ones in the beginning
    assert seen["captions_pong_ms"]
    assert (seen["captions_gaps"], seen["captions_lost"]) == ([], [])
    assert heard["echo_frames"]
    assert len(heard["echo_back_ms"]) == len(heard["echo_frames"])
    assert (sum(heard["echo_missing"]), heard["echo_lost"]) == (0, [])
