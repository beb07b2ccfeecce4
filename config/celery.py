"""The Celery application: `celery -A config worker …`."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("souffleur")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["consumer"].add("asr.dispatch:IdleProcessesOnly")


@signals.worker_init.connect
def _connect_as_worker(**_: Any) -> None:
    """In the parent, before anything is forked."""
    from django.conf import settings

    from config import database

    database.serve_worker(settings.DATABASES["default"], settings.ENV)


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """A receiver is all it takes: Celery leaves the configuration and the level of the settings as they are."""
