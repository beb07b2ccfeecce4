"""Who may speak, when, and in which room."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from rooms.words import valid_glossary

ROOM_CODE = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", "Letters, digits, - and _; at most 64.")
LANGUAGE_CODE = RegexValidator(r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$", "A language code such as en or zh-Hans.")
SLUG = RegexValidator(r"^[-a-zA-Z0-9_]{1,100}\Z", "Letters, digits, - and _.")
COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour such as #1a7f37.")


def passes(validator: RegexValidator, text: str) -> bool:
    """Whether text from outside may be looked up at all: the database refuses some bytes."""
    try:
        validator(text)
    except ValidationError:
        return False
    return True


def known_time_zone(name: str) -> None:
    """Raises ValidationError for what is no IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValidationError("Not an IANA time zone, for instance Europe/Berlin.") from error


class Event(models.Model):
    """One conference: it has a time zone, and perhaps a schedule. The settings seed the first (rooms/seed.py)."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    time_zone = models.CharField(
        max_length=64, validators=[known_time_zone], help_text="Its transcripts are dated in it."
    )
    schedule_url = models.CharField(
        max_length=1000, blank=True, help_text="Address of its pretalx or frab schedule, JSON or XML."
    )
    hidden_tracks = models.JSONField(default=list, blank=True, help_text="Names of tracks to hide.")
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Its transcripts are deleted so many days after their talks; 0: never. Empty: RETENTION_DAYS.",
    )
    from_settings = models.BooleanField(default=False, editable=False)
    seeded_with = models.JSONField(default=dict, editable=False, help_text="What the settings said last.")
    schedule_read_at = models.DateTimeField(
        "schedule read", null=True, editable=False, help_text="When its schedule was asked for last."
    )
    schedule_result = models.CharField(
        "what came of it", max_length=500, blank=True, editable=False, help_text="In a sentence."
    )
    imported_at = models.DateTimeField(
        "last import", null=True, editable=False, help_text="When a schedule was applied last."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["from_settings"],
                condition=models.Q(from_settings=True),
                name="one_event_of_the_settings",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that its days begin in."""
        return ZoneInfo(self.time_zone)


class Hall(models.Model):
    """A place of an event where one talk follows another. A screen there shows its slug all day: it never changes."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="halls")
    name = models.CharField(max_length=200, help_text="As the schedule has it.")
    slug = models.SlugField(max_length=100, unique=True, help_text="In the address that its screen shows.")

    class Meta:
        ordering = ("event_id", "name")
        constraints = (models.UniqueConstraint(fields=["event", "name"], name="hall_name"),)

    def __str__(self) -> str:
        return self.name


class Room(models.Model):
    """One talk of the schedule, or one room made by hand: the place that a host opens and viewers watch.

    `location` is where it is in the schedule's words; `hall` is the same place as something that screens follow.
    """

    class Origin(models.TextChoices):
        SCHEDULE = "schedule"
        MANUAL = "manual"

    class Imported(models.TextChoices):
        NEW = "new"
        CHANGED = "changed"
        GONE = "gone"

    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="rooms",
        blank=True,
        help_text="Empty: the settings' event.",
    )
    hall = models.ForeignKey(Hall, on_delete=models.SET_NULL, null=True, blank=True, related_name="rooms")
    code = models.CharField(max_length=64, unique=True, validators=[ROOM_CODE])
    title = models.CharField(max_length=500)
    abstract = models.TextField(blank=True)
    track = models.CharField(max_length=200, blank=True)
    colour = models.CharField(max_length=7, default="#808080", validators=[COLOUR])
    location = models.CharField(max_length=200, blank=True)
    presenters = models.JSONField(default=list, blank=True, help_text="Names, in order.")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    language = models.CharField(max_length=16, blank=True, help_text="The talk's language in the schedule.")
    do_not_record = models.BooleanField(default=False, help_text="The speaker does not want to be recorded.")
    published = models.BooleanField(default=True)
    source_lang = models.CharField(
        max_length=16, blank=True, validators=[LANGUAGE_CODE], help_text="The language last spoken here."
    )
    glossary = models.TextField(
        blank=True,
        validators=[valid_glossary],
        help_text="Names and terms that captions should spell right, a line each. Translations keep them, "
        "or read as the line says: term = pt: translation, de: translation",
    )
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.MANUAL)
    schedule_event = models.JSONField(default=dict, blank=True, help_text="The event as the schedule has it.")
    in_schedule = models.BooleanField(
        default=False,
        editable=False,
        help_text="Offered by the schedule now: not vanished, not of a hidden track.",
    )
    imported = models.CharField(
        max_length=7,
        choices=Imported.choices,
        blank=True,
        editable=False,
        help_text="What an import did to it last.",
    )
    imported_at = models.DateTimeField(null=True, editable=False, help_text="When it did that.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("starts_at", "code")
        indexes = (models.Index(fields=["published", "starts_at", "ends_at"]),)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A room that was given no event belongs to the settings'."""
        if not self.event_id:
            from rooms.seed import settings_event

            self.event = settings_event()
        super().save(*args, **kwargs)


