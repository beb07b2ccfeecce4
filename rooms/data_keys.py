"""Keys of data that is encrypted: created with it, stored wrapped, destroyed with it.

A key's row is all that makes its data readable, beside the key-encryption keys of the environment (ENCRYPTION_KEYS,
ENCRYPTION_KEY_FILE, or one that follows from SECRET_KEY). Where the row is destroyed, so is the data, in every copy that was
made of it without the row. Names say whose a key is: "session:12", "part:7".
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from rooms.encryption import Cipher, KeyRing, key_for_seals, key_from_secret, key_from_text, new_key
from rooms.locks import delete_in_order, locked
from rooms.models import DataKey


def create(name: str) -> Cipher:
    """A new key. Call in the transaction that creates what it encrypts."""
    key = new_key()
    DataKey.objects.create(name=name, wrapped=key_ring().wrap(key, name))
    return Cipher(key)


def cipher_of(name: str) -> Cipher | None:
    """None: there is no such key, or not any more. Raises encryption.Undecryptable without the key that wrapped it."""
    wrapped = DataKey.objects.filter(name=name).values_list("wrapped", flat=True).first()
    return None if wrapped is None else Cipher(key_ring().unwrap(bytes(wrapped), name))


def get_or_create(name: str, *, expires_at: datetime | None = None) -> Cipher:
    """The key of this name, which others may create at the same time; lasting until then at least."""
    made = {"wrapped": key_ring().wrap(new_key(), name), "expires_at": expires_at}
    row, created = DataKey.objects.get_or_create(name=name, defaults=made)
    if not created and expires_at is not None:
        DataKey.objects.filter(pk=row.pk, expires_at__lt=expires_at).update(expires_at=expires_at)
    return Cipher(key_ring().unwrap(bytes(row.wrapped), name))


def destroy(names: Collection[str]) -> int:
    """What these keys encrypted is unreadable from the commit on. Returns how many there were."""
    return delete_in_order(DataKey.objects.filter(name__in=list(names)))


def destroy_expired() -> int:
    """Keys that were to last until now. Returns how many."""
    return delete_in_order(DataKey.objects.filter(expires_at__lt=timezone.now()))


def rewrap() -> int:
    """Wrap every key by the first key-encryption key. Returns how many were wrapped by another one."""
    ring, count = key_ring(), 0
    for pk in DataKey.objects.order_by("pk").values_list("pk", flat=True):
        count += _rewrap(pk, ring)
    return count


def sealing_keys() -> list[bytes]:
    """Keys that follow from the key-encryption keys: the first seals what this deployment gives out, each tells that it did."""
    return [key_for_seals(key) for key in _key_encryption_keys()]


def _key_encryption_keys() -> list[bytes]:
    env = settings.ENV
    listed = [
        *env.encryption_keys,
        *(env.encryption_key_file.read_text().split() if env.encryption_key_file else []),
    ]
    return [*map(key_from_text, listed), key_from_secret(settings.SECRET_KEY)]


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...], file: Path | None, secret: str) -> KeyRing:
    return KeyRing(_key_encryption_keys())


def key_ring() -> KeyRing:
    """The key-encryption keys of this process; read once."""
    env = settings.ENV
    return _ring(tuple(env.encryption_keys), env.encryption_key_file, settings.SECRET_KEY)


def _rewrap(pk: int, ring: KeyRing) -> bool:
    with transaction.atomic():
        row = locked(DataKey.objects.filter(pk=pk)).first()
        if row is None or ring.wrapped_by_first(bytes(row.wrapped)):
            return False
        row.wrapped = ring.wrap(ring.unwrap(bytes(row.wrapped), row.name), row.name)
        row.save(update_fields=["wrapped"])
    return True
