"""People: hosts and admins are Django's users in groups, and each password of the environment seeds one of them.

/login carries no name, so the password identifies the person. It is matched in memory, by a keyed digest: a guess costs the
database nothing. What a person may do is what the groups say; the environment says it once, when it makes the person.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar, cast

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection, models, transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils.crypto import salted_hmac

from rooms.locks import locked
from rooms.models import AccessKey, SeededLogin

Power = Literal["host", "admin"]
GROUPS: dict[Power, str] = {"host": "hosts", "admin": "admins"}
OPERATORS = "operators"  # they look after all rooms, and may host any; admins do so, too
_GIVE: dict[Power, tuple[str, ...]] = {"host": (GROUPS["host"], OPERATORS), "admin": (GROUPS["admin"],)}
ADMIN_LOGIN = "admin"
SEED_LOCK = 0x9E091E  # one process at a time follows the environment
M = TypeVar("M", SeededLogin, AccessKey)


@dataclass(frozen=True, slots=True)
class ConfiguredLogin:
    """A login of the environment. `shared`: whoever hosts, or organises, knows its password."""

    name: str
    digest: str
    power: Power
    shared: bool


def configured_logins() -> tuple[ConfiguredLogin, ...]:
    """What the environment of this process says."""
    env = settings.ENV
    return _digested(
        settings.SECRET_KEY, tuple(env.host_passwords.items()), env.host_password, env.admin_password
    )


def match(password: str) -> ConfiguredLogin | None:
    """Whose password this is, compared with every one in constant time."""
    given, found = password_digest(password), None
    for login in configured_logins():
        if secrets.compare_digest(given, login.digest):
            found = login
    return found


def is_configured(digest: str) -> bool:
    """Whether this is still some login's password."""
    return any(login.digest == digest for login in configured_logins())


def password_digest(password: str) -> str:
    """The passwords stand in the environment as they are, so a slow hash would protect nothing; the key keeps a
    stolen database from being guessed in.
    """
    return _digest(settings.SECRET_KEY, password)


def with_power(rows: QuerySet[M]) -> QuerySet[M]:
    """These rows of something that has a `user`, with the user's `power`: "" for who was locked out or has no group."""
    groups = User.groups.through._default_manager.filter(user_id=OuterRef("user_id"))
    powers = [
        When(Q(user__is_active=True) & Exists(groups.filter(group__name__in=_GIVE[power])), then=Value(power))
        for power in cast(tuple[Power, ...], ("admin", "host"))
    ]
    return rows.annotate(power=Case(*powers, default=Value(""), output_field=models.CharField()))


def person_of(login: ConfiguredLogin) -> tuple[int, Power] | None:
    """Who has this login: the user's key and power. None: removed, locked out, or of no group. One query.

    A person who is missing because nobody has migrated since the environment changed is made now.
    """
    rows = with_power(SeededLogin.objects.filter(name=login.name))
    row = rows.first()
    if row is None:
        seed_people()
        row = rows.first()
    power: Power | Literal[""] = getattr(row, "power", "")
    return (row.user_id, power) if row and row.user_id and power else None


def power_of(user: User) -> Power | None:
    """What this person may do: what their groups say; who may change everything in the admin is an admin. One query."""
    if not user.is_active:
        return None
    names = set(user.groups.values_list("name", flat=True))
    if user.is_superuser or names.intersection(_GIVE["admin"]):
        return "admin"
    return "host" if names.intersection(_GIVE["host"]) else None


def is_personal(user_id: int | None) -> bool:
    """Whether a login is one person's: not the password that all hosts share, nor the admins'."""
    return user_id is not None and not SeededLogin.objects.filter(user=user_id, shared=True).exists()


def personal_users(user_ids: Iterable[int]) -> set[int]:
    """Those of these users whose name says who it is: all but the logins that several people share. One query."""
    asked = set(user_ids)
    shared = SeededLogin.objects.filter(user_id__in=asked, shared=True)
    return asked - set(shared.values_list("user_id", flat=True))


def may_operate(user: User | AnonymousUser) -> bool:
    """Whether somebody may look after all rooms: watch, restart and close them, and write to hosts. One query."""
    if not user.is_authenticated or not user.is_active:
        return False
    return user.is_superuser or user.groups.filter(name__in=(OPERATORS, GROUPS["admin"])).exists()


@transaction.atomic
def seed_people() -> None:
    """Make a user for each password of the environment that has none, and note what has changed there.

    A person who was removed stays so until the password is another one. Idempotent; one process at a time.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEED_LOCK])
    wanted = {login.name: login for login in configured_logins()}
    rows = {row.name: row for row in locked(SeededLogin.objects.exclude(name=""))}
    removed = SeededLogin.objects.filter(name="")
    digests = [login.digest for login in wanted.values()]
    removed.exclude(digest__in=digests).delete()
    still_removed = set(removed.values_list("digest", flat=True))
    for name, row in rows.items():
        entry = wanted.get(name)
        row.digest, row.shared = (entry.digest, entry.shared) if entry else ("", row.shared)
    SeededLogin.objects.bulk_update(rows.values(), ["digest", "shared"])
    for login in wanted.values():
        if login.name not in rows and login.digest not in still_removed:
            _make_person(login)
    Group.objects.get_or_create(name=OPERATORS)  # so that the admin can put people in


def _make_person(login: ConfiguredLogin) -> None:
    """A user of that name who is there already is the same person."""
    user, _ = User.objects.get_or_create(username=login.name, defaults={"password": make_password(None)})
    user.groups.add(Group.objects.get_or_create(name=GROUPS[login.power])[0])
    SeededLogin.objects.create(user=user, name=login.name, digest=login.digest, shared=login.shared)


@lru_cache(maxsize=4)
def _digested(
    secret: str, personal: tuple[tuple[str, str], ...], host_password: str, admin_password: str
) -> tuple[ConfiguredLogin, ...]:
    """Digested once a process, not once a guess."""
    logins: list[tuple[str, str, Power, bool]] = [(*login, "host", False) for login in personal]
    logins += [("host", host_password, "host", True), (ADMIN_LOGIN, admin_password, "admin", True)]
    return tuple(
        ConfiguredLogin(name, _digest(secret, password), power, shared)
        for name, password, power, shared in logins
        if password
    )


def _digest(secret: str, password: str) -> str:
    given = password.encode("utf-8", "surrogatepass")
    return salted_hmac("rooms.people", given, secret=secret, algorithm="sha256").hexdigest()
