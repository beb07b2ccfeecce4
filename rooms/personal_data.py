"""What is held about a person with a login: every row of the database that points to them, found by the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import ForeignKey, ForeignObjectRel, Model, QuerySet

from rooms.errors import NotFound
from rooms.models import Room
from rooms.signals import person_listed

SECRETS = {"password", "hash", "digest", "password_digest"}  # that they have one is said, and not what it is
Rows = list[dict[str, Any]]


def held_about(username: str) -> dict[str, Rows]:
    """What is held, by the name of what it is. Raises NotFound (`no_such_person`)."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound("no_such_person")
    found: dict[str, Rows] = {"account": _rows(User.objects.filter(pk=user.pk))}
    found["account"][0]["groups"] = list(user.groups.values_list("name", flat=True))
    for model, field in _pointing_here():
        rows = model._base_manager.filter(**{field: user}).order_by("pk")
        found[f"{model._meta.label_lower}.{field}"] = _rows(rows)
    about = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)
    )
    found["admin.logentry.about"] = _rows(about)
    found["sessions"] = [{"expires_at": session.expire_date} for session in sessions_of(user)]
    if name := user.get_full_name():
        spoken = Room.objects.filter(presenters__contains=[name])
        found["rooms.room.presenters"] = _rows(spoken, "code", "title", "presenters")
    for _, more in person_listed.send(User, user_id=user.pk):
        found |= more if isinstance(more, dict) else {}
    return {name: rows for name, rows in found.items() if rows}


def sessions_of(user: User) -> Iterator[Session]:
    """Of the pages. Each has to be looked into: it names its user inside."""
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            yield session


def _pointing_here() -> Iterator[tuple[type[Model], str]]:
    """Models with the name of their key to a user."""
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or not isinstance(relation.field, ForeignKey):
            continue
        if not relation.field.model._meta.auto_created:
            yield relation.field.model, relation.field.name


def _rows(rows: QuerySet[Any], *fields: str) -> Rows:
    return [
        {name: "set" if name in SECRETS and value else value for name, value in row.items()}
        for row in rows.values(*fields)
    ]
