"""The gateways that this deployment serves, and what each of them brings: sockets, message bounds, URLs.

A gateway is a folder of gateways/ with a `routing` (`websocket_urlpatterns`), and where it needs them a `limits` (`MESSAGE_BOUNDS`,
`BODY_BOUNDS`), `urls` (`urlpatterns`) and `metrics` (`COLLECTORS`).
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from django.conf import settings

from gateways.common.limits import MessageBound
from pages import limits

ALWAYS: Final = ("captions", "conference")
OPTIONAL: Final[tuple[str, ...]] = (  # a deployment may leave these out
    "deepgram",
    "echo",
    "interpreter",
    "meetings",
    "openai",
    "speech",
)


def names() -> tuple[str, ...]:
    """Folders of the gateways that are served."""
    return (*ALWAYS, *settings.ENV.wires)


def socket_routes() -> list[Any]:
    """Of all wires."""
    return _all("routing", "websocket_urlpatterns", names())


def message_bounds() -> list[MessageBound]:
    """Of all wires, served or not: the first that matches holds. Needs no settings."""
    return _all("limits", "MESSAGE_BOUNDS", (*ALWAYS, *OPTIONAL))


def body_bounds() -> list[MessageBound]:
    """The same for bodies of HTTP requests that may be longer than all others, those of pages too."""
    of_pages = [MessageBound(path, size_bytes) for path, size_bytes in limits.BODY_BOUNDS]
    return [*of_pages, *_all("limits", "BODY_BOUNDS", (*ALWAYS, *OPTIONAL))]


def optional_urls() -> list[Any]:
    """Of the wires that a deployment may leave out."""
    return _all("urls", "urlpatterns", tuple(settings.ENV.wires))


def collectors() -> list[Any]:
    """What /metrics tells of this process's wires."""
    return _all("metrics", "COLLECTORS", names())


def _all(module: str, attribute: str, wires: tuple[str, ...]) -> list[Any]:
    modules = (f"gateways.{wire}.{module}" for wire in wires)
    found = (import_module(name) for name in modules if find_spec(name))
    return [each for module in found for each in getattr(module, attribute, ())]
