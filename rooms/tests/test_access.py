"""Keys, passwords, and how fast an address may guess."""

import hashlib
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from asr.tests.real_redis import RealRedis
from rooms import access, throttle
from rooms.access import Identity
from rooms.errors import DomainError, Forbidden, Unauthenticated
from rooms.models import AccessKey
from rooms.tasks import delete_expired_keys

ADDRESS = "192.0.2.1"


@pytest.fixture(autouse=True)
def _logins(env):
    env(host_password="", host_passwords={"ada": "ada's", "alan": "alan's"}, admin_password="the admin's")


def ada():
    return User.objects.get(username="ada")


@pytest.mark.django_db
class TestKeys:
    def test_key_for_a_program_is_its_login_s_and_as_good_as_the_password(self, env, capsys):
        call_command("make_key", "ada", days=3)
        key = capsys.readouterr().out.strip()
        assert access.identify_key(key) == Identity("host", ada().pk)
        assert timedelta(days=2) < AccessKey.objects.get().expires_at - timezone.now() < timedelta(days=3)
        env(host_passwords={"ada": "another"})
        with pytest.raises(Unauthenticated):
            access.identify_key(key)

    @pytest.mark.parametrize(("name", "days"), [("nobody", 3), ("ada", 0), ("ada", 9999)])
    def test_no_key_is_made_for_a_stranger_nor_for_ever(self, name, days):
        with pytest.raises(CommandError):
            call_command("make_key", name, days=days)
        assert not AccessKey.objects.exists()

    def test_login_gives_a_key_that_is_stored_only_as_its_hash(self):
        fresh = access.login("ada's", None, ADDRESS)
        assert len(bytes.fromhex(fresh.key)) == 16
        stored = AccessKey.objects.get()
        assert stored.hash == hashlib.sha256(fresh.key.encode()).hexdigest()
        assert fresh.key not in str(stored.__dict__)

    def test_person_is_the_same_after_logging_in_again(self):
        first, second = (access.login("ada's", None, ADDRESS) for _ in range(2))
        assert first.key != second.key
        assert access.identify_key(first.key) == access.identify_key(second.key) == Identity("host", ada().pk)
        assert access.identify("alan's") == Identity("host", User.objects.get(username="alan").pk)

    @pytest.mark.parametrize("role", [None, "host", "admin"])
    def test_admin_password_always_gives_power_admin(self, role):
        assert access.login("the admin's", role, ADDRESS).identity.is_admin

    def test_role_admin_needs_the_admin_password(self):
        with pytest.raises(Forbidden):
            access.login("ada's", "admin", ADDRESS)
        assert not AccessKey.objects.exists()

    def test_key_lives_as_long_as_the_setting_says(self, env):
        env(key_lifetime_hours=5)
        lifetime = access.login("ada's", None, ADDRESS).expires_at - timezone.now()
        assert timedelta(hours=5) - timedelta(minutes=1) < lifetime <= timedelta(hours=5)

    def test_expired_key_opens_nothing_and_is_swept(self):
        key = access.login("ada's", None, ADDRESS).key
        kept = access.login("alan's", None, ADDRESS).key
        AccessKey.objects.filter(user=ada()).update(expires_at=timezone.now())
        with pytest.raises(Unauthenticated):
            access.identify_key(key)
        delete_expired_keys()
        assert [row.user.username for row in AccessKey.objects.all()] == ["alan"]
        assert access.identify_key(kept).power == "host"

    def test_key_by_which_somebody_speaks_does_not_run_out_for_a_day(self):
        def stored(**changes):
            AccessKey.objects.update(**changes)
            return AccessKey.objects.get().expires_at

        key = access.login("ada's", None, ADDRESS).key
        now, hashed = timezone.now(), access.key_hash(key)
        far = stored(expires_at=now + timedelta(hours=1))
        assert access.identify_in_use(hashed) == access.identify_key(key)
        assert stored() == far  # nothing is written while there is time
        stored(expires_at=now + timedelta(minutes=1))
        access.identify_in_use(hashed)
        assert stored() >= now + access.IN_USE_LEFT
        near = stored(expires_at=now + timedelta(minutes=1), created_at=now - access.IN_USE_MOST)
        access.identify_in_use(hashed)
        assert stored() == near
        stored(expires_at=now, created_at=now)
        with pytest.raises(Unauthenticated):  # what is over stays so
            access.identify_in_use(hashed)
        stored(expires_at=now + timedelta(minutes=1), revoked_at=now)
        with pytest.raises(Unauthenticated):
            access.identify_in_use(hashed)

    def test_sessions_of_the_pages_that_are_over_are_swept(self):
        for hours in (-1, 1):
            Session.objects.create(
                session_key=str(hours), expire_date=timezone.now() + timedelta(hours=hours)
            )
        delete_expired_keys()
        assert [row.session_key for row in Session.objects.all()] == ["1"]

    def test_revoked_key_opens_nothing(self):
        key = access.login("ada's", None, ADDRESS).key
        assert access.revoke(list(AccessKey.objects.all())) == 1
        with pytest.raises(Unauthenticated):
            access.identify(key)

    @pytest.mark.parametrize("key", ["", "0" * 32, "0" * 31, "Z" * 32, "\x00" * 32, "é" * 32, "a" * 100_000])
    def test_what_is_no_key_is_refused(self, key):
        with pytest.raises(Unauthenticated):
            access.identify_key(key)

    @pytest.mark.usefixtures("dead_redis")
    def test_without_redis_logins_and_keys_still_work(self):
        key = access.login("ada's", None, ADDRESS).key
        assert access.identify_key(key) == Identity("host", ada().pk)
        access.revoke(list(AccessKey.objects.all()))
        with pytest.raises(Unauthenticated):
            access.identify_key(key)

    def test_right_password_gets_in_within_two_seconds_though_redis_is_silent(self, settings, tmp_path):
        with RealRedis(tmp_path) as redis:
            settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": redis.url}}
            access.login("ada's", None, ADDRESS)
            with redis.silent():
                times = [_login_s() for _ in range(3)]
        assert min(times) < 2, "it waits for Redis for a second; what is more is the machine's"


