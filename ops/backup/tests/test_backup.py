"""A backup comes back into an empty system as it was, and with nothing of what was erased meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from asr.models import Session
from asr.tests.make import join, served, slots
from config.env import Env
from config.env.secret_files import SECRETS
from ops.backup.chosen import chosen_settings, is_secret
from ops.backup.database import connect
from ops.backup.manifest import KEYS, SETTINGS, Keys, read_sealed
from ops.backup.restore import check_backup, restore
from ops.backup.tests.make import backed_up, contents, said, texts
from rooms.audit import Action, Actor, record
from rooms.consent import Answers, record_consent, withdraw_consent
from rooms.data_keys import sealing_keys
from rooms.encryption import key_as_text, new_key
from rooms.erasure import erase_person
from rooms.models import AuditEntry, Consent, DataKey, Event
from rooms.tests.make import person, room
from rooms.wordings import newest_wording
from transcripts.models import Part, Sentence, SentenceRevision
from transcripts.removal import remove_sentence
from transcripts.revisions import Editor
from transcripts.services import correct_sentence

pytestmark = pytest.mark.django_db(transaction=True)
INSERT = "INSERT INTO rooms_auditentry (at, action, room_code, role, details) VALUES (now(), 'opened', %s, '', '{}')"


@pytest.fixture
def encrypting(env):
    env(encrypt_transcripts=True, encryption_keys=[key_as_text(new_key())])


def editor():
    return Editor(person("ada").pk, "host", "")


class TestThereAndBack:
    def test_everything_is_as_it_was_is_served_and_goes_on_from_there(
        self, tmp_path, empty_database, encrypting, env, client, settings
    ):
        part = said("A", "Encrypted at rest.", "Good mourning.")
        row = Sentence.objects.get(part=part, index=1)
        correct_sentence(sentence=row, text="Good morning.", seen_version=row.version, by=editor())
        env(encrypt_transcripts=False)
        said("B", "In plain words.")
        record(Action.OPENED, "B", by=Actor(role="host"), part=1)
        before, made = contents(), backed_up(tmp_path)
        settings.SECURE_SSL_REDIRECT = False
        with empty_database():
            restored = restore(check_backup(made.folder, keys=None))
            assert contents() == before
            assert restored.keys == 1
            assert texts() == ["Encrypted at rest.", "Good morning.", "In plain words."]
            assert SentenceRevision.objects.get().text == "Good mourning."
            assert list(part.owner.groups.values_list("name", flat=True)) == ["hosts"]
            with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
                AuditEntry.objects.all().delete()
            assert "Good morning." in client.get("/room/A/transcript/en").content.decode()
            assert said("C", "And on.").pk > Part.objects.get(room__code="B").pk
            again = backed_up(tmp_path / "again")
            assert again.manifest.rows["transcripts_sentence"] == 4

    def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(self, tmp_path, empty_database):
        written, stop = [0, 0, 0], threading.Event()
        with connect() as here:
            parameters = here.info.get_parameters()

        def write(number):
            with psycopg.connect(**parameters) as db:
                while not stop.is_set():
                    with db.transaction():
                        db.execute(INSERT, [f"W{number}"])
                        db.execute(INSERT, [f"W{number}"])
                    written[number] += 1

        writers = [threading.Thread(target=write, args=[number]) for number in range(3)]
        for writer in writers:
            writer.start()
        try:
            while min(written) < 2:
                time.sleep(0.01)
            before = list(written)
            made = backed_up(tmp_path)
            after = list(written)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        with empty_database():
            restore(check_backup(made.folder, keys=None))
            for number in range(3):
                rows = AuditEntry.objects.filter(room_code=f"W{number}").count()
                assert rows % 2 == 0
                assert (
                    before[number] <= rows // 2 <= after[number] + 1
                )  # one may be committed, and not counted yet

    def test_a_room_that_was_live_is_closed_and_can_be_opened_again(self, tmp_path, empty_database):
        served(join("LIVE"))
        made = backed_up(tmp_path)
        with empty_database():
            assert restore(check_backup(made.folder, keys=None)).ended == 1
            assert not Session.objects.filter(state__in=Session.RUNNING).exists()
            assert Part.objects.get().ended_at is not None
            slots(9)  # its worker beats
            join("LIVE")
            assert Part.objects.count() == 2


class TestErased:
    def test_what_was_erased_since_is_erased_in_an_older_backup_too(self, tmp_path, empty_database):
        consent = record_consent(
            room=room("W"), user_id=person("ada").pk, answers=Answers(keep_text=True, public=True),
            wording=newest_wording("host", "en"),
        )  # fmt: skip
        said("W", "Withdrawn.", consent_id=consent.pk)
        said("D", "Deleted.")
        part = said("S", "Taken back.", "Stays.")
        said("E", "Of somebody who is erased.", owner="eve")
        made = backed_up(tmp_path)
        withdraw_consent(consent, by=Actor(role="host"))
        Part.objects.get(room__code="D").delete()
        remove_sentence(Sentence.objects.get(part=part, index=0), by=editor())
        erase_person("eve")
        backed_up(tmp_path, only_keys=True)
        with empty_database():
            assert restore(check_backup(made.folder, keys=None)).erased == 4
            assert texts() == ["Of somebody who is erased.", "Stays."]
            assert Part.objects.get(room__code="E").owner is None
            assert Consent.objects.get().withdrawn_at is not None
            assert not Part.objects.filter(room__code="D").exists()

    def test_what_was_erased_is_erased_again_where_only_the_database_went_back(
        self, tmp_path, empty_database
    ):
        said("D", "Deleted.")
        said("S", "Stays.")
        made = backed_up(tmp_path)
        Part.objects.get(room__code="D").delete()
        backed_up(tmp_path, only_keys=True)
        with empty_database():
            restore(
                check_backup(made.folder, keys=None, without_keys=True)
            )  # as PostgreSQL's log brings it back
            assert texts() == ["Deleted.", "Stays."]
            call_command("erase_again", str(tmp_path / KEYS))
            assert texts() == ["Stays."]

    def test_what_came_again_after_an_erasure_is_not_erased(self, tmp_path, empty_database):
        said("A", "The first one.")
        Part.objects.get().room.delete()
        said("A", "Of the same name and number.")
        made = backed_up(tmp_path)
        with empty_database():
            assert restore(check_backup(made.folder, keys=None)).erased == 0
            assert texts() == ["Of the same name and number."]

    def test_what_has_become_too_old_is_deleted_before_anybody_reads_it(self, tmp_path, empty_database):
        Event.objects.update(retention_days=30)
        part = said("A", "Long ago.")
        Part.objects.filter(pk=part.pk).update(ended_at=timezone.now() - timedelta(days=31))
        said("B", "Yesterday.")
        made = backed_up(tmp_path)
        with empty_database():
            assert restore(check_backup(made.folder, keys=None)).too_old == 1
            assert texts() == ["Yesterday."]

    def test_what_was_shredded_is_unreadable_in_an_older_backup(self, tmp_path, empty_database, encrypting):
        part = said("A", "Shredded.")
        said("B", "Kept.")
        made = backed_up(tmp_path)
        part.delete()
        newest = backed_up(tmp_path, only_keys=True)
        assert newest.keys == 1
        with empty_database():
            checked = check_backup(made.folder, keys=None)
            checked.keys.erased.clear()  # as if nobody had written down that it was
            restore(checked)
            assert Part.objects.count() == 2
            assert texts() == ["Kept."]

    def test_no_key_of_what_is_not_kept_is_written_down(self, tmp_path, encrypting):
        kept = said("A", "Kept.")
        said("B", "Between us.", store=False, over=False)
        join("LIVE", terms=said_terms(store=False))
        assert DataKey.objects.count() > 2
        backed_up(tmp_path)
        keys = read_sealed(tmp_path / KEYS, Keys, sealing_keys(), trust=False)
        assert set(keys.wrapped) == {f"part:{kept.pk}"}


class TestSettings:
    def test_a_backup_has_no_secret_and_names_what_is_to_be_kept_apart(self, tmp_path, env):
        secret = key_as_text(new_key())
        env(
            encryption_keys=[secret],
            libretranslate_url="http://one:their-password@mt.example",
            retention_days=7,
        )
        said("A", "Words.")
        made = backed_up(tmp_path)
        assert {
            "SECRET_KEY",
            "HOST_PASSWORD",
            "ADMIN_PASSWORD",
            "ENCRYPTION_KEYS",
            "LIBRETRANSLATE_URL",
        } <= set(made.manifest.apart)
        assert "RETENTION_DAYS=7" in (made.folder / SETTINGS).read_text().splitlines()
        secrets = [
            secret,
            "their-password",
            settings.SECRET_KEY,
            settings.ENV.host_password,
            settings.ENV.admin_password,
        ]
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
                assert not any(value.encode() in path.read_bytes() for value in secrets)

    def test_every_setting_that_says_so_is_a_secret(self):
        assert all(is_secret(name.upper()) for name in SECRETS)
        for name, field in Env.model_fields.items():
            described = (field.description or "").lower()
            if described.startswith(
                ("password", "bearer token", "its api key", "keys that wrap", "the one password")
            ):
                assert is_secret(name.upper()), name

    def test_what_was_written_is_read_back_as_it_was(self, tmp_path):
        env = Env(
            _env_file=None, debug=True, wires=["openai"], host_passwords={"ada": "ada-password"}, grace_s=9.5
        )
        text, apart = chosen_settings(env)
        path = tmp_path / ".env"
        path.write_text(text)
        again = Env(_env_file=path)
        assert (again.wires, again.grace_s, again.debug) == (["openai"], 9.5, True)
        assert "HOST_PASSWORDS" in apart

    def test_a_schedule_that_is_a_file_comes_along(self, tmp_path):
        schedule = tmp_path / "talks.json"
        schedule.write_text("{}")
        Event.objects.update(schedule_url=str(schedule))
        made = backed_up(tmp_path / "backups")
        slug = Event.objects.get().slug
        assert (made.folder / "schedules" / f"{slug}.json").read_text() == "{}"

    def test_only_the_newest_backups_stay_where_that_is_wanted(self, tmp_path):
        folders = [backed_up(tmp_path).folder]
        older = folders[0].with_name("souffleur-20250101T000000Z")
        folders[0].rename(older)
        newest = backed_up(tmp_path, keep=1)
        assert newest.removed == 1
        assert [path.name for path in tmp_path.glob("souffleur-*")] == [newest.folder.name]


def said_terms(**terms):
    from dataclasses import replace

    from asr.tests.make import TERMS

    return replace(TERMS, **terms)
