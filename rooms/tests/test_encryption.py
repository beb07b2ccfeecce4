"""Data that is encrypted is read by its own key alone, and its key by what wrapped it alone."""

import pytest

from rooms import data_keys
from rooms.encryption import Cipher, KeyRing, Undecryptable, key_as_text, key_from_text, new_key
from rooms.models import DataKey

SAID = b"said in confidence"


class TestCipher:
    def test_what_is_encrypted_is_read_again_and_differs_each_time(self):
        cipher = Cipher(new_key())
        one, other = cipher.encrypt(SAID, "a"), cipher.encrypt(SAID, "a")
        assert one != other
        assert SAID not in one + other
        assert cipher.decrypt(one, "a") == cipher.decrypt(other, "a") == SAID

    @pytest.mark.parametrize("wrong", ["key", "context", "changed", "cut", "empty"])
    def test_another_key_another_place_or_other_bytes_are_refused(self, wrong):
        cipher = Cipher(new_key())
        found = cipher.encrypt(SAID, "a")
        data = {"changed": found[:-1] + bytes([found[-1] ^ 1]), "cut": found[:20], "empty": b""}.get(
            wrong, found
        )
        reader = Cipher(new_key()) if wrong == "key" else cipher
        with pytest.raises(Undecryptable):
            reader.decrypt(data, "b" if wrong == "context" else "a")


class TestKeyRing:
    def test_the_first_key_wraps_and_each_unwraps_its_own(self):
        old, new, key = new_key(), new_key(), new_key()
        wrapped = KeyRing([old]).wrap(key, "part:1")
        both = KeyRing([new, old])
        assert both.unwrap(wrapped, "part:1") == key
        assert not both.wrapped_by_first(wrapped)
        assert both.wrapped_by_first(both.wrap(key, "part:1"))

    def test_a_key_is_unwrapped_under_no_other_name_and_not_without_what_wrapped_it(self):
        ring, key = KeyRing([new_key()]), new_key()
        wrapped = ring.wrap(key, "part:1")
        for reader, name in ((ring, "part:2"), (KeyRing([new_key()]), "part:1")):
            with pytest.raises(Undecryptable):
                reader.unwrap(wrapped, name)

    @pytest.mark.parametrize("text", ["", "short", "A" * 43, key_as_text(b"x" * 31)])
    def test_what_is_no_key_is_refused(self, text):
        with pytest.raises(ValueError):  # noqa: PT011  # its words are the settings' to show
            key_from_text(text)


@pytest.mark.django_db
class TestDataKeys:
    def test_a_destroyed_key_opens_nothing(self):
        cipher = data_keys.create("part:1")
        data = cipher.encrypt(SAID, "a")
        found = data_keys.cipher_of("part:1")
        assert found is not None
        assert found.decrypt(data, "a") == SAID
        assert data_keys.destroy(["part:1"]) == 1
        assert data_keys.cipher_of("part:1") is None

    def test_no_key_lies_in_the_database_as_it_is(self):
        key_ring = data_keys.key_ring()
        data_keys.create("part:1")
        wrapped = bytes(DataKey.objects.get().wrapped)
        assert key_ring.unwrap(wrapped, "part:1") not in wrapped

    def test_another_key_of_the_settings_wraps_all_anew_and_the_old_one_may_go(self, env):
        old, new = key_as_text(new_key()), key_as_text(new_key())
        env(encryption_keys=[old])
        data = data_keys.create("part:1").encrypt(SAID, "a")
        env(encryption_keys=[new, old])
        assert data_keys.rewrap() == 1
        assert data_keys.rewrap() == 0
        env(encryption_keys=[new])
        found = data_keys.cipher_of("part:1")
        assert found is not None
        assert found.decrypt(data, "a") == SAID
        env(encryption_keys=[old])
        with pytest.raises(Undecryptable):
            data_keys.cipher_of("part:1")
