"""The documents of all wires, made of the code: OpenAPI over HTTP, AsyncAPI of the sockets (docs/openapi, docs/asyncapi)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gateways.captions.asyncapi
import gateways.conference.asyncapi
import gateways.deepgram.asyncapi
import gateways.echo.asyncapi
import gateways.interpreter.asyncapi
import gateways.meetings.asyncapi
import gateways.openai.asyncapi
import gateways.speech.asyncapi
from config.health import HealthView, health
from gateways.captions.sse import api as captions
from gateways.conference.views import api as conference
from gateways.openai.views import api as openai

Json = dict[str, Any]


def conference_http() -> Json:
    """The conference's, with `GET /health`, which its clients poll."""
    document: Json = conference.get_openapi_schema()
    schemas = document["components"]["schemas"]
    schemas["HealthView"] = HealthView.model_json_schema()
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/HealthView"}}}
    document["paths"]["/health"] = {
        "get": {
            "operationId": "health",
            "summary": "Health",
            "description": (health.__doc__ or "").strip(),
            "responses": {
                "200": {"description": "Captions can be made", "content": answer},
                "503": {"description": "They cannot, yet or any more", "content": answer},
            },
        }
    }
    return document


def captions_http() -> Json:
    """The event streams'."""
    document: Json = captions.get_openapi_schema(path_prefix="")
    return document


def openai_http() -> Json:
    """Files and models, in OpenAI's shape."""
    document: Json = openai.get_openapi_schema(path_prefix="")
    return document


OPENAPI: dict[str, Callable[[], Json]] = {
    "captions": captions_http,
    "conference": conference_http,
    "openai": openai_http,
}
ASYNCAPI: dict[str, Callable[[], Json]] = {
    "captions": gateways.captions.asyncapi.asyncapi,
    "conference": gateways.conference.asyncapi.asyncapi,
    "deepgram": gateways.deepgram.asyncapi.asyncapi,
    "echo": gateways.echo.asyncapi.asyncapi,
    "interpreter": gateways.interpreter.asyncapi.asyncapi,
    "meetings": gateways.meetings.asyncapi.asyncapi,
    "openai": gateways.openai.asyncapi.asyncapi,
    "speech": gateways.speech.asyncapi.asyncapi,
}


def document_text(document: Json) -> str:
    """As it stands in docs/."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
