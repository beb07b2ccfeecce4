"""REDIS_URL of a Redis that Sentinels watch over: `sentinel://[user:password@]host[:port],host[:port]…/service[/db]`.

Name and password are the servers'; `?sentinel_password=…` (and `sentinel_username`) are the Sentinels' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SCHEME = "sentinel"
PORT = 26379
_QUERY = frozenset({"sentinel_password", "sentinel_username"})


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Where they are, and what they watch."""

    addresses: tuple[tuple[str, int], ...]
    service: str
    server_options: dict[str, str | int]  # db, username, password
    sentinel_options: dict[str, str]  # username, password


def sentinels_of(url: str) -> Sentinels | None:
    """What an address of this kind says; None: it is of another kind. Raises ValueError, without the address in it."""
    if not url.startswith(f"{SCHEME}:"):
        return None
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, _, db = parts.path.removeprefix("/").partition("/")
    query = dict(parse_qsl(parts.query))
    if not service or not (db or "0").isdecimal() or not set(query) <= _QUERY:
        raise ValueError("expected sentinel://[user:password@]host[:port],host[:port]/service[/db]")
    server = {"username": unquote(username), "password": unquote(password)}
    return Sentinels(
        addresses=tuple(_address(host) for host in hosts.split(",")),
        service=unquote(service),
        server_options={"db": int(db or 0), **{key: value for key, value in server.items() if value}},
        sentinel_options={key.removeprefix("sentinel_"): value for key, value in query.items()},
    )


def celery_address(found: Sentinels) -> str:
    """As kombu spells it: an address for each Sentinel, with the servers' password and database in each."""
    options = found.server_options
    password = quote(str(options.get("password", "")), safe="")
    login = f"{quote(str(options.get('username', '')), safe='')}:{password}@" if password else ""
    hosts = (f"[{host}]" if ":" in host else host for host, _ in found.addresses)
    ports = (port for _, port in found.addresses)
    return ";".join(
        f"{SCHEME}://{login}{host}:{port}/{options['db']}" for host, port in zip(hosts, ports, strict=True)
    )


def _address(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host = None
    if not host:
        raise ValueError("a Sentinel's address is host or host:port") from None
    return host, port
