"""What beat asks of rooms."""

import logging
from typing import Any

from celery import current_app, shared_task, signals
from django.core.management import call_command
from django.utils import timezone
from kombu.exceptions import OperationalError

from rooms import data_keys
from rooms.errors import DomainError
from rooms.locks import delete_in_order
from rooms.models import AccessKey
from rooms.schedule_import import import_schedules

logger = logging.getLogger(__name__)


@shared_task
def import_schedule() -> None:
    """Read every event's schedule again. A broken or unreachable one changes nothing and is reported."""
    for event, result in import_schedules().items():
        if isinstance(result, DomainError):
            facts = {"of_event": event.slug, "code": result.code, "problem": result.parameters.get("problem")}
            logger.error("schedule not imported", extra=facts)


@signals.worker_ready.connect
def _import_schedule_at_start(sender: Any, **_: Any) -> None:
    """Beat waits a whole period before the first time; an event that starts the server has its rooms at once."""
    if current_app.conf.task_default_queue in sender.app.amqp.queues.consume_from:
        try:
            import_schedule.apply_async(retry=False)
        except (OperationalError, OSError):
            logger.warning("no broker, the schedule is read later")


@shared_task
def destroy_expired_data_keys() -> None:
    """What they encrypted is unreadable from now on."""
    data_keys.destroy_expired()


@shared_task
def delete_expired_keys() -> None:
    """Forget login keys and sessions of the pages that no longer open anything."""
    deleted = delete_in_order(AccessKey.objects.filter(expires_at__lte=timezone.now()))
    if deleted:
        logger.info("expired login keys deleted", extra={"keys": deleted})
    call_command("clearsessions")
