"""The app's start-up: catalogues of translated texts are compiled where they are not yet."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Settings and composition."""

    name = "config"

    def ready(self) -> None:
        """Before the first text is looked up, and the first caption is published."""
        from django.conf import settings

        from config import catalogues

        catalogues.compile_missing()
        if settings.ENV.centrifugo_url:
            from gateways.captions.engine import Engine
            from transcripts import live

            live.publish_through(Engine(settings.ENV.centrifugo_url, settings.ENV.centrifugo_api_key).publish)
