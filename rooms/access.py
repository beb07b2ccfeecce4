"""Who is asking: passwords, login keys, and how fast an address may guess.

A key is 16 random bytes as hex; the database holds its SHA-256 only. Its owner is the login name, so whoever logs in
again still owns the parts hosted before.
"""

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

from django.conf import settings
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from redis.exceptions import RedisError

from rooms import throttle
from rooms.errors import DomainError, Forbidden, Unauthenticated
from rooms.locks import update_in_order
from rooms.models import AccessKey

logger = logging.getLogger(__name__)

Power = Literal["host", "admin"]
ADMIN_OWNER = "admin"
_KEY = re.compile(r"[0-9a-f]{32}")
_DIGEST_KEY = secrets.token_bytes(32)


@dataclass(frozen=True)
class Identity:
    """A caller whose key or password was right."""

    power: Power
    owner: str
    key: str = field(
        default="", compare=False
    )  # the login key's hash; none where the password itself was shown

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
    identity = identify_password(password, address=address)
    if role == "admin" and not identity.is_admin:
        raise Forbidden("role_not_given")
    key = secrets.token_hex(16)
    expires_at = timezone.now() + timedelta(hours=settings.ENV.key_lifetime_hours)
    AccessKey.objects.create(
        hash=key_hash(key), power=identity.power, owner=identity.owner, expires_at=expires_at
    )
    _remember(key, identity, expires_at)
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
    """The caller behind a login key. Raises Unauthenticated when it is unknown, expired or revoked.

    While PostgreSQL is away the answer comes from what the login left in Redis: clients throw their login away on
    any failure, so a passing one must not look like a refusal.
    """
    if not _KEY.fullmatch(key):
        raise _wrong_key()
    hashed = key_hash(key)
    try:
        stored = AccessKey.objects.filter(hash=hashed).first()
    except (OperationalError, InterfaceError):
        return _remembered(hashed)
    if stored is None or not secrets.compare_digest(stored.hash, hashed):
        raise _wrong_key()
    if stored.revoked_at is not None or stored.expires_at <= timezone.now():
        raise _wrong_key()
    return Identity(cast(Power, stored.power), stored.owner, hashed)


def identify_password(password: str, *, address: str | None = None) -> Identity:
    """The caller behind a password, compared with every configured one in constant time.

    A right one is never refused, whatever else comes from its address. `address` None: wrong ones are not counted.
    Raises Unauthenticated, and DomainError "too_many_attempts" for a wrong one while too many come from this address.
    """
    given = _digest(password)
    found: Identity | None = None
    for owner, expected in settings.ENV.host_logins.items():
        if secrets.compare_digest(given, _digest(expected)) and expected:
            found = Identity("host", owner)
    admin_password = settings.ENV.admin_password
    if secrets.compare_digest(given, _digest(admin_password)) and admin_password:
        found = Identity("admin", ADMIN_OWNER)
    if found is None:
        if address is not None:
            throttle.count_failure(address)
        raise Unauthenticated("wrong_password")
    return found


def is_personal(owner: str) -> bool:
    """Whether a login is one person's: of HOST_PASSWORDS, not the password that all hosts share, nor the admins'."""
    return owner in settings.ENV.host_passwords


def revoke(keys: "list[AccessKey]") -> int:
    """Make these keys worthless at once; how many were still good."""
    hashes = [key.hash for key in keys]
    good = AccessKey.objects.filter(hash__in=hashes, revoked_at__isnull=True)
    revoked = update_in_order(good, revoked_at=timezone.now())
    try:
        cache.delete_many([_cache_key(hashed) for hashed in hashes])
    except (RedisError, OSError):
        logger.warning("revoked keys not forgotten by the cache", extra={"keys": len(hashes)})
    return revoked


def key_hash(key: str) -> str:
    """What the database knows of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _digest(password: str) -> bytes:
    """To be compared within this process, in a time that tells neither content nor length.

    The passwords stand in the environment as they are, so a slow hash would protect nothing; this one takes a
    microsecond, so that guessing costs the server no more than any other request.
    """
    return hashlib.blake2b(password.encode("utf-8", "surrogatepass"), key=_DIGEST_KEY).digest()


def _wrong_key() -> Unauthenticated:
    return Unauthenticated("wrong_key")


def _cache_key(hashed: str) -> str:
    return f"rooms:key:{hashed}"


def _remember(key: str, identity: Identity, expires_at: datetime) -> None:
    lifetime_s = (expires_at - timezone.now()).total_seconds()
    try:
        cache.set(
            _cache_key(key_hash(key)), [identity.power, identity.owner, expires_at.isoformat()], lifetime_s
        )
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
        raise DomainError("not_ready", retry=True)
    power, owner, expires_at = entry
    if datetime.fromisoformat(expires_at) <= timezone.now():
        raise _wrong_key()
    return Identity(power, owner, hashed)
