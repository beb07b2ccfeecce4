"""The app's start-up: a database that has just been migrated gets what the settings seed."""

from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps


class RoomsConfig(AppConfig):
    """Who may speak, when, and in which room."""

    name = "rooms"

    def ready(self) -> None:
        """Every start of a stack migrates first, so what changed in the settings is followed from then on."""
        from django.db.models.signals import post_migrate

        post_migrate.connect(_seed, sender=self, dispatch_uid="rooms.seed")


def _seed(sender: AppConfig, apps: Apps = apps, **_: Any) -> None:
    from rooms.seed import settings_event

    try:
        apps.get_model("rooms", "Event")
    except LookupError:
        return  # migrated back to before there were events
    settings_event()