def _login_s() -> float:
    began = time.monotonic()
    assert access.login("ada's", None, ADDRESS).identity == Identity("host", ada().pk)
    return time.monotonic() - began


@pytest.fixture
def lost_postgres(transactional_db, tmp_path):
    """A function that takes PostgreSQL away until the test ends."""
    host = connection.settings_dict["HOST"]

    def lose():
        connection.close()
        connection.settings_dict["HOST"] = str(tmp_path)

    yield lose
    connection.close()
    connection.settings_dict["HOST"] = host


@pytest.mark.django_db(
    transaction=True
)  # by the mark, which comes first: emptied, the database is seeded with the logins of the moment
class TestWithoutPostgres:
    def test_good_key_stays_good(self, lost_postgres):
        key = access.login("ada's", None, ADDRESS).key
        user_id = ada().pk
        lost_postgres()
        assert access.identify_key(key) == Identity("host", user_id)

    def test_revoked_key_stays_revoked(self, lost_postgres):
        key = access.login("ada's", None, ADDRESS).key
        access.revoke(list(AccessKey.objects.all()))
        lost_postgres()
        with pytest.raises(DomainError, match="not_ready"):
            access.identify_key(key)

    def test_key_of_a_password_that_is_no_more_is_dead_all_the_same(self, lost_postgres, env):
        key = access.login("ada's", None, ADDRESS).key
        lost_postgres()
        env(host_passwords={"ada": "another", "alan": "alan's"})
        with pytest.raises(Unauthenticated):
            access.identify_key(key)

    def test_key_of_who_was_removed_is_not_remembered(self, lost_postgres):
        key = access.login("ada's", None, ADDRESS).key
        ada().delete()
        lost_postgres()
        with pytest.raises(DomainError, match="not_ready"):
            access.identify_key(key)

    def test_right_password_is_right_though_nobody_says_whose(self, lost_postgres):
        lost_postgres()
        assert access.identify_password("ada's") == Identity("host", None)
        with pytest.raises(Unauthenticated):
            access.identify_password("wrong")

    def test_unknown_key_is_not_called_wrong_while_nobody_can_tell(self, lost_postgres):
        lost_postgres()
        with pytest.raises(DomainError) as refusal:
            access.identify_key("0" * 32)
        assert refusal.value.retry


