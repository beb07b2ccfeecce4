"""The HTTP routes of this wire."""

from django.urls import URLPattern

from gateways.openai.views import api

# without the library's page at ""
urlpatterns = [entry for entry in api.urls[0] if isinstance(entry, URLPattern) and entry.name != "api-root"]