class Consent(models.Model):
    """Who allowed what to be done with their sound, by which wording, when (rooms/consent.py).

    The database refuses every change but a withdrawal, and the loss of what it points to.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="consents",
        help_text="Who answered: the login, which many may share. Empty: unknown, or erased.",
    )
    event = models.ForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="consents")
    room = models.ForeignKey(Room, on_delete=models.SET_NULL, null=True, related_name="consents")
    room_code = models.CharField(max_length=64, blank=True, help_text="Stays when the room is gone.")
    audio = models.BooleanField(default=True, help_text="The sound may be turned into text.")
    keep_text = models.BooleanField(help_text="The text may be kept when the room closes.")
    public = models.BooleanField(help_text="Everybody may read and download the text.")
    wording = models.CharField(max_length=32, help_text="What was asked: its name in rooms/wordings.py.")
    wording_version = models.PositiveIntegerField()
    wording_lang = models.CharField(max_length=16)
    wording_sha256 = models.CharField("hash of the wording", max_length=64)
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=["room", "user"]),)

    def __str__(self) -> str:
        return f"consent {self.pk} of {self.given_at:%Y-%m-%d %H:%M}"


class AuditEntry(models.Model):
    """Who did what, when (rooms/audit.py). The database refuses every change but the loss of a user who is erased."""

    class Action(models.TextChoices):
        OPENED = "opened"
        CLOSED = "closed"
        STORED = "stored"
        CORRECTED = "corrected"
        REMOVED = "removed"
        DOWNLOADED = "downloaded"
        WITHDRAWN = "withdrawn"
        ERASED = "erased"

    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=10, choices=Action.choices)
    room_code = models.CharField(max_length=64, blank=True, help_text="Stays when the room is gone.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="audit_entries",
        help_text="Empty: nobody who is signed in, the program itself, or erased.",
    )
    role = models.CharField(max_length=40, blank=True, help_text="As what: host, admin, retention.")
    details = models.JSONField(default=dict, help_text="Parts, terms, formats; never text or names.")

    class Meta:
        ordering = ("-pk",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        indexes = (models.Index(fields=["room_code", "at"]),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.room_code}"


class DataKey(models.Model):
    """A key of encrypted data, wrapped (rooms/data_keys.py). Backups of the database leave this table out."""

    name = models.CharField(max_length=100, unique=True, help_text="Whose it is.")
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, help_text="It is destroyed then. Null: with its data.")

    def __str__(self) -> str:
        return f"key {self.pk}"


class Vote(models.Model):
    """How many people wish captions for a talk. Anonymous: the old wire counts, and knows no voter."""

    room = models.OneToOneField(Room, on_delete=models.CASCADE, related_name="vote")
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.room.code}: {self.count}"


class SeededLogin(models.Model):
    """A login of the environment, and the person whom it seeded (rooms/people.py).

    Where the person was removed the row stays without a name, so that the same password makes nobody again.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    name = models.CharField(max_length=64, blank=True)
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of its password; empty: not there any more."
    )
    shared = models.BooleanField(help_text="Its password is not one person's.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["name"], condition=~models.Q(name=""), name="one_login_of_a_name"
            ),
        )

    def __str__(self) -> str:
        return f"login {self.pk}"


class AccessKey(models.Model):
    """A login: the hash of its key, whose it is, and the digest of the password that it was given for.

    What it may do is what its user may. Another password in the environment, and the key is worthless.
    """

    hash = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_keys")
    password_digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["expires_at"]),)

    def __str__(self) -> str:
        return f"key {self.pk} until {self.expires_at:%Y-%m-%d %H:%M}"
