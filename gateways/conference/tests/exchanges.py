"""Exchanges with the conference wire over HTTP as text, each looked up in its schema."""

import json
import re
from itertools import groupby
from operator import itemgetter

from jsonschema import Draft202012Validator

from config.env import BASE_DIR
from config.permissions import POLICY
from gateways.conference.tests.test_http import ADMIN, HOST, Wire

USUAL = {
    "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "same-origin", "Vary": "origin",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Content-Security-Policy": "the pages'",
    "Permissions-Policy": POLICY,
}  # fmt: skip


def shown_headers(answer):
    """All headers, but for those that are on every answer, and a length that is right."""
    usual = {**USUAL, "Content-Length": str(len(answer.content))}
    if not answer.content:  # to HEAD the length is told all the same
        usual["Content-Length"] = answer.headers.get("Content-Length", "0")
    found = {**dict.fromkeys(USUAL, "absent"), **answer.headers}
    if "Content-Security-Policy" in answer.headers:  # its parts come in any order
        found["Content-Security-Policy"] = USUAL["Content-Security-Policy"]
    return ", ".join(f"{name}: {value}" for name, value in sorted(found.items()) if usual.get(name) != value)


SCHEMA = json.loads((BASE_DIR / "docs" / "openapi" / "conference.json").read_text("utf-8"))


def as_the_schema_says(method, path, answer):
    """What a route of the schema answers (not Django, for a route or a method that is not there) stands in it."""
    operation = operations_at(path).get(method.lower())
    if operation is None or answer["Content-Type"].startswith("text/html"):
        return answer.status_code in (404, 405) or method in ("HEAD", "OPTIONS")
    said = operation["responses"][str(answer.status_code)]
    if "$ref" in said:
        said = SCHEMA["components"]["responses"][said["$ref"].rpartition("/")[2]]
    media_type = answer["Content-Type"].partition(";")[0]
    body = answer.json() if media_type == "application/json" else answer.content.decode()
    schema = {"components": SCHEMA["components"], **said["content"][media_type]["schema"]}
    Draft202012Validator(schema).validate(body)
    return True


def operations_at(path):
    """The schema's operations for a path."""
    of = ((re.sub(r"\{\w+\}", "[^/]+", template), found) for template, found in SCHEMA["paths"].items())
    return next((found for pattern, found in of if re.fullmatch(pattern, path.partition("?")[0])), {})


class Notes:
    """Exchanges as text, in order; keys, which are random, by a name."""

    def __init__(self, prefix=""):
        self.wire = Wire(prefix)
        self.exchanges = []
        self.keys = {name: self.wire.key(password) for name, password in (("host", HOST), ("admin", ADMIN))}

    def ask(self, method, path, body=None, content_type="application/json", **headers):
        """One request, its answer noted with its headers."""
        if isinstance(body, dict):
            body = json.dumps(
                {**body, "key": self.keys.get(body["key"], body["key"])} if "key" in body else body
            ).encode()
        answer = self.wire.client.generic(
            method,
            self.wire.prefix + path,
            body or b"",
            content_type=content_type,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        asked = f"{method} {path}"
        if body is not None:
            asked += f" {body[:60]!r}" + (f" … {len(body)} bytes" if len(body) > 60 else "")
        asked += "" if content_type == "application/json" else f" ({content_type})"
        asked += "".join(f" {name}: {value}" for name, value in headers.items())
        said = re.sub(rb'"key": "[0-9a-f]{32}"', b'"key": "<a new key>"', answer.content)
        assert as_the_schema_says(method, path, answer)
        self.exchanges.append((asked, f"  {answer.status_code} {shown_headers(answer)}\n  {said!r}\n"))
        return answer

    def text(self):
        """Everything so far; questions in a row with the same answer stand above it together."""
        text = "".join(
            "".join(f"{asked}\n" for asked, _ in alike) + answer
            for answer, alike in groupby(self.exchanges, key=itemgetter(1))
        )
        for name, key in self.keys.items():
            text = text.replace(key, f"<{name}'s key>")
        return re.sub(r"on \w+, .*? at \d\d:\d\d", "…", text)  # when the part began
