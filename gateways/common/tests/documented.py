"""What a socket said is what its AsyncAPI document says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from config.env import BASE_DIR


def check_message(wire: str, channel: str, message: Any) -> None:
    """Raises AssertionError where none of the channel's messages is like this one."""
    problems = {name: one.iter_errors(message) for name, one in _from_server(wire, channel).items()}
    assert any(next(found, None) is None for found in problems.values()), message


@cache
def _from_server(wire: str, channel: str) -> dict[str, Draft7Validator]:
    document = json.loads((BASE_DIR / "docs" / "asyncapi" / f"{wire}.json").read_text("utf-8"))
    sent = [
        message["$ref"].rpartition("/")[2]
        for operation in document["operations"].values()
        if operation["action"] == "send" and operation["channel"]["$ref"].endswith(f"/{channel}")
        for message in operation["messages"]
    ]
    components = document["components"]
    return {
        name: Draft7Validator({**components["messages"][name]["payload"], "components": components})
        for name in sent
    }
