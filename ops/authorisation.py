"""Who may do what: a row for each route, socket action and admin action, compared with what the code serves (docs/authorisation.md).

What stands here is tried by ops/tests/test_authorisation.py and test_authorised_sockets.py, role by role. A route that has no row fails there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import PathView

ROLES: Final = ("anonymous", "viewer", "host", "other host", "operator", "admin")
ALL: Final = frozenset(ROLES)
HOSTS: Final = frozenset({"host", "other host", "operator", "admin"})
OWNER: Final = frozenset({"host", "admin"})
OPERATORS: Final = frozenset({"operator", "admin"})
ADMINS: Final = frozenset({"admin"})
NOBODY: Final = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Row:
    """Who may; the others are refused (401, 403, or a page that asks to sign in). `note`: what is behind it."""

    action: str
    allowed: frozenset[str]
    note: str = ""


HTTP: Final = (
    Row("GET /metrics", ALL, "this machine, or METRICS_TOKEN"),
    Row("GET /health", ALL), Row("GET /ready", ALL, "load balancers"),
    Row("GET /healthz", ALL, "older names of the same"),
    Row("GET /api/docs", ALL), Row("GET /api/docs/{kind}/{name}", ALL), Row("GET /api/docs/{kind}/{name}.json", ALL),
    Row("GET /captions/{code}/events", ALL), Row("GET /captions/hall/{slug}/events", ALL),
    Row("POST /login", ALL, "a password gives a key; page: GET"), Row("GET /login", ALL),
    Row("POST /auth", HOSTS, "whose key it is"), Row("POST /validate", HOSTS, "whose key it is"),
    Row("GET /room_list", ALL), Row("HEAD /room_list", ALL), Row("GET /vote", ALL), Row("HEAD /vote", ALL),
    Row("POST /vote/{code}", ALL, "VOTES_PER_MINUTE an address"), Row("GET /vote/{code}/add", ALL, "the same"),
    Row("GET /vote/{code}/remove", ALL, "the same"),
    Row("GET /transcript_list", ALL, "lists what the caller may read"), Row("POST /transcript_list", ALL, "the same"),
    Row("GET /room/{code}/transcript/{lang}", OWNER, "of a part that is not public; by key in the body"),
    Row("POST /room/{code}/transcript/{lang}", OWNER, "the same"),
    Row("POST /room/{code}/close", ADMINS, "by key or password"),
    Row("POST /v1/audio/transcriptions", HOSTS, "a key of ours"), Row("GET /v1/models", HOSTS, "a key of ours"),
    Row("GET /v1/models/{name}", HOSTS, "a key of ours"),
    Row("POST /api/vote/{code}", ALL, "one a browser; VOTES_PER_MINUTE an address"),
    Row("GET /api/room/{code}/about", ALL), Row("GET /api/screen/version", ALL),
    Row("GET /api/host/{code}", HOSTS), Row("POST /api/host/{code}/consent", HOSTS, "their own"),
    Row("POST /api/host/{code}/end", OWNER), Row("POST /api/host/{code}/seen", frozenset({"host"})),
    Row("POST /api/host/{code}/withdraw", HOSTS, "their own consents alone"),
    Row("POST /api/host/{code}/sentence", OWNER),
    Row("GET /api/live", OPERATORS), Row("POST /api/live/{code}/open", OPERATORS), Row("POST /api/live/{code}/restart", OPERATORS),
    Row("POST /api/live/{code}/close", OPERATORS), Row("POST /api/live/{code}/message", OPERATORS),
    Row("GET /api/live/{code}/translation", OPERATORS), Row("PUT /api/live/{code}/translation", OPERATORS),
    Row("GET /room/{code}/terms", HOSTS), Row("GET /api/room/{code}/terms", HOSTS), Row("PUT /api/room/{code}/terms", HOSTS),
    Row("POST /api/room/{code}/terms/proposals", HOSTS),
    Row("GET /api/transcripts/{code}/sentence", OWNER), Row("POST /api/transcripts/{code}/correct", OWNER),
    Row("POST /api/transcripts/{code}/remove", OWNER),
    Row("GET /api/", ALL, "says that nothing is there"),
    Row("GET /", ALL), Row("POST /login/form", ALL, "a password opens a session"), Row("GET /logout", ALL), Row("POST /theme", ALL), Row("POST /language", ALL),
    Row("GET /manifest.webmanifest", ALL),
    Row("GET /room/{code}", ALL), Row("GET /room/{code}/qr.svg", ALL), Row("GET /hall/{slug}", ALL), Row("GET /room/{code}/screen", ALL),
    Row("GET /room/{code}/host", HOSTS), Row("GET /room/{code}/type", HOSTS), Row("GET /live", OPERATORS),
    Row("GET /transcripts", ALL, "lists what the caller may read"),
    Row("GET /room/{code}/transcript", OWNER, "of a part that is not public"),
    Row("GET /room/{code}/transcript.{form}", OWNER, "of a part that is not public"),
    Row("GET /demo/echo", ALL), Row("GET /demo/interpreter", ALL), Row("GET /demo/meetings", HOSTS),
    Row("GET /demo/meetings/sample.wav", ALL),
)  # fmt: skip


def http_actions() -> set[str]:
    """METHOD /path of everything that is served over HTTP but the admin's pages; /backend is the same again."""
    found = set()
    for path, route in _walk(get_resolver().url_patterns):
        if path.startswith(("admin/", "backend/")):
            continue
        view = _path_view(route.callback)
        methods = {method for each in view.operations for method in each.methods} if view else set()
        shown = f"/{path}".replace("<str:", "<").replace("<path:", "<").replace("<", "{").replace(">", "}")
        found |= {f"{method} {shown}" for method in methods} or {shown}
    return found


