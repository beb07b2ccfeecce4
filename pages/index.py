"""/: what is on now and next, by hall."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from asr.rooms.selectors import active_rooms
from rooms.selectors import listed_rooms


def index(request: HttpRequest) -> HttpResponse:
    """The first page."""
    active = active_rooms()
    rooms = [(room, active.get(room.pk)) for room in listed_rooms(list(active))]
    return render(request, "pages/index.html", {"rooms": rooms})


urlpatterns = [path("", index, name="index")]
