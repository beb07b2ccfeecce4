"""The environment is refused with words that say what to set, never with values."""

import re
import shlex
import stat
import subprocess

import pytest

from config.database import connection_settings
from config.env import BASE_DIR, Env, EnvError, read_env
from config.env.secret_files import SECRETS
from rooms.encryption import key_as_text, new_key

GOOD_KEY = "s0me-key-" * 6
GOOD = {
    "debug": False, "secret_key": GOOD_KEY, "host_password": "host-secret", "admin_password": "admin-secret",
    "host_passwords": {},
}  # fmt: skip
GOOD_SECRETS = {name: GOOD[name] for name in ("secret_key", "host_password", "admin_password")}


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
        ({"secret_key": "a"}, "SECRET_KEY: at least 50"),
        ({"secret_key": "x" * 60}, "SECRET_KEY: at least 50"),
        ({"admin_password": "secret"}, "ADMIN_PASSWORD: a password has at least 8"),
        ({"host_password": "host"}, "HOST_PASSWORD: a password has at least 8"),
        ({"host_passwords": {"ada": "hers"}}, "HOST_PASSWORDS: a password has at least 8"),
        ({"metrics_token": "short"}, "METRICS_TOKEN: at least 16"),
        ({"default_source_lang": "tlh"}, "DEFAULT_SOURCE_LANG"),
        ({"event_time_zone": "Mars/Olympus"}, "EVENT_TIME_ZONE"),
        ({"log_level": "chatty"}, "LOG_LEVEL"),
        ({"bypass_authorization": True}, "BYPASS_AUTHORIZATION"),
        ({"asap_pub_keys_repo_url": "https://keys"}, "ASAP_PUB_KEYS_AUDS"),
        ({"asr_device": "mps"}, "ASR_DEVICE=mps needs ASR_BACKEND=torch"),
        ({"asr_policy": "alignatt"}, "ASR_POLICY=alignatt needs ASR_BACKEND=onnxruntime or torch"),
        ({"asr_backend": "torch", "asr_compute_type": "int8"}, "ASR_COMPUTE_TYPE"),
        ({"encrypt_transcripts": True}, "ENCRYPTION_KEY_FILE"),
        ({"statistics_url": "https://umami.example"}, "STATISTICS_WEBSITE_ID"),
        ({"statistics_url": "umami.example"}, "STATISTICS_URL: https://HOST"),
        ({"statistics_url": "https://umami.example; script-src *"}, "STATISTICS_URL: https://HOST"),
        ({"encryption_keys": ["too-secret"]}, "ENCRYPTION_KEYS: key 1 is"),
        ({"encryption_key_file": "/nowhere/keys"}, "ENCRYPTION_KEY_FILE cannot be read"),
    ],
)
def test_wrong_environment_is_refused_by_name(changes, named):
    assert named in refused(**changes)


def test_development_may_use_secrets_that_anybody_guesses():
    assert read_env(debug=True, secret_key="a", host_password="a", admin_password="b").host_password == "a"


def test_meetings_without_tokens_are_for_development_unless_it_is_said_twice():
    assert read_env(**{**GOOD, "debug": True, "bypass_authorization": True}).bypass_authorization
    twice = {"bypass_authorization": True, "bypass_authorization_outside_debug": True}
    assert read_env(**{**GOOD, **twice}).bypass_authorization


def test_keys_of_encryption_are_read_from_the_environment_and_a_file_that_nobody_else_reads(tmp_path):
    key, path = key_as_text(new_key()), tmp_path / "keys"
    path.write_text(f"{key}\n")
    path.chmod(0o644)
    with pytest.raises(EnvError, match="chmod 600"):
        read_env(**{**GOOD, "encrypt_transcripts": True, "encryption_key_file": path})
    path.chmod(0o600)
    assert read_env(**{**GOOD, "encrypt_transcripts": True, "encryption_key_file": path}).encrypt_transcripts
    assert read_env(**{**GOOD, "encrypt_transcripts": True, "encryption_keys": [key]}).encrypt_transcripts


def test_level_of_the_log_is_taken_in_small_letters():
    assert read_env(**{**GOOD, "log_level": "debug"}).log_level == "DEBUG"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644])
