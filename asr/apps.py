"""The app's start-up."""

from typing import Any

from django.apps import AppConfig


class AsrConfig(AppConfig):
    """Sound to sentences."""

    name = "asr"

    def ready(self) -> None:
        """Kinds without a room register; what a session counted stays counted when its row is deleted."""
        from django.db.models.signals import post_delete

        from asr.kinds import register
        from asr.models import Session
        from asr.streams import StreamKind

        register(Session.Kind.MEETING, StreamKind(one_speaker=False))
        register(Session.Kind.STREAM, StreamKind(one_speaker=True))

        post_delete.connect(_remember, sender=Session, dispatch_uid="asr.remember_counters")


def _remember(sender: Any, instance: Any, **_: Any) -> None:
    from asr.sessions import remember_counters

    remember_counters(instance)
