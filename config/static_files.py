"""Static files by WhiteNoise, in the same process, compressed once."""

from __future__ import annotations

import gzip
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware

TEXT = ("text/", "image/svg", "application/json")
COMPRESSED_KEPT = 256  # files; all of them together are a few hundred kilobytes


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # it has no types
    """Whole files, which are small: a file that is streamed in pieces costs an ASGI server a thread for each, and a warning.

    What nobody has collected and compressed is found where it lies, and compressed when it is asked for first.
    """

    def add_files(self, root: str | Path, prefix: str | None = None) -> None:
        """STATIC_ROOT is there in images alone."""
        if Path(root).is_dir():
            super().add_files(root, prefix)

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """As the base class, with the file read."""
        answer = static_file.get_response(request.method, request.META)
        body = b""
        if answer.file is not None:
            with answer.file:
                body = answer.file.read()
        response = HttpResponse(body, status=int(answer.status))
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        if response.status_code == HTTPStatus.OK and response.headers.get("Content-Type", "").startswith(
            TEXT
        ):
            patch_vary_headers(response, ("Accept-Encoding",))
            if body and "gzip" in request.headers.get("Accept-Encoding", ""):
                response.content = _compressed(body)
                response["Content-Encoding"] = "gzip"
                response["Content-Length"] = str(len(response.content))
        return response


@lru_cache(maxsize=COMPRESSED_KEPT)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
