"""People: a user for each password of the environment, what becomes of their keys, and how they go."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.signals import post_migrate
from django.urls import reverse
from django.utils import timezone

from rooms import access
from rooms.access import Identity
from rooms.errors import Unauthenticated
from rooms.models import AccessKey, SeededLogin
from rooms.people import (
    OPERATORS,
    configured_logins,
    is_personal,
    may_operate,
    power_of,
    seed_people,
    with_power,
)
from rooms.tests.make import login_key, person, room
from transcripts.models import Part
from transcripts.selectors import transcript_text
from transcripts.services import NewSentence, PartTerms, add_sentences, end_part, open_part

ADDRESS = "192.0.2.77"
LOGINS = {"ada": "ada's", "alan": "alan's"}


@pytest.fixture(autouse=True)
def _logins(env):
    env(host_password="everybody's", host_passwords=LOGINS, admin_password="the admin's")


def migrate():
    """What a start of the stack does with a database that is up to date."""
    config = apps.get_app_config("rooms")
    post_migrate.send(config, app_config=config, verbosity=0, interactive=False, using="default", apps=apps)


def refused(key_or_password):
    """Whether neither the socket nor /login takes it."""
    with pytest.raises(Unauthenticated):
        access.identify(key_or_password, address=None)
    return True


def hosted(owner, code="A", *, public=False):
    """A part that this user hosted, ended, with a sentence."""
    at = room(code)
    part = open_part(room=at, terms=PartTerms("en", store=True, public=public, owner_id=owner.pk))
    add_sentences(part=part, sentences=[NewSentence(0, 900, "Secret.")])
    end_part(part=part)
    return part


@pytest.mark.django_db
def test_an_operator_may_host_as_well_and_the_group_is_there_to_be_filled():
    seed_people()
    assert Group.objects.filter(name=OPERATORS).exists()
    olga = person("olga", group=OPERATORS)
    assert power_of(olga) == "host"
    key = login_key(olga, hashed="h")
    assert with_power(AccessKey.objects.filter(pk=key.pk)).get().power == "host"
    olga.is_active = False
    assert (power_of(olga), may_operate(olga)) == (None, False)


@pytest.mark.django_db
class TestSeeding:
    def test_each_password_is_one_user_in_its_group_who_enters_no_admin_pages(self):
        seed_people()
        groups = {user.username: [group.name for group in user.groups.all()] for user in User.objects.all()}
        assert groups == {"ada": ["hosts"], "alan": ["hosts"], "host": ["hosts"], "admin": ["admins"]}
        for user in User.objects.all():
            assert (user.has_usable_password(), user.is_staff, user.is_superuser) == (False,) * 3

    def test_no_password_is_stored(self):
        seed_people()
        stored = str(list(SeededLogin.objects.values()) + list(User.objects.values()))
        assert not any(password in stored for password in (*LOGINS.values(), "everybody's", "the admin's"))

    def test_again_changes_nothing(self):
        seed_people()
        before = list(SeededLogin.objects.order_by("pk").values())
        seed_people()
        assert list(SeededLogin.objects.order_by("pk").values()) == before

    def test_who_is_there_already_is_the_same_person(self):
        mine = User.objects.create_user("ada", password="of the admin's pages", is_staff=True)
        assert access.identify_password("ada's") == Identity("host", mine.pk)
        mine.refresh_from_db()
        assert mine.is_staff
        assert mine.check_password("of the admin's pages")

    def test_login_that_is_new_in_the_environment_needs_no_migration(self, env):
        seed_people()
        env(host_passwords={**LOGINS, "grace": "grace's"})
        assert access.login("grace's", None, ADDRESS).identity.power == "host"

    def test_digest_depends_on_the_secret_key(self, settings):
        before = {login.digest for login in configured_logins()}
        settings.SECRET_KEY = "another" * 10
        assert not before & {login.digest for login in configured_logins()}

    def test_only_a_login_of_its_own_is_personal(self):
        people = {
            password: access.identify_password(password).user_id
            for password in ("ada's", "everybody's", "the admin's")
        }
        assert {password: is_personal(pk) for password, pk in people.items()} == {
            "ada's": True,
            "everybody's": False,
            "the admin's": False,
        }
        assert not is_personal(None)


@pytest.mark.django_db(transaction=True)
def test_processes_that_seed_at_once_make_each_person_once():
    User.objects.all().delete()
    SeededLogin.objects.all().delete()
    Group.objects.all().delete()

    def come(password):
        try:
            return access.identify_password(password).user_id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(come, ["ada's", "alan's"] * 8))
    assert len(set(found)) == 2
    assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "admin", "alan", "host"]
    assert SeededLogin.objects.count() == 4


@pytest.mark.django_db
class TestChangedPassword:
    def test_old_keys_and_the_old_password_die_at_once_and_others_stay(self, env):
        old, other = (access.login(password, None, ADDRESS).key for password in ("ada's", "alan's"))
        mine = access.identify_key(old)
        env(host_passwords={**LOGINS, "ada": "another"})
        assert refused(old)
        assert refused("ada's")
        assert access.identify_key(other).power == "host"
        assert access.login("another", None, ADDRESS).identity == mine

    def test_old_keys_stay_dead_though_the_password_comes_back(self, env):
        old = access.login("ada's", None, ADDRESS).key
        env(host_passwords={**LOGINS, "ada": "another"})
        migrate()
        env(host_passwords=LOGINS)
        migrate()
        assert refused(old)
        assert access.login("ada's", None, ADDRESS).key

    def test_login_that_the_environment_drops_is_refused_and_keeps_what_it_hosted(self, env):
        mine = access.login("ada's", None, ADDRESS)
        hosted(User.objects.get(username="ada"))
        env(host_passwords={"alan": "alan's"})
        migrate()
        assert refused(mine.key)
        assert refused("ada's")
        env(host_passwords=LOGINS)
        again = access.identify_password("ada's")
        assert again == mine.identity
        assert "Secret." in transcript_text(Part.objects.get().room, "en", again)

    def test_migration_without_changes_ends_no_login(self):
        key = access.login("ada's", None, ADDRESS).key
        migrate()
        assert access.identify_key(key).power == "host"

    def test_one_login_s_new_password_is_not_another_s_old_key(self, env):
        old = access.login("ada's", None, ADDRESS).key
        env(host_passwords={"ada": "another", "grace": "grace's"})
        assert refused(old)


@pytest.mark.django_db
class TestRemoved:
    def test_deleted_user_s_keys_and_password_open_nothing(self):
        key = access.login("ada's", None, ADDRESS).key
        User.objects.get(username="ada").delete()
        assert refused(key)
        assert refused("ada's")
        migrate()
        assert refused("ada's")
        assert not User.objects.filter(username="ada").exists()

    def test_another_password_makes_the_login_anew(self, env):
        before = access.login("ada's", None, ADDRESS).identity
        User.objects.get(username="ada").delete()
        env(host_passwords={**LOGINS, "ada": "another"})
        after = access.login("another", None, ADDRESS).identity
        assert after.power == "host"
        assert after.user_id != before.user_id
        migrate()
        assert SeededLogin.objects.filter(name="").count() == 0

    @pytest.mark.parametrize("how", [{"is_active": False}, {"groups": []}])
    def test_who_is_locked_out_or_leaves_the_group_is_refused_until_an_admin_says_otherwise(self, how):
        key = access.login("ada's", None, ADDRESS).key
        user = User.objects.get(username="ada")
        user.is_active = how.get("is_active", True)
        user.save()
        if "groups" in how:
            user.groups.clear()
        assert refused(key)
        assert refused("ada's")
        migrate()
        assert refused("ada's")
        user.is_active = True
        user.save()
        user.groups.add(Group.objects.get(name="hosts"))
        assert access.identify_key(key).power == "host"

    def test_wrong_guesses_count_also_where_the_password_was_somebody_s(self, env):
        env(login_failures_per_minute=1)
        seed_people()
        User.objects.get(username="ada").delete()
        refusals = []
        for _ in range(3):
            try:
                access.identify_password("ada's", address="192.0.2.78")
            except Exception as error:
                refusals.append(str(error))
        assert refusals[0] == "wrong_password"
        assert refusals[-1] == "too_many_attempts"

    def test_group_says_what_a_person_may_do(self):
        key = access.login("ada's", None, ADDRESS).key
        User.objects.get(username="ada").groups.add(Group.objects.get(name="admins"))
        assert access.identify_key(key).is_admin
        assert access.login("ada's", "admin", ADDRESS).identity.is_admin


@pytest.mark.django_db
class TestCost:
    def test_guess_costs_the_database_nothing(self, django_assert_num_queries):
        seed_people()
        with django_assert_num_queries(0), pytest.raises(Unauthenticated):
            access.identify_password("guess")

    def test_login_is_one_query_and_one_row_and_a_key_one_query(self, django_assert_num_queries):
        seed_people()
        with django_assert_num_queries(2):
            key = access.login("ada's", None, ADDRESS).key
        with django_assert_num_queries(1):
            access.identify_key(key)


def everything_stored():
    """Every row of every table that may speak of people, as text."""
    models = [model for model in apps.get_models() if model._meta.managed]
    return "\n".join(str(row) for model in models for row in model._base_manager.values())


@pytest.mark.django_db
class TestErasing:
    NAME = "ada.lovelace"

    @pytest.fixture
    def ada(self, env):
        env(host_passwords={self.NAME: "ada's"})
        access.login("ada's", None, ADDRESS)
        user = User.objects.get(username=self.NAME)
        user.email, user.last_name = f"{self.NAME}@example.org", "Lovelace"
        user.save()
        kinds = ContentType.objects.get_for_model(User)
        entry = {
            "content_type": kinds,
            "object_id": str(user.pk),
            "object_repr": str(user),
            "action_flag": CHANGE,
        }
        LogEntry.objects.create(user=person("somebody"), **entry)
        LogEntry.objects.create(user=user, **{**entry, "object_id": "0", "object_repr": "a room"})
        return user

    def erase(self, capsys, *options):
        call_command("erase_person", self.NAME, *options)
        return capsys.readouterr().out

    def test_nothing_that_is_stored_names_the_person_any_more(self, ada, capsys):
        hosted(ada)
        hashed = AccessKey.objects.get().hash
        assert self.NAME in everything_stored()
        assert "1 login keys and 0 parts" in self.erase(capsys)
        assert self.NAME not in everything_stored()
        assert "Lovelace" not in everything_stored()
        assert hashed not in everything_stored()
        assert cache.get(f"rooms:access-key:{hashed}") is None

    def test_what_they_hosted_stays_for_those_who_could_read_it(self, ada):
        secret, open_to_all = hosted(ada, "A"), hosted(ada, "B", public=True)
        call_command("erase_person", self.NAME)
        assert set(Part.objects.values_list("owner", flat=True)) == {None}
        assert "Secret." in transcript_text(open_to_all.room, "en", None)
        assert "Secret." in transcript_text(secret.room, "en", access.identify_password("the admin's"))

    def test_what_they_hosted_goes_too_where_that_is_wanted(self, ada, capsys):
        hosted(ada, "A")
        hosted(ada, "B")
        kept = hosted(person("alan"), "C")
        assert "2 parts" in self.erase(capsys, "--transcripts")
        assert list(Part.objects.all()) == [kept]

    def test_transcript_that_is_being_written_must_end_first(self, ada):
        open_part(room=room("A"), terms=PartTerms("en", store=True, public=True, owner_id=ada.pk))
        with pytest.raises(CommandError, match="close the room first"):
            call_command("erase_person", self.NAME, "--transcripts")
        assert User.objects.filter(pk=ada.pk).exists()
        assert Part.objects.count() == 1

    def test_password_that_is_still_set_opens_nothing_and_brings_nobody_back(self, ada, capsys):
        assert "take it out" in self.erase(capsys)
        assert refused("ada's")
        migrate()
        assert not User.objects.filter(username=self.NAME).exists()

    def test_password_that_changed_since_the_last_start_brings_nobody_back_either(self, ada, env):
        env(host_passwords={self.NAME: "another"})
        call_command("erase_person", self.NAME)
        assert refused("another")

    def test_once_is_enough_and_who_is_unknown_is_said_to_be(self, ada):
        call_command("erase_person", self.NAME)
        with pytest.raises(CommandError, match="no such user"):
            call_command("erase_person", self.NAME)

    def test_admin_s_pages_erase_as_much(self, ada, admin_client):
        hosted(ada)
        page = reverse("admin:auth_user_delete", args=[ada.pk])
        assert admin_client.post(page, {"post": "yes"}).status_code == 302
        LogEntry.objects.filter(user__username="organiser", action_flag=3).delete()  # that it was done
        assert self.NAME not in everything_stored()


@pytest.mark.django_db
def test_expired_keys_of_erased_people_leave_nothing_to_sweep():
    user = person()
    AccessKey.objects.create(
        hash="h", user=user, password_digest="", expires_at=timezone.now() - timedelta(hours=1)
    )
    user.delete()
    assert not AccessKey.objects.exists()
