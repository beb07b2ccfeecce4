"""The actions of the pages: small JSON views under /api, one router per page module, errors as {"error": code}."""

from __future__ import annotations

from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja import errors as ninja_errors
from ninja.errors import HttpError

from rooms import errors
from rooms.errors import DomainError

STATUS_BY_CODE = {"too_many_attempts": 429, "too_many_votes": 429}
STATUS_BY_CLASS: list[tuple[type[DomainError], int]] = [
    (errors.BadInput, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
]
NOT_READY = 503


class ErrorView(Schema):
    """A refusal: a code for programs; the page has the words."""

    error: str


class PagesAPI(NinjaAPI):
    """django-ninja with refusals of one shape."""

    def set_default_exception_handlers(self) -> None:
        """What is no refusal is Django's to answer and to log."""
        self.add_exception_handler(DomainError, self._refuse)
        self.add_exception_handler(ninja_errors.AuthenticationError, self._unauthenticated)
        self.add_exception_handler(ninja_errors.ValidationError, self._malformed)
        self.add_exception_handler(HttpError, self._http)
        for unreachable in (OperationalError, InterfaceError):
            self.add_exception_handler(unreachable, self._not_ready)

    def _answer(self, request: HttpRequest, code: str, status: int) -> HttpResponse:
        response = self.create_response(request, ErrorView(error=code).dict(), status=status)
        response["Cache-Control"] = "no-store"
        return response

    def _refuse(self, request: HttpRequest, error: Any) -> HttpResponse:
        return self._answer(request, error.code, status_of(error))

    def _unauthenticated(self, request: HttpRequest, error: Any) -> HttpResponse:
        return self._answer(request, "not_signed_in", 401)

    def _malformed(self, request: HttpRequest, error: Any) -> HttpResponse:
        return self._answer(request, "bad_field", 400)

    def _http(self, request: HttpRequest, error: Any) -> HttpResponse:
        """The library's own: a body that is no JSON (400), a missing CSRF token (403)."""
        codes = {400: "malformed_body", 403: "csrf"}
        return self._answer(request, codes.get(error.status_code, "refused"), error.status_code)

    def _not_ready(self, request: HttpRequest, error: Any) -> HttpResponse:
        return self._answer(request, "not_ready", NOT_READY)


def status_of(error: DomainError) -> int:
    """The HTTP status of a refusal."""
    by_class = next((status for kind, status in STATUS_BY_CLASS if isinstance(error, kind)), NOT_READY)
    return STATUS_BY_CODE.get(error.code, by_class)
