"""The sessions that are open now, and the workers that serve them."""

from django.db import models
from django.utils import timezone


class Session(models.Model):
    """One stretch of audio that one ASR process makes into text, under a lease.

    Whoever writes for a session proves its `generation` in the same transaction: a process that was
    declared dead writes nothing. What a kind has beside it hangs on a row of its own (asr/rooms/models.py).
    """

    class Kind(models.TextChoices):
        ROOM = "room"  # a host speaks, viewers read, sentences are stored
        MEETING = "meeting"  # several participants, each a channel
        STREAM = "stream"  # one speaker, nobody else; nothing is stored
        TYPED = "typed"  # a room where a person types and nothing is heard: no process, no slot

    class State(models.TextChoices):
        STARTING = "starting"  # waits for a process
        LIVE = "live"  # a process is ready
        CLOSING = "closing"  # no new audio; what has come is finished
        CLOSED = "closed"
        FAILED = "failed"  # its processes died too often

    OPEN = (State.STARTING, State.LIVE)
    RUNNING = (*OPEN, State.CLOSING)

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.ROOM)
    state = models.CharField(max_length=8, choices=State.choices, default=State.STARTING)
    source_lang = models.CharField(max_length=16)
    source_seen_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When its gateway last said that it is there; null: its kind sees to that.",
    )
    options = models.JSONField(
        default=dict, blank=True, help_text="What its gateway chose (asr/stream_options.py), while it runs."
    )
    closing_at = models.DateTimeField(null=True, blank=True, help_text="When it was asked to finish.")
    close_reason = models.CharField(max_length=100, blank=True)
    # the process
    generation = models.PositiveIntegerField(default=1)
    worker = models.CharField(max_length=200, blank=True)
    pid = models.PositiveIntegerField(null=True, blank=True)
    queued_at = models.DateTimeField(
        default=timezone.now, help_text="When the present generation was asked for."
    )
    beat_at = models.DateTimeField(null=True, blank=True)
    suspect_at = models.DateTimeField(null=True, blank=True, help_text="A sweep found the lease stale.")
    progress_at = models.DateTimeField(
        null=True, blank=True, help_text="When it last went on, or had nothing to do."
    )
    audio_waits = models.BooleanField(default=False)
    deaths = models.JSONField(
        default=list, blank=True, help_text="Unix times of recent deaths without any text between them."
    )
    died_at_ms = models.PositiveIntegerField(default=0, help_text="Committed up to, at the last death.")
    # the process that reads along while the worker of this one is to end (asr/standby.py)
    standby_worker = models.CharField(max_length=200, blank=True, default="", db_default="")
    standby_pid = models.PositiveIntegerField(null=True, blank=True)
    standby_at = models.DateTimeField(
        null=True, blank=True, help_text="When it last said that it can take over."
    )
    # how far it is
    heard_ms = models.PositiveIntegerField(default=0)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="When heard_ms last moved.")
    committed_ms = models.PositiveIntegerField(default=0)
    delay_s = models.FloatField(default=0.0)
    counters = models.JSONField(
        default=dict, blank=True, help_text="What the engine counted (asr/recognise/counters.py)."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["state"]),)

    def __str__(self) -> str:
        return f"session {self.pk} generation {self.generation} {self.state}"

    @property
    def task_id(self) -> str:
        """Celery's id of the present generation's task."""
        return f"session-{self.pk}-{self.generation}"

    @property
    def audio_key(self) -> str:
        """Name of the session's audio in Redis (asr/audio_log.py)."""
        return str(self.pk)


class Channel(models.Model):
    """A participant of a session in which several speak; where one does, there is none."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="channels")
    key = models.CharField(max_length=64, help_text="The gateway's name of the participant.")
    source_lang = models.CharField(max_length=16)

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=["session", "key"], name="channel_key"),)

    def __str__(self) -> str:
        return f"channel {self.pk} of session {self.session_id}"


class PastCounters(models.Model):
    """One row: what the sessions counted whose rows are deleted, so that totals never fall."""

    counters = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{len(self.counters)} counters"


class Worker(models.Model):
    """A Celery worker on the queue `asr`: how many rooms it may serve, and when it last reported."""

    name = models.CharField(max_length=200, unique=True)
    slots = models.PositiveIntegerField()
    model = models.CharField(max_length=100)
    device = models.CharField(max_length=20)
    beat_at = models.DateTimeField()
    warm = models.PositiveIntegerField(
        null=True,
        help_text="Loaded processes that served nobody then; null: a worker that does not count them.",
    )
    drains_until = models.DateTimeField(
        null=True, help_text="It is to end: it takes no rooms, and its own move to other workers until then."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} ({self.slots})"


class Sweep(models.Model):
    """One row: when sessions were last swept. A pause means that PostgreSQL, the broker or the sweeps were away."""

    at = models.DateTimeField(default=timezone.now)
    resumed_at = models.DateTimeField(null=True, blank=True, help_text="End of the newest pause.")

    def __str__(self) -> str:
        return f"swept at {self.at}"
