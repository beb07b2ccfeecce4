"""Tokens as Jigasi makes them, and a folder of public keys as operators publish them."""

from __future__ import annotations

import time
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE = "jitsi"
KID = "jigasi/prod-2"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """One for each name, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(name: str = KID) -> bytes:
    return private_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def file_name(kid: str = KID) -> str:
    return f"{sha256(kid.encode()).hexdigest()}.pem"


def publish(folder: Path, *kids: str) -> Path:
    """Write these keys as the server looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for kid in kids or (KID,):
        (folder / file_name(kid)).write_bytes(public_pem(kid))
    return folder


def token(
    *,
    key: Any = None,
    kid: str | None = KID,
    algorithm: str | None = "RS256",
    for_s: float = 86_400,
    **claims: Any,
) -> str:
    """Good for a day, longer than a run of all tests may take, unless something else is said. `claims`: None leaves one out."""
    now = int(time.time())
    said = {"iss": "jigasi", "aud": AUDIENCE, "iat": now, "exp": now + for_s, **claims}
    headers = {} if kid is None else {"kid": kid}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, private_key(KID) if key is None else key, algorithm=algorithm, headers=headers)
