"""The app's start-up: nothing is migrated, and so no stack starts, on a database that is half restored."""

from django.apps import AppConfig, apps


class OpsConfig(AppConfig):
    """Running, breaking, measuring and keeping a whole stack."""

    name = "ops"

    def ready(self) -> None:
        """Every start of a stack migrates first."""
        from django.db.models.signals import pre_migrate

        from ops.backup.restore import refuse_half_restored

        pre_migrate.connect(
            refuse_half_restored, sender=apps.get_app_config("rooms"), dispatch_uid="ops.half_restored"
        )
