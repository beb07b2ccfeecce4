"""`/api/docs`: what the wires' documents say, as pages; and the documents themselves, for tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from config.api_documents import ASYNCAPI, OPENAPI, Json, document_text
from pages.language import choose_language
from pages.urls import api as pages_api


def pages_http() -> Json:
    """What the pages do: theirs alone, and it changes with them."""
    found: Json = pages_api.get_openapi_schema(path_prefix="/api/")
    return found


KINDS = {"http": {**OPENAPI, "pages": pages_http}, "sockets": ASYNCAPI}


@dataclass(frozen=True, slots=True)
class Field:
    """A row: a field of an object, a parameter. `ref`: the schema that says more."""

    name: str
    kind: str
    ref: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Section:
    """A route, a socket, a message or a body, with what leads on from it."""

    title: str
    description: str
    fields: list[Field]
    links: list[tuple[str, str, str]]  # what it is, the schema, more
    anchor: str = ""


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Which documents there are."""
    choose_language(request)
    documents = [
        (kind, name, document(kind, name)["info"]) for kind, named in KINDS.items() for name in named
    ]
    return render(request, "api_docs/index.html", {"documents": documents})


@require_safe
def page(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """A document, to be read."""
    choose_language(request)
    found = document(kind, name)
    sections = list(_sockets(found) if kind == "sockets" else _routes(found))
    context = {
        "info": found["info"],
        "kind": kind,
        "name": name,
        "sections": sections,
        "schemas": list(_schemas(found)),
    }
    return render(request, "api_docs/document.html", context)


@require_safe
def raw(request: HttpRequest, kind: str, name: str) -> JsonResponse:
    """A document, for tools."""
    return JsonResponse(document(kind, name), json_dumps_params={"ensure_ascii": False})


@cache
def document(kind: str, name: str) -> Json:
    """Raises Http404."""
    make = KINDS.get(kind, {}).get(name)
    if make is None:
        raise Http404
    made: Json = json.loads(document_text(make()))  # as tools read it
    return made


def _routes(found: Json) -> Iterator[Section]:
    for address, methods in found["paths"].items():
        for method, route in methods.items():
            fields = [
                _field(each["name"], each, each.get("required", False))
                for each in route.get("parameters", [])
            ]
            links = [("Body", *_content(route.get("requestBody", {})))] if "requestBody" in route else []
            for status, answer in route["responses"].items():
                resolved = _resolve(found, answer)
                kind, ref = _content(resolved)
                links.append((str(status), kind or resolved.get("description", ""), ref))
            yield Section(
                f"{method.upper()} {address}",
                route.get("description") or route.get("summary", ""),
                fields,
                links,
            )


def _sockets(found: Json) -> Iterator[Section]:
    sides = {"send": "From the server", "receive": "To the server"}
    for name, channel in found["channels"].items():
        query = channel.get("bindings", {}).get("ws", {}).get("query", {})
        fields = [
            _field(each, {"type": "string", **said}, True) for each, said in channel["parameters"].items()
        ]
        fields += _fields(query)
        links = []
        for operation in found["operations"].values():
            if operation["channel"]["$ref"].rpartition("/")[2] == name:
                for message in operation["messages"]:
                    resolved = found["components"]["messages"][message["$ref"].rpartition("/")[2]]
                    _, ref = _kind(resolved["payload"])
                    links.append((sides[operation["action"]], resolved["name"], ref))
        links += [("Closes with", f"{code}: {why}", "") for code, why in channel["x-closes"].items()]
        yield Section(f"WS {channel['address']}", channel["description"], fields, links)


def _schemas(found: Json) -> Iterator[Section]:
    for name, schema in found["components"]["schemas"].items():
        kind, ref = _kind(schema) if "properties" not in schema else ("", "")
        links = [("Is", kind, ref)] if kind else []
        yield Section(name, schema.get("description", ""), _fields(schema), links, anchor=name)


def _fields(schema: Json) -> list[Field]:
    required = schema.get("required", [])
    return [
        _field(name, said, name in required or "const" in said)
        for name, said in schema.get("properties", {}).items()
    ]


def _field(name: str, said: Json, required: bool) -> Field:
    kind, ref = _kind(said.get("schema", said))
    return Field(name, kind, ref, required, said.get("description", ""))


def _content(said: Json) -> tuple[str, str]:
    kinds = [
        _kind(each["schema"]) if "schema" in each else (name, "")
        for name, each in said.get("content", {}).items()
    ]
    return kinds[0] if kinds else ("", "")


def _resolve(found: Json, said: Json) -> Json:
    if "$ref" not in said:
        return said
    resolved: Json = found["components"]["responses"][said["$ref"].rpartition("/")[2]]
    return resolved


def _kind(schema: Any) -> tuple[str, str]:
    """A schema in a few words, and the named one that it speaks of."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name, name
    if "const" in schema:
        return f"“{schema['const']}”", ""
    if "enum" in schema:
        return " | ".join(f"“{value}”" for value in schema["enum"]), ""
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"]]
        return " or ".join(kind for kind, _ in kinds), next((ref for _, ref in kinds if ref), "")
    if schema.get("type") == "array":
        kind, ref = _kind(schema.get("items", {}))
        return f"list of {kind or 'anything'}", ref
    if isinstance(schema.get("additionalProperties"), dict):
        kind, ref = _kind(schema["additionalProperties"])
        return f"object of {kind}", ref
    return " ".join(filter(None, (str(schema.get("type", "")), schema.get("format", "")))), ""


urlpatterns = [
    path("api/docs", index),
    path("api/docs/<str:kind>/<str:name>.json", raw, name="api-document"),
    path("api/docs/<str:kind>/<str:name>", page, name="api-docs"),
]
