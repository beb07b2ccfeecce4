"""One host lease of a room, as PostgreSQL has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from asr.rooms import presence, services
from asr.session_keys import SessionOver, session_cipher
from gateways.conference.request import SocketRequest
from rooms.encryption import Cipher
from transcripts.services import PartTerms

logger = logging.getLogger(__name__)


class HostLeaseHolder:
    """One request at a time, so that answers come in order; once released it is never renewed."""

    def __init__(self, request: SocketRequest) -> None:
        terms = PartTerms(
            request.source_lang, request.store, request.public, request.owner_id, request.consent_id
        )
        self._request = services.HostRequest(request.room_code, terms, request.connection_id, request.key)
        self._acquiring: asyncio.Future[tuple[services.HostLease, Cipher | None]] | None = None
        self._lock = asyncio.Lock()
        self._released = False

    async def acquire(self) -> services.HostLease:
        """Take it. Raises DomainError."""
        self._acquiring = asyncio.ensure_future(database_sync_to_async(_join)(self._request))
        return (await self._acquiring)[0]

    @property
    def cipher(self) -> Cipher | None:
        """What its session's log is encrypted by; None: PostgreSQL went away behind the join."""
        return None if self._acquiring is None else self._acquiring.result()[1]

    async def renew(self) -> presence.Presence | None:
        """How this host stands; None: PostgreSQL does not say, or it has left."""
        async with self._lock:
            if self._released:
                return None
            try:
                now: presence.Presence = await database_sync_to_async(presence.renew_host_lease)(self._held())
            except DatabaseError:
                return None
            return now

    async def restart(self, switch: Callable[[int], None]) -> None:
        """Continue in a new session, which `switch` gets. Raises DomainError, DatabaseError."""
        host_lease = self._held()
        async with self._lock:
            switch(
                await database_sync_to_async(services.restart_session)(
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
                await database_sync_to_async(presence.leave_as_host)(
                    room_id=host_lease.room_id, connection_id=host_lease.connection_id
                )
            except DatabaseError:
                logger.warning("host lease not given up, it expires", extra={"room": host_lease.room_id})

    async def log_state(self, session_id: int) -> presence.LogState:
        """Whose the log is that this host wrote; its own where PostgreSQL does not say."""
        connection_id = self._held().connection_id
        try:
            state: presence.LogState = await database_sync_to_async(presence.log_state)(
                session_id, connection_id=connection_id
            )
        except DatabaseError:
            return "own"
        return state

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
