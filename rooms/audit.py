"""Who did what to a room by hand: the admin's own log, so that a room's history there tells all of it."""

from django.contrib.admin.models import CHANGE, LogEntry

from rooms.models import Room


def note_act(user_id: int, room: Room, act: str) -> None:
    """Write down that this person did this; call in the transaction of what was done. `act`: what, without text of people."""
    LogEntry.objects.log_actions(user_id, Room.objects.filter(pk=room.pk), CHANGE, act, single_object=True)
