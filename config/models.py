"""What the deployment remembers about itself."""

from django.db import models
from django.utils import timezone


class Installation(models.Model):
    """One row from the moment when everything had answered for the first time (config/health.py)."""

    ready_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"ready since {self.ready_at:%Y-%m-%d %H:%M}"
