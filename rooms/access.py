"""Who is asking: passwords, login keys, and how fast an address may guess.

A key is 16 random bytes as hex; the database holds its SHA-256 only. It belongs to a user (rooms/people.py), who still
owns the parts hosted before after logging in again.
"""

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from redis.exceptions import RedisError

from rooms import people, throttle
from rooms.errors import DomainError, Forbidden, NotFound, Unauthenticated
from rooms.locks import update_in_order
from rooms.models import AccessKey
from rooms.people import Power

logger = logging.getLogger(__name__)

NO_LOGIN, NO_PERSON = "no_such_login", "no_such_person"  # of `make_key`, whose command has the words
IN_USE_LEFT = timedelta(minutes=30)  # a key that somebody speaks by is good for at least half of that
IN_USE_MOST = timedelta(hours=24)  # from when it was given: a day of a conference
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Identity:
    """A caller whose key or password was right. `user_id` None: PostgreSQL does not say who has this password.

    `key`: the login key's hash; none where the password itself was shown.
    """

    power: Power
    user_id: int | None
    key: str = field(default="", compare=False)

    @property
    def is_admin(self) -> bool:
        """Whether this caller may read and close everything."""
        return self.power == "admin"


@dataclass(frozen=True)
class Login:
    """A fresh login: the key is shown this once and stored nowhere."""

    key: str
    identity: Identity
    expires_at: datetime


def login(password: str, role: Power | None, address: str) -> Login:
    """Exchange a password for a key.

    The admin password always gives power admin; the role "admin" needs it.
    Raises Unauthenticated (wrong password), Forbidden (a host's password for the role admin) and
    DomainError "too_many_attempts".
    """
    known, identity = _identify_password(password, address)
    if role == "admin" and not identity.is_admin:
        raise Forbidden("role_not_given")
    if identity.user_id is None:
        raise _not_ready()
    return _new_key(known, identity.user_id, identity.power, timedelta(hours=settings.ENV.key_lifetime_hours))


def make_key(name: str, *, lifetime: timedelta) -> Login:
    """A key for a program, which no password need be told: it is the login's of this name, and good as long as its password is.

    Raises NotFound (`no_such_login`, `no_such_person`).
    """
    known = next((login for login in people.configured_logins() if login.name == name), None)
    person = None if known is None else people.person_of(known)
    if known is None or person is None:
        raise NotFound(NO_LOGIN if known is None else NO_PERSON)
    return _new_key(known, *person, lifetime)


def _new_key(login: people.ConfiguredLogin, user_id: int, power: Power, lifetime: timedelta) -> Login:
    key, expires_at, identity = secrets.token_hex(16), timezone.now() + lifetime, Identity(power, user_id)
    stored = AccessKey.objects.create(
        hash=key_hash(key), user_id=user_id, password_digest=login.digest, expires_at=expires_at
    )
    _remember(stored, identity)
    return Login(key, identity, expires_at)


def identify(key_or_password: str, *, address: str | None = None) -> Identity:
    """The caller behind a login key or a plain password. A key is never rate-limited; wrong passwords are.

    Raises Unauthenticated, and DomainError "too_many_attempts" (see identify_password).
    """
    try:
        return identify_key(key_or_password)
    except Unauthenticated:
        return identify_password(key_or_password, address=address)


def identify_key(key: str) -> Identity:
    """The caller behind a login key. Raises Unauthenticated when it is unknown, expired or revoked, when its
    password is another one by now, and when its person was removed or locked out.

    While PostgreSQL is away the answer comes from what the login left in Redis: clients throw their login away on
    any failure, so a passing one must not look like a refusal.
    """
    if not _KEY.fullmatch(key):
        raise _wrong_key()
    return _identify_hash(key_hash(key))


def identify_in_use(hashed: str) -> Identity:
    """The caller behind a key by which somebody speaks now, by its hash: whether it still holds. Raises as `identify_key`.

    Such a key does not run out in mid-talk: its end is moved on, IN_USE_MOST from when it was given at the latest.
    """
    try:
        stored = _stored(hashed)
    except (OperationalError, InterfaceError):
        return _remembered(hashed)
    identity = _identity(stored, hashed)
    if stored is not None:
        _prolong(stored, identity)
    return identity


def _identify_hash(hashed: str) -> Identity:
    try:
        stored = _stored(hashed)
    except (OperationalError, InterfaceError):
        return _remembered(hashed)
    return _identity(stored, hashed)


