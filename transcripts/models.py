"""Parts, tracks, sentences, and the state of rooms."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from rooms.models import LANGUAGE_CODE, Consent, Room
from transcripts.encryption import EncryptedTextField

SPEAKER_UNKNOWN = -1


class Part(models.Model):
    """One broadcast of a room, or one restart within it. Preferences belong to each part alone."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(help_text="Counts from 1 within the room.")
    broadcast = models.PositiveIntegerField(
        help_text="Parts of one broadcast share it: viewers see them as one."
    )
    source_lang = models.CharField(max_length=16, validators=[LANGUAGE_CODE])
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    store = models.BooleanField(help_text="False: the sentences are deleted when the room closes.")
    public = models.BooleanField(help_text="Everybody may read and download it; else its owner and admins.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="parts",
        help_text="Who hosted it, and said what may be stored and read; empty: that person was erased.",
    )
    consent = models.ForeignKey(
        Consent,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="parts",
        help_text="By which it is recorded, and has its terms.",
    )
    encrypted = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Its texts are stored by a key of their own (transcripts/encryption.py).",
    )

    class Meta:
        ordering = ("room_id", "number")
        constraints = (models.UniqueConstraint(fields=["room", "number"], name="part_number"),)

    def __str__(self) -> str:
        return f"{self.room.code} part {self.number}"


class Track(models.Model):
    """One language of a room. `version` rises by one for every durable change, under the row's lock."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="tracks")
    lang = models.CharField(max_length=16, validators=[LANGUAGE_CODE])
    version = models.PositiveBigIntegerField(default=0)
    removals_known_from = models.PositiveBigIntegerField(
        default=0, help_text="A replay after an older version lacks removals: their tombstones are gone."
    )

    class Meta:
        ordering = ("room_id", "lang")
        constraints = (models.UniqueConstraint(fields=["room", "lang"], name="track_language"),)

    def __str__(self) -> str:
        return f"{self.room.code} {self.lang}"


class PartDeletion(models.Model):
    """A part is gone, and its tracks' versions do not say so yet (transcripts/removal.py). Lives for moments."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+")
    part = models.PositiveBigIntegerField(help_text="Its key.")
    tracks = models.JSONField(help_text="Keys of those that had something of it.")
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.room_id} part {self.part}"


class RoomState(models.Model):
    """What viewers see of a room's life. Whoever transcribes the room writes it; who follows the room reads it here."""

    class Name(models.TextChoices):
        WAITING = "waiting"  # open, but no process is ready yet
        LIVE = "live"
        GRACE = "grace"  # open, but its host is gone
        CLOSING = "closing"  # no host any more; the last sentences still come
        CLOSED = "closed"

    OPEN = (Name.WAITING, Name.LIVE, Name.GRACE)

    room = models.OneToOneField(
        Room, on_delete=models.CASCADE, primary_key=True, related_name="transcript_state"
    )
    state = models.CharField(max_length=8, choices=Name.choices)
    since = models.DateTimeField(default=timezone.now)
    broadcast = models.PositiveIntegerField(default=0)
    first_part = models.PositiveIntegerField(default=1, help_text="Number of the broadcast's first part.")
    part = models.PositiveIntegerField(default=0, help_text="Number of its newest part.")
    source_lang = models.CharField(max_length=16, blank=True)
    session = models.PositiveBigIntegerField(
        null=True, help_text="What the writer calls the stretch of audio that is open. Null: none is."
    )
    ready = models.BooleanField(default=False, help_text="A process takes the audio.")
    grace_until = models.DateTimeField(null=True, help_text="The room closes then unless a host comes.")
    leave_at = models.DateTimeField(
        null=True, help_text="Everybody is sent away then, whatever is still to come."
    )
    delay_s = models.FloatField(default=0.0, help_text="From a word to its text, as the process said last.")
    delay_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.room.code} {self.state}"


class SentenceManager(models.Manager["Sentence"]):
    """Sentences that can be read, without what was removed."""

    def get_queryset(self) -> models.QuerySet[Sentence]:
        """Without tombstones."""
        return super().get_queryset().filter(removed_at=None)


class Sentence(models.Model):
    """A sentence in one language. Its translations have the same (part, index) in other tracks.

    Times are milliseconds since the part's first sample. `line` counts within the broadcast and `position`
    within the line; neither ever changes, nor does `index`: viewers merge by them. A sentence that was removed leaves
    a tombstone, its row without text, until nobody can have missed the removal: `with_removed` has those too.
    """

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="sentences")
    part = models.ForeignKey(Part, on_delete=models.CASCADE, related_name="sentences", db_index=False)
    index = models.PositiveIntegerField(help_text="Counts from 0 within the part.")
    line = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    speaker = models.IntegerField(default=SPEAKER_UNKNOWN)
    text = EncryptedTextField()
    ends = models.BooleanField(default=True, help_text="False: it goes on in the next index.")
    version = models.PositiveBigIntegerField(help_text="The track's version that this text came with.")
    of_version = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Version of the source sentence that this translates."
    )
    key = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="What the recogniser calls it."
    )
    removed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Its text is gone.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    spoken_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its last sound came; empty: it is not known."
    )
    search_lang = models.CharField(
        max_length=16, blank=True, default="", editable=False,
        help_text="The track's language, by which its words are found (transcripts/search.py). Empty: not at all.",
    )  # fmt: skip

    objects = SentenceManager()
    with_removed = models.Manager["Sentence"]()

    class Meta:
        ordering = ("part_id", "index")
        constraints = (
            models.UniqueConstraint(fields=["track", "part", "index"], name="sentence_index"),
            models.UniqueConstraint(fields=["part", "key"], condition=~models.Q(key=""), name="sentence_key"),
        )
        indexes = (
            models.Index(fields=["track", "version"]),
            models.Index(fields=["part", "created_at"]),  # of the part's rows too
            models.Index(
                fields=["removed_at"], name="tombstones", condition=models.Q(removed_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"sentence {self.index + 1}"  # no query: a page may show thousands; no text: logs keep this

    @property
    def text_part(self) -> Part:
        """Whose key its text has."""
        return self.part


class SentenceRevision(models.Model):
    """What a person changed in a sentence. Of a removed one no earlier text is kept: who, when and why stay."""

    class Action(models.TextChoices):
        CORRECTED = "corrected"
        REMOVED = "removed"

    sentence = models.ForeignKey(Sentence, on_delete=models.CASCADE, related_name="revisions")
    action = models.CharField(max_length=9, choices=Action.choices)
    version = models.PositiveBigIntegerField(help_text="The track's version that the earlier text came with.")
    text = EncryptedTextField(blank=True, help_text="The earlier text.")
    at = models.DateTimeField(default=timezone.now, editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="sentence_revisions",
        help_text="Empty: that person was erased, or is known as `role` only.",
    )
    role = models.CharField(max_length=12, blank=True, help_text="As what: host, admin, captioner.")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("sentence_id", "version", "pk")
        verbose_name = "revision of a sentence"
        verbose_name_plural = "revisions of sentences"

    def __str__(self) -> str:
        return f"{self.sentence_id} {self.action} at v{self.version}"

    @property
    def text_part(self) -> Part:
        """Whose key its text has."""
        return self.sentence.part
