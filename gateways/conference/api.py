"""The conference wire's edge: bodies in, refusals out, by django-ninja; one table from error to HTTP status.

The library's own answers (422, plain-text 405, a traceback) are none that clients of this wire know, so they are replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import URLPattern
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja import errors as ninja_errors
from ninja.params.models import Body as NinjaBody
from ninja.params.models import BodyModel
from pydantic_core import from_json

from gateways.conference import words
from gateways.conference.wire import RefusalView
from rooms import errors
from rooms.errors import BadInput, DomainError

MAX_BODY_BYTES = 64 * 1024
RETRY_AFTER_S = 1


class BodyTooLarge(BadInput):
    """More bytes than any client of this wire has a reason to send."""


class LoginRefused(DomainError):
    """Its page has words of its own for 503 alone, and shows the bare status of any other."""


# By code first, then by class; what is in neither is "not ready".
STATUS_BY_CODE = {"too_many_attempts": 429, "too_many_votes": 429, "method_not_allowed": 405}
STATUS_BY_CLASS: list[tuple[type[DomainError], int]] = [
    (BodyTooLarge, 413),
    (BadInput, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
]
NOT_READY = 503


REFUSED_BECAUSE = {
    400: "The body cannot be used",
    401: "No key or password, or a wrong one",
    403: "This key or password may not",
    404: "There is no such thing",
    409: "Not in the present state of things",
    413: f"The body is larger than {MAX_BODY_BYTES} bytes",
    429: "Too many wrong passwords, or votes, came from this address",
    NOT_READY: "Not ready; from /login also: a wrong password, or too little power",
}


def refusals(*statuses: int) -> dict[Any, Any]:
    """For a route's `response`: what it may refuse with, besides what every route may."""
    return {(*statuses, NOT_READY): RefusalView}


class JsonBodyModel(BodyModel):
    """A JSON object whatever the content type says; nothing counts as {}."""

    @classmethod
    def get_request_data(cls, request: HttpRequest, api: NinjaAPI, path_params: Any) -> dict[str, Any]:
        """Raises BadInput, BodyTooLarge."""
        return {cls.__read_from_single_attr__: _json_object(request)}


class JsonBody(NinjaBody):  # type: ignore[misc]  # as the library's own parameters
    """A view's argument that is this wire's body."""

    _model = JsonBodyModel

    @classmethod
    def _param_source(cls) -> str:
        return "body"


class ConferenceAPI(NinjaAPI):
    """django-ninja with this wire's refusals."""

    def get_content_type(self) -> str:
        """Without a charset, as ever."""
        return "application/json"

    def get_openapi_operation_id(self, operation: Any) -> str:
        """A view's name, which is one of its kind here."""
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> Any:
        """Paths from the root; the same are under /backend. Refusals stand in it once, in the same words for any Python."""
        schema = super().get_openapi_schema(path_prefix=path_prefix or "", path_params=path_params)
        named = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/RefusalView"}}}}
        schema["components"]["responses"] = {
            str(status): {"description": why, **named} for status, why in REFUSED_BECAUSE.items()
        }
        for operation in (one for path in schema["paths"].values() for one in path.values()):
            for status in operation["responses"].keys() & REFUSED_BECAUSE.keys():
                operation["responses"][status] = {"$ref": f"#/components/responses/{status}"}
        return schema

    def set_default_exception_handlers(self) -> None:
        """Ours alone: what is not a refusal is Django's to answer and to log."""
        self.add_exception_handler(DomainError, _refuse)
        self.add_exception_handler(ninja_errors.ValidationError, _refuse_fields)
        for unreachable in (OperationalError, InterfaceError):
            self.add_exception_handler(unreachable, _refuse_unready)

    @property
    def patterns(self) -> list[URLPattern]:
        """The routes, to be included at the root and under /backend; no page at "" and none of the schema."""
        found = (entry for entry in self.urls[0] if isinstance(entry, URLPattern))
        routes = [entry for entry in found if entry.name != "api-root"]
        for entry in routes:
            entry.callback = _finished(entry.callback)
        return routes


def status_of(error: DomainError) -> int:
    """The HTTP status of a refusal."""
    by_class = next((status for kind, status in STATUS_BY_CLASS if isinstance(error, kind)), NOT_READY)
    return STATUS_BY_CODE.get(error.code, by_class)


def failure(error: DomainError) -> JsonResponse:
    """A refusal in this wire's shape; where waiting helps, for how long."""
    response = JsonResponse(RefusalView(detail=words.detail(error)).model_dump(), status=status_of(error))
    if error.retry:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _refuse(request: HttpRequest, error: Any) -> HttpResponse:
    return failure(error)


def _refuse_unready(request: HttpRequest, error: Any) -> HttpResponse:
    return failure(DomainError("not_ready", retry=True))


def _refuse_fields(request: HttpRequest, error: Any) -> HttpResponse:
    """The first field that is missing or wrong: its place is ("body", the argument's name, the field)."""
    _, _, *field = error.errors[0]["loc"]
    return failure(BadInput("bad_field", field=str(field[0])))


def _json_object(request: HttpRequest) -> dict[str, Any]:
    try:
        data = request.body
    except RequestDataTooBig:
        raise BodyTooLarge("body_too_large") from None
    if len(data) > MAX_BODY_BYTES:
        raise BodyTooLarge("body_too_large")
    try:
        body = from_json(data.strip() or b"{}")
    except ValueError:
        raise BadInput("malformed_body") from None
    if not isinstance(body, dict):
        raise BadInput("malformed_body")
    return body


def _finished(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view, with a refusal of this wire for a method that it has not; nothing may be cached."""

    @csrf_exempt  # no cookie is read
    @wraps(view)
    def wrapped(request: HttpRequest, **captured: Any) -> HttpResponse:
        response = view(request, **captured)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = sorted(response["Allow"].split(", "))
            response = failure(DomainError("method_not_allowed"))
            response["Allow"] = ", ".join(allowed)
        patch_cache_control(response, no_store=True)
        return response

    return wrapped
