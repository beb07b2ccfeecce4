"""Who may speak, when, and in which room."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

ROOM_CODE = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", "Letters, digits, - and _; at most 64.")
LANGUAGE_CODE = RegexValidator(r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$", "A language code such as en or zh-Hans.")
COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour such as #1a7f37.")


def passes(validator: RegexValidator, text: str) -> bool:
    """Whether text from outside may be looked up at all: the database refuses some bytes."""
    try:
        validator(text)
    except ValidationError:
        return False
    return True


class Room(models.Model):
    """One talk of the schedule, or one room made by hand: the place that a host opens and viewers watch."""

    class Origin(models.TextChoices):
        SCHEDULE = "schedule"
        MANUAL = "manual"

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
    glossary = models.TextField(blank=True, help_text="Names and terms that captions should spell right.")
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.MANUAL)
    schedule_event = models.JSONField(default=dict, blank=True, help_text="The event as the schedule has it.")
    in_schedule = models.BooleanField(
        default=False,
        editable=False,
        help_text="Offered by the schedule now: not vanished, not of a hidden track.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("starts_at", "code")
        indexes = (models.Index(fields=["published", "starts_at", "ends_at"]),)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Vote(models.Model):
    """How many people wish captions for a talk. Anonymous: the old wire counts, and knows no voter."""

    room = models.OneToOneField(Room, on_delete=models.CASCADE, related_name="vote")
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.room_id}: {self.count}"


class AccessKey(models.Model):
    """A login: the hash of its key, what it may do, and which login name it belongs to."""

    class Power(models.TextChoices):
        HOST = "host"
        ADMIN = "admin"

    hash = models.CharField(max_length=64, unique=True, editable=False)
    power = models.CharField(max_length=5, choices=Power.choices)
    owner = models.CharField(max_length=64, help_text="The login name; owns the parts that it hosts.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["expires_at"]),)

    def __str__(self) -> str:
        return f"{self.power} {self.owner} until {self.expires_at:%Y-%m-%d %H:%M}"
