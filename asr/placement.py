"""Which process serves which session: Celery places, PostgreSQL decides."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

from asr.models import Session

TASK = "asr.tasks.serve_room"
logger = logging.getLogger(__name__)


def request_process(session_id: int, generation: int) -> None:
    """Ask the workers on queue `asr` for a process. A dead broker is not an error: the sweep asks again."""
    try:
        current_app.send_task(
            TASK,
            (session_id, generation),
            task_id=f"session-{session_id}-{generation}",
            queue="asr",
            retry=False,
        )
    except (OperationalError, OSError):
        logger.warning("no broker, the sweep will ask again", extra={"session": session_id})


def kill_process(session: Session) -> None:
    """SIGKILL the process of the session's present generation, wherever it runs. Best effort."""
    if not session.worker:
        return
    try:
        current_app.control.revoke(
            session.task_id, terminate=True, signal="SIGKILL", destination=[session.worker]
        )
    except (OperationalError, OSError):
        logger.warning("no broker, cannot revoke", extra={"session": session.pk})
