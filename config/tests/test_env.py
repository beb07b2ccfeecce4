"""The environment is refused with words that say what to set, never with values."""

import pytest

from config.env import EnvError, read_env

GOOD = {
    "debug": False, "secret_key": "s" * 50, "host_password": "host-secret", "admin_password": "admin-secret",
    "host_passwords": {},
}  # fmt: skip


def refused(**changes):
    with pytest.raises(EnvError) as raised:
        read_env(**{**GOOD, **changes})
    message = str(raised.value)
    assert "-secret" not in message
    return message


def test_logins_are_the_names_that_own_what_they_hosted():
    env = read_env(**{**GOOD, "host_passwords": {"ada": "ada-secret"}})
    assert env.host_logins == {"ada": "ada-secret", "host": "host-secret"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"secret_key": ""}, "SECRET_KEY"),
        ({"host_password": ""}, "HOST_PASSWORD"),
        ({"admin_password": ""}, "ADMIN_PASSWORD"),
        ({"admin_password": "host-secret"}, "ADMIN_PASSWORD must differ"),
        ({"host_passwords": {"ada": "admin-secret"}}, "ADMIN_PASSWORD must differ"),
        ({"host_passwords": {"admin": "other-secret"}}, "must not name 'admin'"),
        ({"host_passwords": {"host": "other-secret"}}, "names 'host'"),
        ({"host_passwords": {"ada": "host-secret"}}, "a password of its own"),
        ({"host_passwords": {"ada": "a-secret", "bob": "a-secret"}}, "a password of its own"),
        ({"host_passwords": {"ada": ""}}, "no password may be empty"),
        ({"host_passwords": {"": "ada-secret"}}, "1 to 64 characters"),
        ({"host_passwords": {"x" * 65: "ada-secret"}}, "1 to 64 characters"),
        ({"default_source_lang": "tlh"}, "DEFAULT_SOURCE_LANG"),
        ({"event_time_zone": "Mars/Olympus"}, "EVENT_TIME_ZONE"),
    ],
)
def test_wrong_environment_is_refused_by_name(changes, named):
    assert named in refused(**changes)
