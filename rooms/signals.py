"""What rooms tells the layers above."""

from django.dispatch import Signal

# A room's talk became do-not-record; sent after the commit. Keyword: room (rooms.models.Room).
recording_forbidden = Signal()
