"""What this wire has beside its socket."""

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """That this process answers; whether captions can be made is `GET /health`."""
    return JsonResponse({"status": "ok"})


urlpatterns = [path("healthz", healthz)]
