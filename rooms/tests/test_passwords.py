"""Users' own passwords: whoever guesses costs no hash, and whoever knows is let in."""

import time

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.test import Client

from rooms.passwords import MarkedHasher
from rooms.people import seed_people

PASSWORD = "a long one of her own"
GUESSES = [f"guess {number}" for number in range(100)]
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    # a salt of its own: whether one of the guesses has the same mark is no matter of chance
    return User.objects.create(
        username="ada",
        is_staff=True,
        is_superuser=True,
        password=MarkedHasher().encode(PASSWORD, "salt-of-the-test"),
    )


def cpu_s(work):
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def guess(name):
    for password in GUESSES:
        assert authenticate(username=name, password=password) is None


def test_a_hundred_guesses_cost_less_than_one_hash(ada):
    one_hash_s = cpu_s(lambda: make_password(PASSWORD))
    seed_people()  # "host" has no password of its own
    for name in ("ada", "nobody", "host"):
        assert cpu_s(lambda name=name: guess(name)) < one_hash_s
    assert authenticate(username="ada", password=PASSWORD) == ada


def test_a_password_outlives_the_key_that_its_mark_was_made_with(ada, settings):
    settings.SECRET_KEY = "another one" * 5
    assert authenticate(username="ada", password="wrong") is None
    assert authenticate(username="ada", password=PASSWORD) == ada
    before, after = ada.password, User.objects.get(pk=ada.pk).password
    assert before[-11:-3] != after[-11:-3]
    assert authenticate(username="ada", password=PASSWORD) == ada


def test_a_hash_of_django_s_own_is_good_and_becomes_a_marked_one(ada):
    ada.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    ada.save()
    assert authenticate(username="ada", password="wrong") is None
    assert authenticate(username="ada", password=PASSWORD) == ada
    assert User.objects.get(pk=ada.pk).password.startswith("marked_pbkdf2_sha256$")


def test_who_was_locked_out_is_refused(ada):
    ada.is_active = False
    ada.save()
    assert authenticate(username="ada", password=PASSWORD) is None


def test_admin_s_login_slows_guesses_down_and_always_takes_the_right_password(ada, env, settings):
    settings.SECURE_SSL_REDIRECT = False
    env(login_failures_per_minute=5)
    told_to_wait = False
    for number, password in enumerate(GUESSES[:20]):
        answer = Client().post("/admin/login/?next=/admin/", {"username": "ada", "password": password})
        told_to_wait = "Too many wrong passwords" in answer.content.decode()
        assert told_to_wait == (number >= 5)
    assert told_to_wait
    answer = Client().post("/admin/login/?next=/admin/", {"username": "ada", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