@pytest.mark.django_db
class TestPasswords:
    @pytest.mark.parametrize("password", ["", "ADA'S", "ada's ", "ada", "\ud800", "the admin", "x" * 10_000])
    def test_wrong_password_is_refused(self, password):
        with pytest.raises(Unauthenticated):
            access.identify_password(password)

    def test_password_that_is_not_set_matches_nothing(self, env):
        env(admin_password="", host_passwords={"ada": ""})
        with pytest.raises(Unauthenticated):
            access.identify_password("")


class Clock:
    """Stands still until told."""

    def __init__(self):
        self.now_s = 1_000_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def refused(address, clock, times=1):
    """Whether each of some wrong passwords is told to wait."""
    told = []
    for _ in range(times):
        try:
            throttle.count_failure(address, clock=clock)
            told.append(False)
        except DomainError as error:
            told.append(error.code == "too_many_attempts")
    return told


class TestThrottle:
    @pytest.fixture(autouse=True)
    def _limit(self, env):
        env(login_failures_per_minute=3)

    def test_guesser_is_told_to_wait(self, clock):
        assert refused("192.0.2.11", clock, 5) == [False, False, False, True, True]

    @pytest.mark.django_db
    def test_no_right_password_is_refused_whatever_its_neighbour_guesses(self):
        for guess in range(15):
            with pytest.raises(DomainError):
                access.identify_password(f"guess {guess}", address="192.0.2.12")
            assert access.identify_password("ada's", address="192.0.2.12") == Identity("host", ada().pk)
            assert access.identify_password("the admin's", address="192.0.2.12").is_admin

    def test_wrong_passwords_of_the_last_minute_count_wherever_the_clock_s_minute_begins(self, clock):
        clock.now_s = 1_000_020 - 1.0  # a second before a minute of the clock begins
        assert refused("192.0.2.13", clock, 3) == [False, False, False]
        clock.now_s += 2
        assert refused("192.0.2.13", clock) == [True]

    def test_after_two_minutes_nothing_counts_any_more(self, clock):
        refused("192.0.2.14", clock, 10)
        clock.now_s += 120
        assert refused("192.0.2.14", clock, 3) == [False, False, False]

    def test_votes_are_counted_by_themselves(self, clock, env):
        env(votes_per_minute=2)
        refused("192.0.2.17", clock, 10)
        for _ in range(2):
            throttle.count_vote("192.0.2.17", clock=clock)
        with pytest.raises(DomainError, match="too_many_votes"):
            throttle.count_vote("192.0.2.17", clock=clock)

    def test_other_addresses_do_not_suffer(self, clock):
        refused("192.0.2.15", clock, 10)
        assert refused("192.0.2.16", clock, 3) == [False, False, False]

    def test_ipv6_customer_is_one_address_and_ipv4_in_ipv6_is_ipv4(self, clock):
        refused("2001:db8:1:2::1", clock, 3)
        refused("::ffff:192.0.2.17", clock, 3)
        assert refused("2001:db8:1:2:ffff::9", clock) == [True]
        assert refused("192.0.2.17", clock) == [True]
        assert refused("2001:db8:1:3::1", clock) == [False]

    @pytest.mark.usefixtures("dead_redis")
    def test_without_redis_nobody_is_told_to_wait(self, clock):
        assert not any(refused("192.0.2.18", clock, 10))
