"""The HTTP routes of this wire."""

from django.urls import path

from gateways.captions.sse import events

urlpatterns = [path("captions/<str:code>/events", events)]
