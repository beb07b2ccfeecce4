"""One host lease of a room, as PostgreSQL has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from django.db import Error as DatabaseError

from asr.rooms import presence, services
from asr.session_keys import SessionOver, session_cipher
from gateways.conference.request import SocketRequest
from rooms.database_threads import reads, room_writes
from rooms.encryption import Cipher
from rooms.errors import DomainError, Unauthenticated
from transcripts.services import PartTerms

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)


class HostLeaseHolder:
    """One request at a time, so that answers come in order; once released it is never renewed."""

    def __init__(self, request: SocketRequest) -> None:
        terms = PartTerms(
            request.source_lang, request.store, request.public, request.owner_id, request.consent_id
        )
        self._request = services.HostRequest(
            request.room_code, terms, request.connection_id, request.key, request.is_admin
        )
        self._check_login = request.check_login
        self._acquiring: asyncio.Future[tuple[services.HostLease, Cipher | None]] | None = None
        self._lock = asyncio.Lock()
        self._released = False

    async def acquire(self) -> services.HostLease:
        """Take it. Raises DomainError."""
        self._acquiring = asyncio.ensure_future(room_writes.of(self._request.room_code)(_join)(self._request))
        return (await self._acquiring)[0]

    @property
    def cipher(self) -> Cipher | None:
        """What its session's log is encrypted by; None: PostgreSQL went away behind the join."""
        return None if self._acquiring is None else self._acquiring.result()[1]

    async def renew(self) -> presence.Presence | None:
        """How this host stands, and whether its login still holds; None: nobody can say now, or it has left."""
        async with self._lock:
            if self._released:
                return None
            try:
                now: presence.Presence = await self._writes(self._checked_and_renewed)()
            except (DatabaseError, DomainError):
                return None
            return now

    def _checked_and_renewed(self) -> presence.Presence:
        """A login that was revoked or is over ends its host as if it had left."""
        try:
            self._check_login()
        except Unauthenticated:
            return presence.Presence("signed_out")
        return presence.renew_host_lease(self._held())

    async def restart(self, switch: Callable[[int], None]) -> None:
        """Continue in a new session, which `switch` gets. Raises DomainError, DatabaseError."""
        host_lease = self._held()
        async with self._lock:
            switch(
                await self._writes(services.restart_session)(
                    room_id=host_lease.room_id, connection_id=host_lease.connection_id
                )
            )

    async def release(self) -> None:
        """Leave it, behind a question that is under way; a join that is under way cannot be called back."""
        self._released = True
        if self._acquiring is None:
            return
        await asyncio.wait({self._acquiring})
        if self._acquiring.exception() is not None:
            return
        host_lease = self._held()
        async with self._lock:
            try:
                await self._writes(presence.leave_as_host)(
                    room_id=host_lease.room_id, connection_id=host_lease.connection_id
                )
            except DatabaseError:
                logger.warning("host lease not given up, it expires", extra={"room": host_lease.room_id})

    async def log_state(self, session_id: int) -> presence.LogState:
        """Whose the log is that this host wrote; its own where PostgreSQL does not say."""
        connection_id = self._held().connection_id
        try:
            state: presence.LogState = await reads(presence.log_state)(
                session_id, connection_id=connection_id
            )
        except DatabaseError:
            return "own"
        return state

    def _writes(self, work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        return room_writes.of(self._held().room_id)(work)

    def _held(self) -> services.HostLease:
        if self._acquiring is None:
            raise RuntimeError("take() comes first")
        return self._acquiring.result()[0]


def _join(request: services.HostRequest) -> tuple[services.HostLease, Cipher | None]:
    host_lease = services.join_as_host(request)
    try:
        return host_lease, session_cipher(host_lease.session_id)
    except (DatabaseError, SessionOver):
        return host_lease, None  # whoever writes asks again
