"""AsyncAPI 3 documents of sockets, made of the types of their messages (docs/asyncapi). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

VERSION = "1.0.0"
Models = tuple[type[BaseModel], ...]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Socket:
    """One kind of WebSocket. `query`: a model of its query's fields. `binary`: what a client's binary messages are."""

    name: str
    address: str
    description: str
    parameters: Mapping[str, str]
    from_server: Models
    from_client: Models
    query: type[BaseModel] | None = None
    binary: str = ""
    closes: Mapping[str, str] = field(default_factory=dict)  # code and reason → when


def document(*, title: str, description: str, sockets: Sequence[Socket]) -> Json:
    """The document of a wire."""
    models = list(
        dict.fromkeys(model for socket in sockets for model in (*socket.from_server, *socket.from_client))
    )
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    messages = {_name(model): _message(model) for model in models}
    messages |= {f"{socket.name}Audio": _binary(socket.binary) for socket in sockets if socket.binary}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": VERSION, "description": description},
        "defaultContentType": "application/json",
        "channels": {socket.name: _channel(socket) for socket in sockets},
        "operations": {
            name: operation for socket in sockets for name, operation in _operations(socket).items()
        },
        "components": {"messages": messages, "schemas": _said(found["$defs"])},
    }


def _channel(socket: Socket) -> Json:
    names = [
        *map(_name, (*socket.from_server, *socket.from_client)),
        *([f"{socket.name}Audio"] * bool(socket.binary)),
    ]
    channel: Json = {
        "address": socket.address,
        "description": socket.description,
        "parameters": {name: {"description": text} for name, text in socket.parameters.items()},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "x-closes": dict(socket.closes),
    }
    if socket.query is not None:
        query = _said({"query": socket.query.model_json_schema()})["query"]
        channel["bindings"] = {"ws": {"query": query, "bindingVersion": "0.1.0"}}
    return channel


def _operations(socket: Socket) -> Json:
    """`send` is what the server does."""
    audio = [f"{socket.name}Audio"] * bool(socket.binary)
    sides = {"send": [*map(_name, socket.from_server)], "receive": [*map(_name, socket.from_client), *audio]}
    return {
        f"{action}{socket.name[0].upper()}{socket.name[1:]}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{socket.name}"},
            "messages": [{"$ref": f"#/channels/{socket.name}/messages/{name}"} for name in names],
        }
        for action, names in sides.items()
        if names
    }


def _name(model: type[BaseModel]) -> str:
    return model.__name__[0].lower() + model.__name__[1:]


def _message(model: type[BaseModel]) -> Json:
    return {
        "name": model.__name__,
        "summary": " ".join((model.__doc__ or "").split()),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }


def _binary(description: str) -> Json:
    payload = {"type": "string", "format": "binary", "description": description}
    return {
        "name": "Audio",
        "summary": description,
        "contentType": "application/octet-stream",
        "payload": payload,
    }


def _said(value: Any) -> Any:
    """A schema as it is on the wire: a field that may be left out is never null, and nobody needs names in title case."""
    if isinstance(value, list):
        return [_said(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _said(item) for key, item in value.items() if key != "title" or not isinstance(item, str)}
    if isinstance(found.get("discriminator"), dict):  # OpenAPI's; AsyncAPI's is the property's name alone
        found["discriminator"] = found["discriminator"]["propertyName"]
    if "anyOf" in found and found.get("default", 0) is None:
        kinds = [kind for kind in found.pop("anyOf") if kind != {"type": "null"}]
        del found["default"]
        found |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return found