def _stored(hashed: str) -> AccessKey | None:
    return people.with_power(AccessKey.objects.filter(hash=hashed)).first()


def _identity(stored: AccessKey | None, hashed: str) -> Identity:
    if stored is None or not secrets.compare_digest(stored.hash, hashed):
        raise _wrong_key()
    if stored.revoked_at is not None or stored.expires_at <= timezone.now():
        raise _wrong_key()
    power: Power | None = getattr(stored, "power", None) or None
    if power is None or not people.is_configured(stored.password_digest):
        raise _wrong_key()
    return Identity(power, stored.user_id, hashed)


def _prolong(stored: AccessKey, identity: Identity) -> None:
    """Move its end on, where it is near. One that was revoked meanwhile stays so."""
    now = timezone.now()
    expires_at = min(now + IN_USE_LEFT, stored.created_at + IN_USE_MOST)
    if stored.expires_at > now + IN_USE_LEFT / 2 or expires_at <= stored.expires_at:
        return
    good = AccessKey.objects.filter(pk=stored.pk, revoked_at=None, expires_at=stored.expires_at)
    if update_in_order(good, expires_at=expires_at):
        stored.expires_at = expires_at
        _remember(stored, identity)


def identify_password(password: str, *, address: str | None = None) -> Identity:
    """The caller behind a password of the environment.

    A right one is never refused, whatever else comes from its address. `address` None: wrong ones are not counted.
    Raises Unauthenticated, and DomainError "too_many_attempts" for a wrong one while too many come from this address.
    """
    return _identify_password(password, address)[1]


def _identify_password(password: str, address: str | None) -> tuple[people.ConfiguredLogin, Identity]:
    login = people.match(password)
    if login is not None:
        try:
            person = people.person_of(login)
        except (OperationalError, InterfaceError):
            connection.close()
            return login, Identity(login.power, None)  # nobody is called wrong because PostgreSQL is away
        if person is not None:
            user_id, power = person
            return login, Identity(power, user_id)
    if address is not None:
        throttle.count_failure(address)
    raise Unauthenticated("wrong_password")


def revoke(keys: "list[AccessKey]") -> int:
    """Make these keys worthless at once; how many were still good."""
    hashes = [key.hash for key in keys]
    good = AccessKey.objects.filter(hash__in=hashes, revoked_at__isnull=True)
    revoked = update_in_order(good, revoked_at=timezone.now())
    evict_keys(hashes)
    return revoked


def end_stale_keys() -> int:
    """Revoke what was given for a password that the environment does not know any more; how many."""
    digests = [login.digest for login in people.configured_logins()]
    stale = AccessKey.objects.filter(revoked_at__isnull=True).exclude(password_digest__in=digests)
    return revoke(list(stale))


def evict_keys(hashes: list[str]) -> None:
    """Take these keys out of the cache, which answers for them while PostgreSQL is away."""
    try:
        cache.delete_many([_cache_key(hashed) for hashed in hashes])
    except (RedisError, OSError):
        logger.warning("revoked keys not evicted from the cache", extra={"keys": len(hashes)})


def key_hash(key: str) -> str:
    """What the database knows of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _wrong_key() -> Unauthenticated:
    return Unauthenticated("wrong_key")


def _cache_key(hashed: str) -> str:
    return f"rooms:access-key:{hashed}"


def _not_ready() -> DomainError:
    return DomainError("not_ready", retry=True)


def _remember(key: AccessKey, identity: Identity) -> None:
    lifetime_s = (key.expires_at - timezone.now()).total_seconds()
    entry = [identity.power, identity.user_id, key.password_digest, key.expires_at.isoformat()]
    try:
        cache.set(_cache_key(key.hash), entry, lifetime_s)
    except (RedisError, OSError):
        logger.warning("login not remembered by the cache")


def _remembered(hashed: str) -> Identity:
    """The login as Redis has it. Raises DomainError "not_ready" when that cannot tell either."""
    connection.close()
    try:
        entry = cache.get(_cache_key(hashed))
    except (RedisError, OSError):
        entry = None
    if entry is None:
        raise _not_ready()
    power, user_id, digest, expires_at = entry
    if datetime.fromisoformat(expires_at) <= timezone.now() or not people.is_configured(digest):
        raise _wrong_key()
    return Identity(cast(Power, power), user_id, hashed)
