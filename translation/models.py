"""Who reads which language, what is being translated, and how the engines are."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from rooms.models import LANGUAGE_CODE, Room
from transcripts.models import Part


class Demand(models.Model):
    """A lease: a process's readers of one language in one room. What is not renewed expires."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="demands")
    lang = models.CharField(max_length=16, validators=[LANGUAGE_CODE])
    holder = models.CharField(max_length=100, help_text="The process.")
    readers = models.PositiveIntegerField(default=1)
    drafts = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Of them those who are shown drafts of what is being said."
    )
    screen_s = models.FloatField(
        null=True,
        blank=True,
        help_text="How late sentences are on the screens of these readers, as they say.",
    )
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("room_id", "lang")
        constraints = (models.UniqueConstraint(fields=["room", "lang", "holder"], name="demand_lease"),)
        indexes = (models.Index(fields=["expires_at"]),)

    def __str__(self) -> str:
        return f"{self.room.code} {self.lang}: {self.readers}"


class PinnedLanguage(models.Model):
    """A language that is translated in this room whether or not anybody reads it."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="pinned_languages")
    lang = models.CharField("language", max_length=16, validators=[LANGUAGE_CODE])

    class Meta:
        ordering = ("room_id", "lang")
        constraints = (models.UniqueConstraint(fields=["room", "lang"], name="pinned_language"),)

    def __str__(self) -> str:
        return f"{self.room.code} {self.lang}"


class RoomTranslation(models.Model):
    """How one room is translated, where that differs from what the settings say."""

    class Formality(models.TextChoices):
        AS_SET = "", "as the settings say"
        FORMAL = "formal"
        INFORMAL = "informal"

    room = models.OneToOneField(Room, on_delete=models.CASCADE, primary_key=True, related_name="translation")
    engines = models.JSONField(
        default=list,
        blank=True,
        help_text="Names of its engines in order of preference, no other is asked; empty: all.",
    )
    formality = models.CharField(
        max_length=8,
        choices=Formality.choices,
        blank=True,
        help_text="How the audience is addressed, by engines that can choose (chat).",
    )
    chars_per_day = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="So many characters are translated in a day (UTC); 0: no limit; empty: as the settings say.",
    )

    class Meta:
        verbose_name = "room's translation"
        verbose_name_plural = "rooms' translations"

    def __str__(self) -> str:
        return self.room.code


class TranslatedChars(models.Model):
    """How many characters of a room were given to engines on a day (UTC); counted where there is a quota."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="translated_chars")
    day = models.DateField()
    chars = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("room_id", "day")
        constraints = (models.UniqueConstraint(fields=["room", "day"], name="chars_of_a_day"),)

    def __str__(self) -> str:
        return f"{self.room.code} {self.day}: {self.chars}"


class Job(models.Model):
    """The translation of one room into one language: live (no part), or the completion of a part that ended.

    A worker claims it with a token of its own, and every write proves the token in the same transaction.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="jobs")
    lang = models.CharField(max_length=16)
    part = models.ForeignKey(Part, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Null: nothing to do.")
    seen_version = models.PositiveBigIntegerField(
        default=0, help_text="Sum of the spoken tracks' versions when it was last read."
    )
    translated_versions = models.JSONField(
        default=dict, blank=True, help_text="Spoken track: its version when nothing of it was missing."
    )
    # the claim
    token = models.CharField(max_length=36, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    # pace and fairness
    begun_at = models.DateTimeField(null=True, blank=True)
    batch = models.PositiveSmallIntegerField(default=1, help_text="Sentences of its next call, at most.")
    quick = models.BooleanField(default=True, help_text="Its last call was fast, or none was made yet.")
    recent_calls = models.JSONField(
        default=list, blank=True, help_text="[unix time, sentences, seconds] each."
    )
    # trouble
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=40, blank=True)
    refused = models.JSONField(default=dict, blank=True, help_text="Texts that no engine translates: tries.")
    # delays
    demanded_at = models.DateTimeField(default=timezone.now, help_text="Since when it has had readers.")
    delays = models.JSONField(default=list, blank=True, help_text="The last four: [unix time, seconds].")
    waiting_s = models.FloatField(
        default=0.0, help_text="Age of the oldest waiting sentence, while an engine is down."
    )

    class Meta:
        ordering = ("room_id", "lang")
        verbose_name = "job"
        constraints = (
            models.UniqueConstraint(fields=["room", "lang"], condition=Q(part=None), name="live_job"),
            models.UniqueConstraint(
                fields=["part", "lang"], condition=Q(part__isnull=False), name="completion_job"
            ),
        )
        indexes = (models.Index(fields=["due_at"]),)

    def __str__(self) -> str:
        return f"{self.room.code} {self.lang}"


class Circuit(models.Model):
    """Consecutive failures, and since when the circuit is open; from `retry_at` on one call with one text is a trial."""

    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    opened_at = models.DateTimeField(null=True, blank=True, help_text="Null: it is used.")
    retry_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=40, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class EngineState(Circuit):
    """What all processes share about an engine: its pairs, its latency, and whether it may be called at all.

    Its own circuit is for what concerns every pair: unreachable, a key that is refused, too many requests.
    """

    name = models.CharField(max_length=40, unique=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(
        null=True, blank=True, help_text="Start of a trial that has no answer yet, of whichever pair."
    )
    latency_s = models.FloatField(default=0.0, help_text="Rolling mean of a call.")
    pairs = models.JSONField(default=list, blank=True, help_text="Last known pairs on offer.")

    class Meta:
        ordering = ("name",)
        verbose_name = "engine"

    def __str__(self) -> str:
        return self.name


class PairState(Circuit):
    """The circuit of one pair of an engine: one model that is slow or broken leaves the others in use."""

    engine = models.CharField(max_length=40)
    source = models.CharField(max_length=16)
    target = models.CharField(max_length=16)

    class Meta:
        ordering = ("engine", "source", "target")
        constraints = (models.UniqueConstraint(fields=["engine", "source", "target"], name="engine_pair"),)
        verbose_name = "pair of an engine"
        verbose_name_plural = "pairs of engines"

    def __str__(self) -> str:
        return f"{self.engine} {self.source}→{self.target}"
