"""Erasing a person, with everything that identifies them: the account, its keys, its name on what they hosted."""

from dataclasses import dataclass

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from rooms import access
from rooms.audit import Action, Actor, acting, record
from rooms.errors import NotFound
from rooms.locks import locked
from rooms.models import AccessKey, Consent, SeededLogin
from rooms.people import is_configured, seed_people
from rooms.personal_data import sessions_of
from rooms.signals import person_erased


@dataclass(frozen=True, slots=True)
class Erased:
    """What went. `password_left`: the environment still has their password; it opens nothing from now on."""

    keys: int
    parts: int
    password_left: bool


def erase_person(username: str, *, transcripts: bool = False) -> Erased:
    """Erase a host or admin; what they hosted stays without an owner, or goes too (`transcripts`).

    Raises NotFound, and Conflict (`still_hosting`) where a transcript that should go is being written. Nobody is
    erased then; parts that were deleted before it was noticed stay deleted. May be called again.
    """
    seed_people()  # so that the password that the environment has now is the one that is remembered as removed
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound("no_such_person")
    parts = 0
    if transcripts:
        parts = sum(int(count or 0) for _, count in person_erased.send(User, user_id=user.pk))
    keys = AccessKey.objects.filter(user=user).count()
    digests = list(SeededLogin.objects.filter(user=user).values_list("digest", flat=True))
    with acting(Actor(role="a person")):
        user.delete()
    return Erased(keys, parts, any(map(is_configured, digests)))


def erase(user: User) -> None:
    """What a foreign key does not take along, whoever deletes the user: call before that.

    The audit log keeps the key that the row had: an older backup has it too, and is to be erased once more (ops/backup).
    """
    record(Action.ERASED, "", person=user.pk)
    list(locked(Consent.objects.filter(user=user).only("pk")))  # they lose the name
    SeededLogin.objects.filter(user=user).update(name="")
    about = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)
    )
    about.delete()
    for session in sessions_of(user):
        session.delete()
    access.evict_keys(list(AccessKey.objects.filter(user=user).values_list("hash", flat=True)))
