"""The edge of this wire's HTTP: forms in, refusals out in the vendor's shape, by django-ninja."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI, Schema
from ninja import errors as ninja_errors

from gateways.common.consent import require_consent
from gateways.common.keys import identified
from gateways.openai import refusals, request
from gateways.openai.refusals import Refusal
from gateways.openai.wire import Problem
from rooms.access import Identity
from rooms.errors import DomainError, Unauthenticated


class RefusalView(Schema):
    """Why not."""

    error: Problem


REFUSED_BECAUSE = {
    400: "A field is missing or cannot be used, or the file is no sound",
    401: "No key, or a wrong one",
    403: "Consent is required: `consent=1`",
    404: "There is no such model",
    413: "The file is too large",
    429: "Every slot is taken: come back",
    500: "Not the client's fault",
    503: "Not ready: come back",
}


class OpenAIAPI(NinjaAPI):
    """django-ninja with this wire's refusals."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> Any:
        """Refusals in the same words for any Python."""
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        for operation in (one for path in schema["paths"].values() for one in path.values()):
            for status, answer in operation["responses"].items():
                answer["description"] = REFUSED_BECAUSE.get(int(status), answer["description"])
        return schema

    def set_default_exception_handlers(self) -> None:
        """Ours alone: what is not a refusal is Django's to answer and to log."""
        self.add_exception_handler(DomainError, _refuse)
        self.add_exception_handler(ninja_errors.ValidationError, _refuse_field)
        for unreachable in (OperationalError, InterfaceError):
            self.add_exception_handler(unreachable, _refuse_unready)


async def bearer(asked: HttpRequest) -> Identity:
    """Who asks; only then is the form taken apart, in a thread: a file of 25 MB takes a moment. Raises DomainError."""
    key = request.key_of({name.lower(): value for name, value in asked.headers.items()})
    if not key:
        raise Unauthenticated("no_credentials")
    found = await identified(key)
    if asked.method == "POST":
        require_consent(said=request.said_consent(asked.META["QUERY_STRING"].encode()))
        await sync_to_async(_take_apart)(asked)
    return found


def failure(error: DomainError) -> JsonResponse:
    """A refusal in this wire's shape; where waiting helps, for how long."""
    found = refusals.problem(error)
    status = refusals.kind(refusals.code_of(error)).status
    response = JsonResponse(RefusalView(error=found).model_dump(), status=status)
    if status in (429, 503):
        response["Retry-After"] = str(refusals.RETRY_AFTER_S)
    response["Cache-Control"] = "no-store"
    return response


def _take_apart(asked: HttpRequest) -> None:
    try:
        asked.POST  # noqa: B018
    except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent, MultiPartParserError):
        raise Refusal("invalid_value", param="body") from None


def _refuse(asked: HttpRequest, error: Any) -> HttpResponse:
    return failure(error)


def _refuse_unready(asked: HttpRequest, error: Any) -> HttpResponse:
    return failure(DomainError("not_ready", retry=True))


def _refuse_field(asked: HttpRequest, error: Any) -> HttpResponse:
    """The first field that is missing or wrong."""
    first = error.errors[0]
    field = next(str(step) for step in reversed(first["loc"]) if isinstance(step, str))
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    return failure(Refusal(code, param=field[:100]))
