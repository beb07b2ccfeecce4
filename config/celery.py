"""The Celery application: `celery -A config worker …`."""

import os
from typing import Any

from celery import Celery, signals

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

PUBLISHED_WITHIN_S = 1.0  # kombu tries three times

broker.install()
app = Celery("souffleur")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add("asr.dispatch:DrainedFirst")
app.steps["consumer"].add("asr.dispatch:IdleProcessesOnly")


def publish_only() -> None:
    """This process sends tasks and receives none: it waits for a silent broker for a moment only (sweeps ask again)."""
    patient = app.conf.broker_transport_options
    impatient = {"socket_timeout": PUBLISHED_WITHIN_S, "retry_on_timeout": False}
    app.conf.broker_transport_options = {**patient, **impatient}


@signals.worker_init.connect
def _connect_as_worker(**_: Any) -> None:
    """In the parent, before anything is forked."""
    from django.conf import settings

    from config import database
    from config.process_metrics import shared

    database.serve_worker(settings.DATABASES["default"], settings.ENV)
    shared.share(settings.METRICS_DIR)


@signals.worker_ready.connect
def _tell_keys(sender: Any, **_: Any) -> None:
    """In the parent, for its children, too."""
    from rooms import key_holders

    key_holders.announce(f"worker {sender.hostname}")


@signals.worker_ready.connect
def _tell_metrics(**_: Any) -> None:
    """In the parent, which has begun to fork: what its children count is in files of theirs."""
    from django.conf import settings

    from asr import metrics as of_recognisers
    from transcripts import metrics as of_text

    of_text.begin()
    of_recognisers.begin()
    if settings.ENV.metrics_port:
        from config.metrics import Disks
        from config.metrics_server import serve_metrics

        serve_metrics(settings.ENV.metrics_port, Disks())


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """A receiver is all it takes: Celery leaves the configuration and the level of the settings as they are."""
