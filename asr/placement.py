"""Which process serves which session: Celery places, PostgreSQL decides."""

import json
import logging

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from asr.models import Session
from rooms import redis_connections

TASK = "asr.tasks.serve_room"
QUEUE = "asr"
BROKER_WITHIN_S = 3.0
SERVES, STANDS_BY = "session", "standby"  # names of tasks: of one generation there may be both
logger = logging.getLogger(__name__)


def request_process(session_id: int, generation: int, *, name: str = SERVES) -> None:
    """Ask the workers on queue `asr` for a process. A dead or full broker is not an error: the sweep asks again.

    Asking twice does no harm: the second task is dropped before it reaches a process (asr/dispatch.py).
    """
    try:
        current_app.send_task(
            TASK,
            (session_id, generation),
            task_id=f"{name}-{session_id}-{generation}",
            queue=QUEUE,
            retry=False,
        )
    except (OperationalError, RedisError, OSError) as error:
        fields = {"session": session_id, "error": type(error).__name__}
        logger.warning("no broker, the sweep will ask again", extra=fields)


def is_queued(session: Session) -> bool | None:
    """Whether the task of the present generation waits in the broker; None: the broker does not say."""
    try:
        with redis_connections.client(
            settings.REDIS_URL, socket_timeout=BROKER_WITHIN_S, socket_connect_timeout=BROKER_WITHIN_S
        ) as broker:
            waiting = broker.lrange(QUEUE, 0, -1)
    except (RedisError, OSError):
        return None
    return any(json.loads(message).get("headers", {}).get("id") == session.task_id for message in waiting)


def kill_process(worker: str, task_id: str) -> None:
    """SIGKILL the process that serves this task on this worker, also one that stood by for it. Best effort."""
    if not worker:
        return
    try:
        names = [task_id, f"{STANDS_BY}{task_id.removeprefix(SERVES)}"]
        current_app.control.revoke(names, terminate=True, signal="SIGKILL", destination=[worker])
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("no broker, cannot revoke", extra={"task": task_id, "error": type(error).__name__})
