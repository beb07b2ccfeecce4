"""The documents of the wires: valid, complete, and readable at /api/docs."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import get_resolver
from jsonschema import Draft7Validator

from config.api_docs import KINDS, document
from config.api_documents import ASYNCAPI, OPENAPI

# AsyncAPI's own, from npm: @asyncapi/specs 6.11.1, schemas/3.0.0.json without white space
ASYNCAPI_SCHEMA = Path(__file__).parent / "vendor" / "asyncapi-3.0.0.json"
DOCUMENTS = [(kind, name) for kind, named in KINDS.items() for name in named]


@pytest.mark.parametrize("wire", sorted(ASYNCAPI))
def test_documents_of_sockets_are_asyncapi(wire: str) -> None:
    validator = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text("utf-8")))
    found = ASYNCAPI[wire]()
    assert [error.message for error in validator.iter_errors(found)] == []
    broken = copy.deepcopy(found)
    next(iter(broken["operations"].values()))["action"] = "shout"
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("wire", sorted(ASYNCAPI))
def test_everything_that_a_document_of_sockets_refers_to_is_in_it(wire: str) -> None:
    found = ASYNCAPI[wire]()
    for ref in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(found)):
        place = found
        for step in ref.split("/"):
            place = place[step]


def test_documents_over_http_name_every_address_of_their_wires() -> None:
    documented = {address for make in OPENAPI.values() for address in make()["paths"]}
    assert {"/health", "/login", "/captions/{code}/events", "/captions/hall/{slug}/events"} <= documented
    for address in documented:
        assert get_resolver().resolve(re.sub(r"\{[^}]+\}", "x", address))


@pytest.mark.django_db
def test_every_document_is_a_page_without_script_and_as_json_for_tools(client: Client) -> None:
    index = client.get("/api/docs").content.decode()
    for kind, name in DOCUMENTS:
        assert f'href="/api/docs/{kind}/{name}"' in index
        page = client.get(f"/api/docs/{kind}/{name}")
        text = page.content.decode()
        assert page.status_code == 200
        assert "default-src 'self'" in page["Content-Security-Policy"]
        links = set(re.findall(r'href="#([^"]+)"', text)) - {"main"}
        assert links
        assert links <= set(re.findall(r'id="([^"]+)"', text))
        assert client.get(f"/api/docs/{kind}/{name}.json").json() == document(kind, name)
    for nowhere in ("http/nothing", "nothing/captions", "sockets/nothing.json"):
        assert client.get(f"/api/docs/{nowhere}").status_code == 404
