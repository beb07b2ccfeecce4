"""Prints the schema of a wire's HTTP routes: `manage.py openapi_schema conference > docs/openapi/conference.json`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.api_documents import OPENAPI, document_text


class Command(BaseCommand):
    """OpenAPI, as the routes and bodies in the code make it."""

    help = "Print the OpenAPI schema of a wire's HTTP routes (docs/openapi)."

    def add_arguments(self, parser: CommandParser) -> None:
        """The wire."""
        parser.add_argument("wire", choices=sorted(OPENAPI))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(document_text(OPENAPI[options["wire"]]()), ending="")
