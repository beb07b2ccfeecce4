"""What beat asks of rooms."""

import logging
from typing import Any

from celery import current_app, shared_task, signals
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from rooms import services
from rooms.errors import DomainError
from rooms.locks import delete_in_order
from rooms.models import AccessKey

logger = logging.getLogger(__name__)


@shared_task
def import_schedule() -> None:
    """Read the configured schedule again. A broken or unreachable one changes nothing and is reported."""
    if not settings.ENV.schedule_url:
        return
    try:
        services.import_schedule()
    except DomainError as error:
        logger.error(
            "schedule not imported", extra={"code": error.code, "problem": error.parameters.get("problem")}
        )


@signals.worker_ready.connect
def _import_schedule_at_start(sender: Any, **_: Any) -> None:
    """Beat waits a whole period before the first time; an event that starts the server has its rooms at once."""
    queue = current_app.conf.task_default_queue
    if settings.ENV.schedule_url and queue in sender.app.amqp.queues.consume_from:
        try:
            import_schedule.apply_async(retry=False)
        except (OperationalError, OSError):
            logger.warning("no broker, the schedule is read later")


@shared_task
def delete_expired_keys() -> None:
    """Forget login keys that no longer open anything."""
    deleted = delete_in_order(AccessKey.objects.filter(expires_at__lte=timezone.now()))
    if deleted:
        logger.info("expired login keys deleted", extra={"keys": deleted})
