"""What operators tell the hosts of rooms: a row, and a hint to the host who is there now.

The row is what counts: a host who comes later, or whose page missed the hint, reads it.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from asr.rooms.models import HostMessage
from rooms.errors import BadInput, NotFound
from rooms.locks import delete_in_order, locked
from rooms.models import Room
from transcripts import live
from transcripts.events import HostError

LASTS = timedelta(hours=2)
KEPT_PER_ROOM = 20
LONGEST_CHARS: int = HostMessage._meta.get_field("text").max_length or 0
EVENT = "operator_message"


@transaction.atomic
def send_message(*, room_id: int, text: str, sent_by_id: int | None) -> HostMessage:
    """Tell whoever hosts this room, now or within LASTS. Of a room's messages the newest KEPT_PER_ROOM stay.

    Raises NotFound, BadInput (`no_text`, `text_too_long`).
    """
    text = " ".join(text.split())
    if not text:
        raise BadInput("no_text")
    if len(text) > LONGEST_CHARS:
        raise BadInput("text_too_long", most=LONGEST_CHARS)
    if not locked(Room.objects.filter(pk=room_id)):
        raise NotFound("room_not_found")
    message = HostMessage.objects.create(room_id=room_id, text=text, sent_by_id=sent_by_id)
    kept = HostMessage.objects.filter(room_id=room_id).values_list("pk", flat=True)[:KEPT_PER_ROOM]
    delete_in_order(HostMessage.objects.filter(room_id=room_id).exclude(pk__in=list(kept)))
    hint = HostError(EVENT, {"id": str(message.pk), "text": text})
    transaction.on_commit(partial(live.publish_room, room_id, hint))
    return message


def messages_for_host(room_id: int, *, after: int = 0) -> list[HostMessage]:
    """What a host should read, oldest first; behind the message with the key `after`."""
    rows = HostMessage.objects.filter(room_id=room_id, pk__gt=after, sent_at__gt=timezone.now() - LASTS)
    return list(rows.order_by("pk")[:KEPT_PER_ROOM])


def newest_messages(room_ids: Iterable[int]) -> dict[int, HostMessage]:
    """Each room's last message, read or not. One query."""
    rows = HostMessage.objects.filter(room_id__in=room_ids, sent_at__gt=timezone.now() - LASTS)
    return {row.room_id: row for row in rows.order_by("room_id", "-pk").distinct("room_id")}


def mark_seen(room_id: int, *, upto: int) -> int:
    """The host has read this message and those before it. Returns how many were unread."""
    unread = HostMessage.objects.filter(room_id=room_id, pk__lte=upto, seen_at=None)
    return unread.update(seen_at=timezone.now())
