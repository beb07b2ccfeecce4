"""The app."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """The pages."""

    name = "pages"
