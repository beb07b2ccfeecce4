"""URLs of this server."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config.health import health
from config.metrics import metrics

api: list[URLPattern | URLResolver] = [path("health", health), path("", include("gateways.conference.urls"))]
urlpatterns = [
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("", include("gateways.captions.urls")),
    path("", include(api)),
    path("backend/", include(api)),
]
