"""Authenticated encryption of what must not be read from a disk, and the wrapping of its keys. Pure.

Each piece of data that is thrown away as a whole (a session's audio, a part's text) has a key of its own; that key is stored
wrapped by a key-encryption key, which is never stored beside it (rooms/data_keys.py). AES-256-GCM by `cryptography`, with
random nonces: of one key far fewer than 2**32 messages are made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12
_FINGERPRINT_BYTES = 4


class Undecryptable(Exception):
    """Another key, another context, or not what was encrypted."""


class Cipher:
    """Encrypts with one key. `context` is not secret; what was encrypted in one is decrypted in no other."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def encrypt(self, data: bytes, context: str) -> bytes:
        """28 bytes longer than the data, and different each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, data, context.encode())

    def decrypt(self, encrypted: bytes, context: str) -> bytes:
        """Raises Undecryptable."""
        nonce, text = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, text, context.encode())
        except (InvalidTag, ValueError) as error:
            raise Undecryptable from error


class KeyRing:
    """Key-encryption keys: the first one wraps, each unwraps what it wrapped."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._by_fingerprint = {_fingerprint(key): Cipher(key) for key in keys}
        self._first = _fingerprint(keys[0])

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of its keys, in hexadecimal; that of the one that wraps is the first."""
        return tuple(fingerprint.hex() for fingerprint in self._by_fingerprint)

    def wrap(self, key: bytes, name: str) -> bytes:
        """`name`: whose key it is; it is unwrapped under no other name."""
        return self._first + self._by_fingerprint[self._first].encrypt(key, name)

    def unwrap(self, wrapped: bytes, name: str) -> bytes:
        """Raises Undecryptable, also where the key that wrapped it is not here any more."""
        cipher = self._by_fingerprint.get(wrapped[:_FINGERPRINT_BYTES])
        if cipher is None:
            raise Undecryptable
        return cipher.decrypt(wrapped[_FINGERPRINT_BYTES:], name)

    def wrapped_by_first(self, wrapped: bytes) -> bool:
        """Whether nothing is to be done for a rotation."""
        return wrapped[:_FINGERPRINT_BYTES] == self._first


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def key_as_text(key: bytes) -> str:
    """As the environment has it."""
    return base64.b64encode(key).decode()


def key_from_text(text: str) -> bytes:
    """Raises ValueError for what is no 32 bytes in base64."""
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"not {KEY_BYTES} bytes")
    return key


def key_from_secret(secret: str) -> bytes:
    """A key that follows from a secret which has other uses, too."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"souffleur key encryption").derive(secret.encode())


def key_for_seals(key: bytes) -> bytes:
    """A key that follows from another: it proves who wrote something, and decrypts nothing."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"souffleur seal").derive(key)


def _fingerprint(key: bytes) -> bytes:
    return hashlib.sha256(b"fingerprint" + key).digest()[:_FINGERPRINT_BYTES]
