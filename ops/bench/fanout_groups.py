"""The baseline of `manage.py bench_fanout`: captions by plain Channels groups, as Channels' tutorial does it. An ASGI application.

Every socket joins the group of each of its tracks and forwards what comes. Nothing of this project's gateways is in it.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import channel_layers  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from ops.bench.fanout_speaker import SPOKEN, group, group_layer  # noqa: E402

channel_layers.set("default", group_layer())


class GroupConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One viewer."""

    async def connect(self) -> None:
        """Join the spoken track and the viewer's own."""
        lang = parse_qs(self.scope["query_string"].decode())["lang"][0]
        self.tracks = {group(self.scope["url_route"]["kwargs"]["room"], one) for one in (lang, SPOKEN)}
        for track in self.tracks:
            await self.channel_layer.group_add(track, self.channel_name)
        await self.accept()
        await self.send(text_data='{"type":"versions"}')

    async def disconnect(self, code: int) -> None:
        """Leave them."""
        for track in self.tracks:
            await self.channel_layer.group_discard(track, self.channel_name)

    async def caption(self, event: dict[str, Any]) -> None:
        """A text of one of the groups."""
        await self.send(text_data=event["text"])


application = ProtocolTypeRouter(
    {"websocket": URLRouter([re_path(r"^captions/(?P<room>[^/]*)$", GroupConsumer.as_asgi())])}
)
