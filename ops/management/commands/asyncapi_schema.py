"""Prints the schema of a wire's sockets: `manage.py asyncapi_schema captions > docs/asyncapi/captions.json`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.api_documents import ASYNCAPI, document_text


class Command(BaseCommand):
    """AsyncAPI, as the messages' types in the code make it."""

    help = "Print the AsyncAPI schema of a wire's sockets (docs/asyncapi)."

    def add_arguments(self, parser: CommandParser) -> None:
        """The wire."""
        parser.add_argument("wire", choices=sorted(ASYNCAPI))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(document_text(ASYNCAPI[options["wire"]]()), ending="")
