"""The app's start-up: a database that has just been migrated gets what the settings seed."""

from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps


class RoomsConfig(AppConfig):
    """Who may speak, when, and in which room."""

    name = "rooms"

    def ready(self) -> None:
        """Every start of a stack migrates first, so what changed in the settings is followed from then on."""
        from django.contrib import admin
        from django.contrib.auth import get_user_model
        from django.db.models.signals import post_delete, post_migrate, post_save, pre_delete

        from rooms import known_rooms
        from rooms.models import Room

        post_migrate.connect(_seed, sender=self, dispatch_uid="rooms.seed")
        from rooms.admin_login import AdminLoginForm

        admin.site.login_form = AdminLoginForm
        for changed in (post_save, post_delete):
            changed.connect(known_rooms.forget, sender=Room, dispatch_uid="rooms.known_rooms")
        pre_delete.connect(_erase, sender=get_user_model(), dispatch_uid="rooms.erase_person")


def _seed(sender: AppConfig, apps: Apps = apps, **_: Any) -> None:
    from rooms.access import end_stale_keys
    from rooms.people import seed_people
    from rooms.seed import settings_event

    try:
        apps.get_model("rooms", "SeededLogin")
    except LookupError:
        return  # migrated back to before there were people
    settings_event()
    seed_people()
    end_stale_keys()


def _erase(sender: Any, instance: Any, **_: Any) -> None:
    from rooms.erasure import erase

    erase(instance)
