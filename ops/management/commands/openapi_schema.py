"""Prints the schema of a wire's HTTP routes: `manage.py openapi_schema conference > docs/openapi/conference.json`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gateways.conference.views import api as conference

APIS = {"conference": conference}


def schema_text(wire: str) -> str:
    """The schema as it stands in docs/openapi."""
    return json.dumps(APIS[wire].get_openapi_schema(), indent=2, ensure_ascii=False) + "\n"


class Command(BaseCommand):
    """OpenAPI, as the routes and bodies in the code make it."""

    help = "Print the OpenAPI schema of a wire's HTTP routes (docs/openapi)."

    def add_arguments(self, parser: CommandParser) -> None:
        """The wire."""
        parser.add_argument("wire", choices=sorted(APIS))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(schema_text(options["wire"]), ending="")
