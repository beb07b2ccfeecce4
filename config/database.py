"""How each kind of process is connected to PostgreSQL.

A web process has a thread for each request, so it shares a pool; a worker has few threads, which keep their connections; whatever
forks has nothing open when it does. Servers have their statements cut off; commands (migrations, imports) do not.
"""

from __future__ import annotations

from typing import Any

import dj_database_url

from config.env import Env

CONNECT_TIMEOUT_S = 3
WORKERS_KEEP_S = 600
PROBES = 3
POOL_WAIT_S = 3.0  # for a free connection, or for PostgreSQL itself
POOL_RETRY_S = 1.0  # then the next that wants a connection tries anew


def connection_settings(env: Env, url: str) -> dict[str, Any]:
    """Django's DATABASES entry for commands; servers change it by `serve_web` and `serve_worker`."""
    parsed: dict[str, Any] = dict(
        dj_database_url.parse(url, conn_max_age=WORKERS_KEEP_S, conn_health_checks=True)
    )
    options = {"connect_timeout": CONNECT_TIMEOUT_S, **_keepalive(env)}
    if env.database_url and not parsed.get("PASSWORD"):
        parsed["PASSWORD"] = env.database_password
    return {**parsed, "OPTIONS": {**options, **parsed.get("OPTIONS", {})}}


def serve_web(database: dict[str, Any], env: Env, *, name: str = "souffleur web") -> None:
    """Make this process one that serves many short requests. Call before the first connection."""
    _cut_off_statements(database["OPTIONS"], name, env, lock_timeout_s=env.database_lock_timeout_s)
    database["CONN_MAX_AGE"] = 0  # back into the pool after each request
    database["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": env.database_pool_size,
        "timeout": POOL_WAIT_S,
        "reconnect_timeout": POOL_RETRY_S,
    }


def serve_worker(database: dict[str, Any], env: Env) -> None:
    """Make this process, and what it forks, one that works for long. Call before the first connection."""
    _cut_off_statements(database["OPTIONS"], "souffleur worker", env)


def _cut_off_statements(options: dict[str, Any], name: str, env: Env, *, lock_timeout_s: float = 0) -> None:
    """Nothing may hold a lock for ever: neither a statement that runs nor a transaction that does nothing.

    `lock_timeout_s`: nor does a person wait so long for one; workers do.
    """
    options["application_name"] = name
    limits = {
        "statement_timeout": env.database_statement_timeout_s,
        "idle_in_transaction_session_timeout": env.database_idle_transaction_s,
        "lock_timeout": lock_timeout_s,
    }
    given = [options["options"]] if options.get("options") else []
    cut_off = [*given, *(f"-c {key}={int(1000 * value)}" for key, value in limits.items() if value)]
    # The server asks likewise: the connections, and the locks, of a machine that is gone would stay for hours.
    for key, value in _keepalive(env).items():
        if value:
            cut_off.append(f"-c {key if key.startswith('tcp_') else f'tcp_{key}'}={value}")
    if cut_off:
        options["options"] = " ".join(cut_off)


def _keepalive(env: Env) -> dict[str, int]:
    """For libpq, which ignores it on a Unix socket. The time-out covers what was sent, probes what is waited for."""
    return {"tcp_user_timeout": int(1000 * env.database_tcp_timeout_s), **_probes(env)}


def _probes(env: Env) -> dict[str, int]:
    """A silent peer is asked after half of the time-out, and then PROBES times; none: the system's own."""
    if not env.database_tcp_timeout_s:
        return {}
    first_s = max(1, round(env.database_tcp_timeout_s / 2))
    every_s = max(1, round(env.database_tcp_timeout_s / 2 / PROBES))
    return {"keepalives_idle": first_s, "keepalives_interval": every_s, "keepalives_count": PROBES}