def test_secrets_that_others_may_read_are_refused_with_the_command_that_mends_it(tmp_path, mode):
    path = tmp_path / "my .env"
    path.write_text("HOST_PASSWORD=host-secret\n")
    path.chmod(mode)
    message = refused(env_file=path)
    command = message.splitlines()[-1].strip()
    subprocess.run(shlex.split(command), check=True)
    assert read_env(**{**GOOD, "env_file": path}).host_password == "host-secret"


def test_the_lines_of_the_readme_make_a_file_that_is_accepted(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", (BASE_DIR / "README.md").read_text(), re.DOTALL)
    [lines] = [block.partition("script/server")[0] for block in blocks if "cat > .env" in block]
    (tmp_path / ".env").write_text("what was there before")
    (tmp_path / ".env").chmod(0o644)
    subprocess.run(["sh", "-euc", f"umask 022\n{lines}"], cwd=tmp_path, check=True)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    env = read_env(debug=False, env_file=tmp_path / ".env", secret_key=GOOD_KEY)
    assert not env.https_only


class Secrets:
    """Files of secrets, and the environment that names them."""

    def __init__(self, folder, monkeypatch):
        self._folder, self._monkeypatch = folder, monkeypatch
        for name in SECRETS:  # what the tests' own environment has is not these tests'
            monkeypatch.delenv(name.upper(), raising=False)

    def keep(self, name, text):
        path = self._folder / name
        path.write_text(text)
        self.name(name, path)

    def name(self, name, path):
        self._monkeypatch.setenv(f"{name.upper()}_FILE", str(path))

    def read(self, **more):
        return read_env(env_file=self._folder / ".env", debug=False, **more)


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    return Secrets(tmp_path, monkeypatch)


def test_secrets_come_from_the_files_that_the_environment_names(secrets):
    secrets.keep("secret_key", f"{GOOD_KEY}\n")
    secrets.keep("admin_password", "admin-secret\n")
    secrets.keep("host_passwords", '{"ada": "ada-secret"}\n')
    secrets.keep("database_password", "stored-secret\n")
    env = secrets.read(database_url="postgres://souffleur@postgres:5432/souffleur")
    assert (env.secret_key, env.admin_password, env.host_logins) == (
        GOOD_KEY, "admin-secret", {"ada": "ada-secret"},
    )  # fmt: skip
    database = connection_settings(env, env.database_url)
    assert (database["USER"], database["PASSWORD"]) == ("souffleur", "stored-secret")


def test_a_password_in_the_url_of_the_database_is_the_one_that_counts(secrets):
    secrets.keep("database_password", "stored-secret")
    env = secrets.read(**GOOD_SECRETS, database_url="postgres://souffleur:given@postgres/souffleur")
    assert connection_settings(env, env.database_url)["PASSWORD"] == "given"


def test_a_file_may_be_named_in_the_env_file_too(secrets, tmp_path):
    (tmp_path / "key").write_text(GOOD_KEY)
    (tmp_path / ".env").write_text(f"SECRET_KEY_FILE={tmp_path / 'key'}\n")
    (tmp_path / ".env").chmod(0o600)
    passwords = {name: value for name, value in GOOD_SECRETS.items() if name != "secret_key"}
    assert secrets.read(**passwords).secret_key == GOOD_KEY


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("", "empty"), ("\n", "empty"), ("\udcff", "no text")]
)
def test_a_secret_s_file_that_gives_none_is_refused_by_its_variable(secrets, tmp_path, content, said):
    secrets.name("admin_password", tmp_path / "admin")
    if content is not None:
        (tmp_path / "admin").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(EnvError, match=f"ADMIN_PASSWORD_FILE.*{said}"):
        secrets.read()


def test_a_secret_that_is_given_twice_is_refused_without_its_value(secrets, monkeypatch):
    secrets.keep("admin_password", "one-secret")
    monkeypatch.setenv("ADMIN_PASSWORD", "other-secret")
    with pytest.raises(EnvError, match="set one of the two") as raised:
        secrets.read()
    assert "-secret" not in str(raised.value)


def test_every_setting_that_is_a_secret_may_come_from_a_file():
    named = {
        name for name in Env.model_fields if re.search(r"password|secret|token|api_key|_url$|_keys$", name)
    }
    public = {
        "schedule_url", "statistics_url", "libretranslate_url", "chat_url", "centrifugo_url", "asap_pub_keys_repo_url", "chat_tokens_per_day",
        "encryption_keys",  # ENCRYPTION_KEY_FILE is theirs
    }  # fmt: skip
    assert named - public == set(SECRETS)
