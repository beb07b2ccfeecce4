"""The conference wire's edge: methods, errors as JSON, one table from error to HTTP status."""

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt

from gateways.conference import words
from gateways.conference.wire import BodyTooLarge
from rooms import errors
from rooms.errors import DomainError

View = Callable[..., HttpResponse]

# By code first, then by class; what is in neither is "not ready".
STATUS_BY_CODE = {"too_many_attempts": 429}
STATUS_BY_CLASS: list[tuple[type[DomainError], int]] = [
    (BodyTooLarge, 413),
    (errors.BadInput, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
]
NOT_READY = 503
RETRY_AFTER_S = 1


def status_of(error: DomainError) -> int:
    """The HTTP status of a refusal."""
    by_class = next((status for kind, status in STATUS_BY_CLASS if isinstance(error, kind)), NOT_READY)
    return STATUS_BY_CODE.get(error.code, by_class)


def route(*methods: str, statuses: Mapping[int, int] = MappingProxyType({})) -> Callable[[View], View]:
    """A view of this wire: these methods, no CSRF (no cookie is read), refusals as JSON, nothing cached.

    `statuses`: what this route says instead of a status, for clients that know one alone.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, **captured: Any) -> HttpResponse:
            if request.method not in methods:
                response: HttpResponse = failure(405, DomainError("method_not_allowed"))
                response["Allow"] = ", ".join(methods)
            else:
                response = _answer(view, request, captured)
                response.status_code = statuses.get(response.status_code, response.status_code)
            patch_cache_control(response, no_store=True)
            return response

        return wrapped

    return decorate


def failure(status: int, error: DomainError) -> JsonResponse:
    """A refusal; clients only look at `status`."""
    return JsonResponse({"status": "fail", "detail": words.detail(error)}, status=status)


def address_of(request: HttpRequest) -> str:
    """Who is calling over HTTP."""
    return caller_address(request.META.get("REMOTE_ADDR"), request.headers.get("X-Forwarded-For", ""))


def caller_address(peer: str | None, forwarded_for: str) -> str:
    """Who is calling. X-Forwarded-For counts only behind a trusted proxy, and only what that proxy added."""
    nearest = forwarded_for.rpartition(",")[2].strip() if settings.ENV.trust_proxy else ""
    return nearest or peer or ""


def _answer(view: View, request: HttpRequest, captured: dict[str, Any]) -> HttpResponse:
    try:
        return view(request, **captured)
    except DomainError as error:
        response = failure(status_of(error), error)
    except (OperationalError, InterfaceError):
        response = failure(NOT_READY, DomainError("not_ready"))
    if response.status_code in (429, NOT_READY):
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response
