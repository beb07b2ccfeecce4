"""What a kind of session adds to what all sessions have: asr knows sessions, and a kind registers itself.

Each method runs in the transaction that changed the session, with the session's row locked, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asr.models import Session

if TYPE_CHECKING:  # a process alone needs the libraries behind them
    from asr.leases import Lease
    from asr.sinks.sink import Sink


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words that are likely to be spoken: names and terms are what captions get wrong most."""

    title: str = ""
    abstract: str = ""
    speakers: tuple[str, ...] = ()
    glossary: tuple[str, ...] = ()


class SessionKind:
    """A session of which nothing more is known; kinds that have more override what concerns them."""

    one_speaker = True  # all audio is one channel's, which has no key
    speaker_returns = False  # behind an `end` into the same log: a socket that broke is no end of a sentence
    has_standby = False  # the process that is to take over reads along before (asr/standby.py)
    gives_words = False  # words as they are final; else sentences
    needs_process = True  # else nothing is heard, and it takes no slot

    def ready(self, session: Session) -> None:
        """Its process is ready for audio."""

    def beaten(self, session: Session) -> None:
        """Its process renewed the lease and reported its progress; about once a second."""

    def closing(self, session: Session, *, by: str) -> None:
        """No new audio; what has come will be finished. `by`: who closed it, for the log."""

    def finished(self, session: Session) -> None:
        """Nothing more will be written."""

    def failed(self, session: Session) -> None:
        """Its processes died too often: called before it is finished."""

    def waiting(self, session: Session) -> None:
        """No process takes it for some time. No lock is held."""

    def must_stop(self, session: Session) -> bool:
        """Asked by the sweep: the kind has stopped it at once, and there is nothing left to see to. No lock is held."""
        return False

    def sweep(self, session: Session) -> None:
        """What no signal reported about this session. Asked while it is open or closing; no lock is held."""

    def sweep_all(self) -> None:
        """What no signal reported about this kind. No lock is held."""

    def log_fields(self, session: Session) -> dict[str, object]:
        """What a line of the log says of it beside its number. No lock is held."""
        return {}

    def sink(self, lease: Lease, session: Session, channel: str, wait: Callable[[float], None]) -> Sink:
        """What takes a channel's text in its process. `wait` takes seconds and may raise to give up. No lock is held."""
        raise NotImplementedError

    def vocabulary(self, session: Session) -> Vocabulary:
        """What will be spoken about, as far as it is known. No lock is held."""
        return Vocabulary()


_kinds: dict[str, SessionKind] = {}
_PLAIN = SessionKind()


def register(kind: str, behaviour: SessionKind) -> None:
    """Sessions of this kind behave like this; called once, at the start."""
    _kinds[kind] = behaviour


def kind_of(session: Session) -> SessionKind:
    """How this session behaves."""
    return kind_named(session.kind)


def kind_named(kind: str) -> SessionKind:
    """How sessions of this kind behave."""
    return _kinds.get(kind, _PLAIN)


def kinds_with_process() -> list[str]:
    """Names of the kinds whose sessions take a slot."""
    return [name for name in Session.Kind.values if kind_named(name).needs_process]


def all_kinds() -> list[SessionKind]:
    """Every kind that registered."""
    return list(_kinds.values())
