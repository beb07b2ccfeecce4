"""Text at rest: a part that is encrypted has a key of its own, and every text of it is a field that is written and read by it.

Encrypted are parts that are not to be stored (what PostgreSQL keeps of them in its log and in old pages is unreadable as soon as
the key is destroyed) and, with ENCRYPT_TRANSCRIPTS, those that are. Who reads a model or its values sees text; who asks the
database sees "\\x01", the part's number and base64: searching goes another way there (transcripts/encrypted_search.py).
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections import OrderedDict
from collections.abc import Collection
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from rooms import data_keys
from rooms.encryption import Cipher, Undecryptable
from rooms.models import DataKey

if TYPE_CHECKING:
    from transcripts.models import Part

MARK = "\x01"
KEY_PREFIX = "part:"
CIPHERS_KEPT = 512
KEPT_S = 60.0  # then a key that was destroyed opens nothing in this process either
logger = logging.getLogger(__name__)


class KeyDestroyed(Exception):
    """The part's key is gone, and nothing more can be written in it."""


def to_be_encrypted(*, store: bool) -> bool:
    """Whether a part that begins now is."""
    return not store or settings.ENV.encrypt_transcripts


def create_key(part: Part) -> None:
    """Call in the transaction that creates the part, or encrypts it."""
    data_keys.create(key_name(part.pk))


def destroy_keys(part_ids: Collection[int]) -> int:
    """Their texts are unreadable from the commit on, in every copy of the database that was made without its keys."""
    for part_id in part_ids:
        _ciphers.forget(part_id)
    return data_keys.destroy([key_name(part_id) for part_id in part_ids])


def with_key(parts: QuerySet[Part]) -> QuerySet[Part]:
    """Those that are encrypted, and readable."""
    name = Concat(Value(KEY_PREFIX), Cast(OuterRef("pk"), models.CharField()))
    return parts.filter(Exists(DataKey.objects.filter(name=name)), encrypted=True)


def key_name(part_id: int) -> str:
    """As data_keys has it."""
    return f"{KEY_PREFIX}{part_id}"


def encrypted(text: str, part_id: int) -> str:
    """As it is stored. Raises KeyDestroyed."""
    cipher = _ciphers.get(part_id)
    if cipher is None:
        raise KeyDestroyed(part_id)
    return f"{MARK}{part_id}:{base64.b64encode(cipher.encrypt(text.encode(), key_name(part_id))).decode()}"


def decrypted(stored: str) -> str:
    """The text, whichever way it is stored; empty where its key is gone."""
    if not stored.startswith(MARK):
        return stored
    number, _, data = stored.removeprefix(MARK).partition(":")
    try:
        cipher = _ciphers.get(int(number))
        if cipher is not None:
            return cipher.decrypt(base64.b64decode(data), key_name(int(number))).decode()
    except (Undecryptable, ValueError, binascii.Error):
        pass
    logger.error("text without its key", extra={"part": number[:20]})
    return ""


class EncryptedTextField(models.TextField[str, str]):
    """Text of a part, encrypted where the part is. Its model says which one that is: `text_part`.

    `save` and `bulk_create` encrypt; `update` and `bulk_update` do not, so no text is written by those.
    """

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """What is stored."""
        text = super().pre_save(model_instance, add)
        if not text:
            return text
        part = model_instance.text_part
        return encrypted(text, part.pk) if part.encrypted else text.lstrip(MARK)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        """What was stored."""
        return None if value is None else decrypted(value)


class _Ciphers:
    """Of the parts that this process wrote and read lately."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Cipher, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, part_id: int) -> Cipher | None:
        with self._lock:
            cipher, until_s = self._known.get(part_id, (None, 0.0))
        if cipher is None or time.monotonic() > until_s:
            cipher = data_keys.cipher_of(key_name(part_id))
            with self._lock:
                self._known.pop(part_id, None)
                if cipher is not None:
                    self._known[part_id] = cipher, time.monotonic() + KEPT_S
                while len(self._known) > CIPHERS_KEPT:
                    self._known.popitem(last=False)
        return cipher

    def forget(self, part_id: int) -> None:
        with self._lock:
            self._known.pop(part_id, None)


_ciphers = _Ciphers()
