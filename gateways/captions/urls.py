"""The HTTP routes of this wire."""

from django.urls import path

from gateways.captions.sse import hall_events, room_events

urlpatterns = [
    path("captions/<str:code>/events", room_events),
    path("captions/hall/<str:slug>/events", hall_events),
]
