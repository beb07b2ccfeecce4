"""What a session of a room has beside what all sessions have."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from asr.models import Session
from rooms.models import Room
from transcripts.models import Part


class RoomSession(models.Model):
    """A session's room, part, host and grace. Its row is written with the session's row locked.

    Exceptions are the renewal of a host's presence, one UPDATE that says itself what must still hold, and the note of
    the last error, which no decision depends on.
    A restart or another language ends this session and begins the next, which takes over host, viewers and broadcast.
    """

    session = models.OneToOneField(
        Session, on_delete=models.CASCADE, primary_key=True, related_name="room_session"
    )
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="sessions")
    part = models.ForeignKey(Part, on_delete=models.CASCADE, related_name="sessions")
    is_open = models.BooleanField(default=True, help_text="The session is starting or live.")
    replaced = models.BooleanField(default=False, help_text="Another session goes on with the room.")
    closed_to_viewers_at = models.DateTimeField(
        null=True, blank=True, help_text="Everybody was sent away, though text was still to come."
    )
    host_connection_id = models.CharField(max_length=36, blank=True)
    host_seen_at = models.DateTimeField(null=True, blank=True, help_text="Null: no host is connected.")
    host_key = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="Hash of its login key; empty after a plain password.",
    )
    earlier_host_keys = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        editable=False,
        help_text="Those that `host_key` replaced, newest last: who comes back keeps what it said.",
    )
    host_fence = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Rises when another host takes the host lease: the older one writes no audio.",
    )
    host_left = models.BooleanField(default=False, editable=False, help_text="It gave its lease up.")
    grace_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(
        max_length=40, blank=True, help_text="Code of what its host was told last (asr/rooms/last_error.py)."
    )
    last_error_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-session_id",)
        constraints = (
            models.UniqueConstraint(
                fields=["room"], condition=Q(is_open=True), name="one_open_session_per_room"
            ),
        )

    def __str__(self) -> str:
        return f"{self.room.code} session {self.session_id}"


class HostMessage(models.Model):
    """What an operator tells whoever hosts a room. Few are kept, and not for long (asr/rooms/messages.py)."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="host_messages")
    text = models.CharField(max_length=280)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    sent_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="The host's page said that it was read.")

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.room.code} message {self.pk}"


class Pen(models.Model):
    """A person's lease on the spoken track of a room, taken once: while it lasts the recogniser writes nothing there.

    Each taking is a row of its own and its key the generation: who shows another one, or shows it too late, writes
    nothing. What was written stays known, so that a recogniser that hears it later leaves it out.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="pens")
    part = models.ForeignKey(
        Part, on_delete=models.CASCADE, related_name="pens", help_text="Spoken when it was taken."
    )
    token = models.CharField(max_length=36, editable=False, help_text="Its holder shows it.")
    taken_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(help_text="Unless its holder goes on.")
    written_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Up to then what is spoken is its holder's: a sentence of theirs is stored, or they keep the pen.",
    )
    released_at = models.DateTimeField(null=True, blank=True)
    yielded_at = models.DateTimeField(
        null=True, blank=True, help_text="When the recogniser had ended its unfinished sentence."
    )
    from_ms = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Where that sentence ended: what is spoken from there on is the holder's.",
    )

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=["room"], condition=Q(released_at=None), name="one_pen_per_room"),
        )

    def __str__(self) -> str:
        return f"{self.room.code} pen {self.pk}"

    @property
    def is_held(self) -> bool:
        """Whether its holder may write now."""
        return self.released_at is None and self.expires_at > timezone.now()
