"""The search of `drill at-rest` finds what lies in a file, wherever in it, and says what should have been found."""

from ops.faults.at_rest import Found, search


def test_bytes_are_found_in_every_file_that_holds_them_and_in_no_other(tmp_path):
    inner = tmp_path / "pg_wal" / "segment"
    inner.parent.mkdir()
    inner.write_bytes(bytes(70_000) + b"a known word" + bytes(70_000))
    (tmp_path / "log").write_bytes(b"known words")
    (tmp_path / "empty").touch()
    assert search([tmp_path], b"a known word") == [inner]
    assert search([tmp_path], b"another") == []


def test_what_is_kept_has_to_be_found_and_the_rest_must_not():
    assert [Found("words", 0).ok, Found("words", 1).ok] == [True, False]
    assert [Found("code", 0, kept=True).ok, Found("code", 3, kept=True).ok] == [False, True]
