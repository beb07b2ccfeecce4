"""The app's start-up: catalogues of translated texts are compiled where they are not yet."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Settings and composition."""

    name = "config"

    def ready(self) -> None:
        """Before the first text is looked up."""
        from config import catalogues

        catalogues.compile_missing()
