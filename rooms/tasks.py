"""What beat asks of rooms."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from rooms import services
from rooms.errors import DomainError
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
        logger.error("schedule not imported", extra={"code": error.code, "reason": error.reason})


@shared_task
def delete_expired_keys() -> None:
    """Forget login keys that no longer open anything."""
    deleted, _ = AccessKey.objects.filter(expires_at__lte=timezone.now()).delete()
    if deleted:
        logger.info("expired login keys deleted", extra={"keys": deleted})
