"""What an operator does to a room from outside: each act is one transaction, noted in the log and in the room's history."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from asr.rooms.ending import close_room
from asr.rooms.messages import send_message
from asr.rooms.models import HostMessage
from asr.rooms.services import restart_room
from rooms.audit import note_act
from rooms.errors import Forbidden
from rooms.locks import update_in_order
from rooms.models import Room
from rooms.people import may_operate


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who looks after all rooms."""

    user: User

    @property
    def by(self) -> str:
        """As logs name who did it."""
        return f"user {self.user.pk}"


def operator_of(user: User) -> Operator:
    """Raises Forbidden (`operator_required`)."""
    if not may_operate(user):
        raise Forbidden("operator_required")
    return Operator(user)


@transaction.atomic
def open_to_hosts(room: Room, operator: Operator) -> None:
    """Let a host open this talk though no list shows it. Raises Forbidden (`do_not_record`)."""
    if room.do_not_record:
        raise Forbidden("do_not_record", room=room.code)
    if not room.published:
        update_in_order(Room.objects.filter(pk=room.pk), published=True)
        note_act(operator.user.pk, room, "Published, so that a host may open it.")


@transaction.atomic
def restart(room: Room, operator: Operator) -> None:
    """A new recogniser process; host and viewers stay. Raises Conflict (`not_active`)."""
    restart_room(room.pk, by=operator.by)
    note_act(operator.user.pk, room, "Restarted the recogniser.")


@transaction.atomic
def force_close(room: Room, operator: Operator) -> None:
    """Finish what was heard, then send host and viewers away. Raises Conflict (`not_active`)."""
    close_room(room.pk, by=operator.by)
    note_act(operator.user.pk, room, "Closed the room.")


@transaction.atomic
def tell_host(room: Room, operator: Operator, text: str) -> HostMessage:
    """A message to whoever hosts this room. Raises BadInput."""
    message = send_message(room_id=room.pk, text=text, sent_by_id=operator.user.pk)
    note_act(operator.user.pk, room, "Sent a message to the host.")
    return message