def without_row() -> set[str]:
    """What is served and has no row; plain views may have any method."""
    named = {row.action for row in HTTP}
    paths = {action.partition(" ")[2] for action in named}
    return {action for action in http_actions() if action not in (named if " " in action else paths)}


def admin_actions() -> list[Row]:
    """Each model's pages and actions: all of the admin is for its staff, by Django's permissions.

    What a page does not offer to anybody (rows that processes write) has no row.
    """
    request = HttpRequest()
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    rows = [
        Row("GET /admin/", ADMINS),
        Row("POST /admin/login/", ALL),
        Row("POST /admin/password_change/", ADMINS),
    ]
    for model, page in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label):
        offers = {
            "look": page.has_view_permission(request),
            "add": page.has_add_permission(request),
            "change": page.has_change_permission(request),
            "delete": page.has_delete_permission(request),
        }
        rows += [Row(f"{model._meta.label}: {name}", ADMINS) for name, offered in offers.items() if offered]
        rows += [Row(f"{model._meta.label}: {name}", ADMINS) for name in _names(page.actions)]
    return rows


def _names(actions: Any) -> list[str]:
    return sorted(each if isinstance(each, str) else each.__name__ for each in actions or ())


def _walk(patterns: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _walk(each.url_patterns, path)
        else:
            yield path, each


def _path_view(callback: Any) -> PathView | None:
    """django-ninja's, from the closures that it is wrapped in."""
    seen = [callback]
    while seen:
        each = seen.pop()
        if isinstance(each, PathView):
            return each
        cells = [cell.cell_contents for cell in getattr(each, "__closure__", None) or ()]
        seen += [cell for cell in cells if isinstance(cell, PathView) or hasattr(cell, "__closure__")]
        if hasattr(each, "__wrapped__"):
            seen.append(each.__wrapped__)
    return None


SOCKETS: Final = (
    Row("/room/{room}/client/…: read", ALL),
    Row("/room/{room}/host/…: open a room", HOSTS, "a key or a password, terms agreed to"),
    Row("/room/{room}/host/…: speak in a live room", frozenset({"host"}), "the same key, or the same personal login, beside the connection's id"),
    Row("/room/{room}/host/…: come back in the grace period", frozenset({"host", "admin"}), "others after HOST_RETURN_S, in a part of their own"),
    Row("/room/{room}/host/…: restart the engine", frozenset({"host"}), "of its own socket alone"),
    Row("/captions/{room}: read, resume, change the language", ALL),
    Row("/captions/hall/{hall}: read", ALL),
    Row("/captions/{room}/type: take the pen, type, undo, correct, open, close", HOSTS, "a session of our pages"),
    Row("/v1/listen: speak", HOSTS, "a key of ours"), Row("/v1/realtime: speak", HOSTS, "a key of ours"),
    Row("/streaming-whisper/ws/{meeting}: speak", HOSTS, "a token of the public keys, or a session of our page"),
    Row("/v1/transcribe: speak", ALL, "as the system that it stands for; leave it out by WIRES"),
    Row("/ws/audio: speak", ALL, "the same"), Row("/ws-audio: hear oneself", ALL, "ECHO_MAX_CLIENTS"),
)  # fmt: skip
SOCKET_ROUTES: Final = {  # each route of the wires, and the first words of its rows
    r"^captions/hall/": "/captions/hall/", r"^captions/(?P<room>[^/]*)/type": "/captions/{room}/type", r"^captions/(?P<room>": "/captions/{room}:",
    r"^(?:backend/)?room/": "/room/{room}/", r"^v1/listen": "/v1/listen", r"^ws-audio": "/ws-audio", r"^ws/audio": "/ws/audio",
    r"^streaming-whisper/ws/": "/streaming-whisper/ws/", r"^v1/realtime": "/v1/realtime", r"^v1/transcribe": "/v1/transcribe",
}  # fmt: skip


def sockets_without_row() -> set[str]:
    """Routes of sockets that no row speaks of."""
    from config import wires

    patterns = {str(route.pattern) for route in wires.socket_routes()}
    named = {
        begin
        for begin, words in SOCKET_ROUTES.items()
        if any(row.action.startswith(words) for row in SOCKETS)
    }
    return {pattern for pattern in patterns if not any(pattern.startswith(begin) for begin in named)}


def document() -> str:
    """The page, in Markdown."""
    lines = [
        "# Who may do what", "",
        "Made by `DEBUG=1 manage.py authorisation_table > docs/authorisation.md`; ops/tests/test_authorisation.py and test_authorised_sockets.py try the rows role by role.",
        "A viewer is a browser without a login. `host` hosts the room that is meant, `other host` another one with a login of their own; the room's",
        "text is stored and not public. An operator is of the group `operators`, an admin of the group `admins`, and staff in the admin.",
        "Of Django's admin: what has no row is nobody's.",
        "Over gRPC anybody may speak, as with the system that it stands for: publish its ports to those alone who may.",
    ]  # fmt: skip
    for title, rows in (("HTTP", HTTP), ("Sockets", SOCKETS), ("Django's admin", admin_actions())):
        lines += [
            "",
            f"## {title}",
            "",
            f"| action | {' | '.join(ROLES)} | |",
            f"|---{'|---' * len(ROLES)}|---|",
        ]
        for row in rows:
            may = " | ".join("yes" if role in row.allowed else "" for role in ROLES)
            lines.append(f"| `{row.action}` | {may} | {row.note} |")
    return "\n".join(lines) + "\n"
