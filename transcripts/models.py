"""What was said: parts, tracks, sentences."""

from django.db import models
from django.utils import timezone

from rooms.models import LANGUAGE_CODE, Room

SPEAKER_UNKNOWN = -1


class Part(models.Model):
    """One opening of a room, or one restart within it. Preferences belong to each part alone."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(help_text="Counts from 1 within the room.")
    opening = models.PositiveIntegerField(help_text="Parts of one opening share it: viewers see them as one.")
    source_lang = models.CharField(max_length=16, validators=[LANGUAGE_CODE])
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    store = models.BooleanField(help_text="False: the sentences are deleted when the room closes.")
    public = models.BooleanField(help_text="Everybody may read and download it; else its owner and admins.")
    owner = models.CharField(max_length=64, help_text="The login name that hosted it.")

    class Meta:
        ordering = ("room_id", "number")
        constraints = (models.UniqueConstraint(fields=["room", "number"], name="part_number"),)

    def __str__(self) -> str:
        return f"{self.room_id} part {self.number}"


class Track(models.Model):
    """One language of a room. `version` rises by one for every durable change, under the row's lock."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="tracks")
    lang = models.CharField(max_length=16, validators=[LANGUAGE_CODE])
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("room_id", "lang")
        constraints = (models.UniqueConstraint(fields=["room", "lang"], name="track_language"),)

    def __str__(self) -> str:
        return f"{self.room_id} {self.lang} v{self.version}"


class Sentence(models.Model):
    """A sentence in one language. Its translations have the same (part, index) in other tracks.

    Times are milliseconds since the part's first sample. `line` counts within the opening and `position`
    within the line; neither ever changes, nor does `index`: viewers merge by them.
    """

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="sentences")
    part = models.ForeignKey(Part, on_delete=models.CASCADE, related_name="sentences", db_index=False)
    index = models.PositiveIntegerField(help_text="Counts from 0 within the part.")
    line = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    speaker = models.IntegerField(default=SPEAKER_UNKNOWN)
    text = models.TextField()
    version = models.PositiveBigIntegerField(help_text="The track's version that this text came with.")
    of_version = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Version of the source sentence that this translates."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("part_id", "index")
        constraints = (models.UniqueConstraint(fields=["track", "part", "index"], name="sentence_index"),)
        indexes = (
            models.Index(fields=["track", "version"]),
            models.Index(fields=["part", "created_at"]),  # of the part's rows too
        )

    def __str__(self) -> str:
        return f"{self.track_id} part {self.part_id} #{self.index}"
