"""The conference wire's HTTP routes; config/urls.py serves them at the root and under /backend."""

from gateways.conference.views import api

urlpatterns = api.patterns
