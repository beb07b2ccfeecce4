"""While a deploy runs, the release before works on the new schema: no migration takes anything from it (CONTRIBUTING.md)."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.sql_analyser import analyse_sql_statements, get_sql_analyser_class

# The newest of each app in the last release; whatever was before was made when nothing was deployed. Raised with each release.
RELEASED = {
    "asr": "0004",
    "asr_rooms": "0004",
    "config": "0001",
    "rooms": "0006",
    "transcripts": "0006",
    "translation": "0003",
}
OTHERS = ("django.",)
LOADER = MigrationLoader(None)
NEWER = sorted(key for key in LOADER.disk_migrations if key[0] in RELEASED and key[1][:4] > RELEASED[key[0]])


def taken_away(sql: str) -> list[str]:
    """What the release before would miss, in the linter's words."""
    errors, _, _ = analyse_sql_statements(get_sql_analyser_class("postgresql"), sql.splitlines())
    return [error.message for error in errors]


@pytest.mark.parametrize(("app", "name"), NEWER)
@pytest.mark.django_db
def test_release_before_lives_with_the_migration(app: str, name: str) -> None:
    sql = StringIO()
    call_command("sqlmigrate", app, name, stdout=sql)
    assert taken_away(sql.getvalue()) == []


@pytest.mark.django_db
def test_migration_that_takes_something_away_is_named() -> None:
    """One that was made before anything was deployed."""
    sql = StringIO()
    call_command("sqlmigrate", "asr", "0004", stdout=sql)
    assert taken_away(sql.getvalue()) == ["NOT NULL constraint on columns"]
    assert taken_away('ALTER TABLE "asr_worker" DROP COLUMN "warm" CASCADE;') == ["DROPPING columns"]


def test_every_app_with_migrations_has_a_release() -> None:
    ours = {
        app for (app, _), each in LOADER.disk_migrations.items() if not each.__module__.startswith(OTHERS)
    }
    assert ours == set(RELEASED)
