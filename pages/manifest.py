"""What makes the pages installable: the web manifest. Its icons are drawn once, static/icons."""

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control

COLOUR = "#0f1c24"


@cache_control(max_age=3600, public=True)
def manifest(request: HttpRequest) -> JsonResponse:
    """https://www.w3.org/TR/appmanifest/"""
    icons = [
        {"src": static("icons/icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        {"src": static("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"},
        {"src": static("icons/icon-512.png"), "sizes": "512x512", "type": "image/png"},
        {"src": static("icons/icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
    ]
    described = {
        "id": "/",
        "name": "Souffleur",
        "short_name": "Souffleur",
        "description": _("Live captions of the talks"),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": COLOUR,
        "theme_color": COLOUR,
        "icons": icons,
    }
    return JsonResponse(described, content_type="application/manifest+json")


urlpatterns = [path("manifest.webmanifest", manifest, name="manifest")]
