"""This wire over HTTP (docs/wires/ecosystem.md): parse, transcribe, encode."""

from __future__ import annotations

from typing import Annotated, Any, BinaryIO, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import File, Form, Schema
from ninja.files import UploadedFile
from pydantic import Field

from asr.selectors import live_models
from asr.stream_options import StreamOptions
from gateways.openai import formats, models, wire
from gateways.openai.api import OpenAIAPI, RefusalView, bearer
from gateways.openai.files import transcribe
from gateways.openai.formats import Granularity, ResponseFormat
from gateways.openai.limits import FILE_BYTES
from gateways.openai.refusals import Refusal
from gateways.openai.speech import source_lang
from rooms.database_threads import handshakes
from rooms.errors import BadInput

CREATED = 1_677_532_384  # of a model's name; SDKs want a number
api = OpenAIAPI(
    title="Souffleur, OpenAI's audio API",
    description="Files in, text out, in OpenAI's shape; the socket /v1/realtime: docs/asyncapi/openai.json.",
    urls_namespace="openai_api",
    docs_url=None,
    openapi_url=None,
)


class ModelView(Schema):
    """A name that may be asked for."""

    id: str
    object: str = "model"
    created: int = CREATED
    owned_by: str = "souffleur"


class ModelListView(Schema):
    """All of them."""

    object: str = "list"
    data: list[ModelView]


class TranscriptionForm(Schema):
    """What comes beside the file; what newer clients send besides is ignored."""

    model: str = Field(max_length=100)
    language: str | None = Field(default=None, max_length=16)
    prompt: str | None = Field(default=None, max_length=wire.MAX_PROMPT_CHARS)
    response_format: ResponseFormat = "json"
    stream: bool | None = Field(default=None, description="Refused where it is true.")


REFUSALS: dict[Any, Any] = {(400, 401, 403, 404, 413, 429, 500, 503): RefusalView}
ANSWERS: dict[str, Any] = {
    "responses": {
        200: {
            "description": "What was said",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        }
    }
}


@api.post(
    "/v1/audio/transcriptions",
    auth=bearer,
    operation_id="transcribe",
    response=REFUSALS,
    openapi_extra=ANSWERS,
)
async def transcriptions(
    request: HttpRequest,
    form: Form[TranscriptionForm],
    file: File[UploadedFile],
    granularities: Annotated[list[Granularity], Form(alias="timestamp_granularities[]", max_length=2)] = [],  # noqa: B006
    languages: Annotated[list[str], Form(alias="languages[]", max_length=20)] = [],  # noqa: B006
    keywords: Annotated[list[str], Form(alias="keywords[]", max_length=wire.MAX_KEYWORDS)] = [],  # noqa: B006
    include: Annotated[list[str], Form(alias="include[]", max_length=20)] = [],  # noqa: B006
) -> HttpResponse:
    """A file's text: flac, mp3, mp4, m4a, ogg, wav, webm and others, of 25 MB and two hours at most."""
    models.check(form.model, served=await _served(), param="model")
    if form.stream:
        raise Refusal("no_file_streams", param="stream")
    if granularities and form.response_format != "verbose_json":
        raise Refusal("timestamps_need_verbose", param="timestamp_granularities")
    if (file.size or 0) > FILE_BYTES:
        raise Refusal("file_too_large", param="file", limit_bytes=FILE_BYTES)
    lang, options = source_lang(form.language, languages), _options(form.prompt, keywords)
    said = await transcribe(cast(BinaryIO, file.file), source_lang=lang, options=options)
    if form.response_format == "json":
        return JsonResponse(formats.as_json(said, with_logprobs="logprobs" in include))
    if form.response_format == "verbose_json":
        return JsonResponse(formats.as_verbose_json(said, granularities))
    return HttpResponse(formats.as_text(said, form.response_format), content_type="text/plain; charset=utf-8")


@api.get(
    "/v1/models", auth=bearer, operation_id="models", response={200: ModelListView, (401, 503): RefusalView}
)
async def model_list(request: HttpRequest) -> ModelListView:
    """Names that may be asked for; all of them mean the model that is served."""
    return ModelListView(data=[ModelView(id=name) for name in models.names(await _served())])


@api.get(
    "/v1/models/{path:name}",
    auth=bearer,
    operation_id="model",
    response={200: ModelView, (401, 404, 503): RefusalView},
)
async def model(request: HttpRequest, name: str) -> ModelView:
    """One of them."""
    models.check(name, served=await _served(), param="model")
    return ModelView(id=name)


async def _served() -> list[str]:
    return sorted(await handshakes(live_models)())


def _options(prompt: str | None, keywords: list[str]) -> StreamOptions:
    try:
        return StreamOptions(prompt=prompt or "", keywords=tuple(keywords))
    except BadInput as error:
        raise Refusal("invalid_value", param=str(error.parameters.get("option", "prompt"))) from None
