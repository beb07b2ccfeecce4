"""Search across transcripts: in the word forms of each language, only what the caller may read, bounded."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from rooms.access import Identity
from rooms.errors import BadInput, DomainError
from rooms.models import Room
from rooms.tests.make import person, room
from transcripts.models import Sentence, Track
from transcripts.removal import remove_sentence
from transcripts.search import AT_ONCE, HITS_OF_A_ROOM, PAGE_ROOMS, QUERY_MOST_CHARS, bounded, search
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    correct_sentence,
    open_part,
)

pytestmark = pytest.mark.django_db


def said(code, *texts, lang="en", owner=None, **terms):
    at = Room.objects.filter(code=code).first() or room(code)
    owner_id = person(owner).pk if owner else None
    values = {"source_lang": lang, "store": True, "public": True, "owner_id": owner_id, **terms}
    part = open_part(room=at, terms=PartTerms(**values))
    sentences = [NewSentence(2000 * n, 2000 * n + 1900, text) for n, text in enumerate(texts)]
    return add_sentences(part=part, sentences=sentences)


def texts(query, identity=None, **more):
    found = search(query, identity, **more)
    return {"".join(text for text, _ in hit.snippet) for each in found.rooms for hit in each.hits}


def host(name):
    return Identity("host", person(name).pk)


def admin():
    return Identity("admin", person("organiser", group="admins").pk)


@pytest.mark.parametrize(
    ("lang", "text", "query"),
    [
        ("en", "The houses were running.", "house run"),
        ("de", "Die Häuser der Programmiererinnen.", "Haus"),
        ("fr", "Les petites pommes.", "pomme"),
        ("tlh", "nuqneH tlhIngan.", "tlhingan"),
        ("ja", "今日は、はんだ付けについてお話しします。", "はんだ付け"),
        ("zh-Hans", "今天我们谈谈焊接。", "焊接"),
    ],
)
def test_words_are_found_in_the_forms_of_their_language(lang, text, query):
    said("A", text, "12345.", lang=lang)
    assert texts(query) == {text}
    assert texts(query, lang=lang) == {text}
    assert texts(query, lang="it") == set()


def test_queries_are_written_as_for_search_engines():
    said("A", "Green tea is hot.", "Black tea is cold.", "Tea that is green.")
    assert texts('"green tea"') == {"Green tea is hot."}
    assert texts("tea -black") == {"Green tea is hot.", "Tea that is green."}
    assert texts("hot or cold") == {"Green tea is hot.", "Black tea is cold."}


def test_words_of_one_language_are_not_taken_for_those_of_another():
    said("A", "They run to the house.", lang="en")
    said("B", "Der Run auf das Haus.", lang="de")
    assert texts("running") == {"They run to the house."}
    assert texts("the") == set()  # says nothing in English, and everything must not be the answer
    assert texts("<en>") == texts("<en> <de>") == set()


def test_found_words_are_marked_and_nothing_of_the_text_is_markup():
    said("A", "<b>Running</b> & \ue000jumping\ue001 houses.")
    [hit] = search("house", None).rooms[0].hits
    assert [text for text, marked in hit.snippet if marked][-1] == "houses"
    assert "".join(text for text, _ in hit.snippet).replace(" ", "").startswith("<b>Running</b>&")


@pytest.mark.parametrize(
    ("terms", "readers"),
    [
        ({}, {"all", "host", "ada", "admin"}),
        ({"public": False}, {"host", "admin"}),
        ({"store": False}, {"host", "admin"}),
    ],
)
def test_only_what_the_caller_may_read_is_found(terms, readers):
    said("A", "A secret word.", owner="host", **terms)
    callers = {"all": None, "host": host("host"), "ada": host("ada"), "admin": admin()}
    assert {name for name, caller in callers.items() if texts("secret", caller)} == readers


def test_talk_that_must_not_be_recorded_is_found_by_its_owner_and_operators_alone():
    said("A", "A secret word.", owner="host")
    Room.objects.update(do_not_record=True)
    assert texts("secret", None) == texts("secret", host("ada")) == set()
    assert texts("secret", host("host")) == texts("secret", admin()) != set()


def test_what_was_corrected_or_removed_is_found_as_it_is_now_and_so_are_translations():
    one, two = said("A", "Wrong word.", "Another word.")
    translations = [Translation(0, "Falsches Wort.", one.version), Translation(1, "Ein Wort.", two.version)]
    add_translations(part=one.part, lang="de", translations=translations)
    assert texts("Wort") == {"Falsches Wort.", "Ein Wort."}
    correct_sentence(sentence=one, text="Right word.")
    remove_sentence(two)
    assert texts("word") == {"Right word."}
    assert texts("Wort") == set()
    assert texts("wrong") == set()


def test_rooms_come_by_how_much_they_say_and_in_pages_with_their_best_sentences():
    for number in range(PAGE_ROOMS + 2):
        said(f"R{number:02}", *["A needle."] * (number + 1), "Hay.")
    first, second = search("needle", None), search("needle", None, page=2)
    assert [each.room.code for each in first.rooms] == [f"R{n:02}" for n in range(PAGE_ROOMS + 1, 1, -1)]
    assert first.rooms[0].count == PAGE_ROOMS + 2
    assert len(first.rooms[0].hits) == HITS_OF_A_ROOM
    assert (first.has_more, second.has_more) == (True, False)
    assert [each.room.code for each in second.rooms] == ["R01", "R00"]


def test_query_count_does_not_depend_on_how_much_is_found(django_assert_max_num_queries):
    for number in range(4):
        said(f"R{number}", *["A needle."] * 3)
    with django_assert_max_num_queries(8):
        assert search("needle", None).rooms


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "query_too_short"),
        ("  -\x00 ", "query_too_short"),
        ("x" * (QUERY_MOST_CHARS + 1), "query_too_long"),
    ],
)
def test_what_cannot_be_searched_is_refused(query, code):
    with pytest.raises(BadInput) as raised:
        search(query, None)
    assert raised.value.code == code


@pytest.mark.parametrize(
    "query", ["' OR 1=1 --", '"unclosed', "a & | ! ( ) : * <-> b", "a%_\\", "-only", "the", "はん%_"]
)
def test_odd_queries_find_nothing_odd(query):
    said("A", "Plain words.", "今日は。", lang="ja")
    assert isinstance(texts(query), set)


@pytest.mark.django_db(transaction=True)
def test_search_that_takes_too_long_is_ended_and_says_so():
    with pytest.raises(DomainError) as raised, bounded(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(600)")
    assert raised.value.code == "search_too_slow"
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() != ("50ms",)


@pytest.mark.django_db(transaction=True)
def test_more_searches_than_a_process_makes_at_once_all_get_their_answer():
    said("A", "A needle.")

    def one(_):
        try:
            return texts("needle")
        finally:
            connection.close()

    with ThreadPoolExecutor(3 * AT_ONCE) as threads:
        assert list(threads.map(one, range(3 * AT_ONCE))) == [{"A needle."}] * (3 * AT_ONCE)


def test_index_answers_and_rows_are_not_read_one_by_one():
    rows = said("A", "A needle.")
    track = Track.objects.get()
    Sentence.objects.bulk_create(
        Sentence(track=track, part=rows[0].part, index=n, line=0, position=n, start_ms=0, end_ms=1, text=f"Hay {n}.", version=n, search_lang="en")
        for n in range(10, 4000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE transcripts_sentence")
        cursor.execute(
            "EXPLAIN SELECT * FROM transcripts_sentence WHERE removed_at IS NULL AND"
            " transcript_search_vector(search_lang, text) @@ transcript_search_query('en', 'needle')"
        )
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert "sentence_words" in plan


def in_pieces(code, *texts, **more):
    """One sentence, stored in pieces."""
    rows = said(code, *texts, **more)
    Sentence.objects.filter(pk__in=[row.pk for row in rows[:-1]]).update(ends=False)
    return rows


@pytest.mark.parametrize(
    ("lang", "pieces", "query"),
    [
        ("en", ("Ask not what your", "country can do", "for you."), '"ask not what your country"'),
        ("en", ("Ask not what your", "country can do", "for you."), "asks countries"),
        ("de", ("Wer die Häuser", "und die Gärten", "sieht."), "Haus Garten"),
        ("tlh", ("it's nuqneH", "tlhIngan."), "it's tlhingan"),
        ("ja", ("今日は、はんだ", "付けについて", "お話しします。"), "はんだ付けについてお話し"),
    ],
)
def test_long_sentence_is_found_as_a_whole_whichever_of_its_pieces_have_the_words(lang, pieces, query):
    in_pieces("A", "Something else.", lang=lang)
    in_pieces("A", *pieces, lang=lang)
    (found,) = search(query, None).rooms
    (hit,) = found.hits
    assert (found.count, hit.index) == (1, 0)
    assert "".join(text for text, _ in hit.snippet) == ("" if lang == "ja" else " ").join(pieces)
    assert any(marked for _, marked in hit.snippet)


def test_words_of_neighbouring_sentences_are_not_taken_for_those_of_one():
    in_pieces("A", "A long", "sentence.")
    said("A", "Another one.")
    said("B", "A long one.", "A sentence.")
    assert texts("long sentence") == {"A long sentence."}
    assert texts("long another") == texts('"sentence another"') == set()
    assert texts("long -sentence") == {"A long", "A long one."}


def test_piece_that_holds_all_of_the_words_is_found_once_and_alone():
    in_pieces("A", "Words of the first piece", "and words of the second.")
    assert texts("first piece") == {"Words of the first piece"}
    assert search("first piece", None).rooms[0].count == 1


def test_query_count_does_not_depend_on_how_many_pieces_are_put_together(django_assert_max_num_queries):
    for number in range(4):
        in_pieces(f"R{number}", "One needle", "and another", "in the hay.")
    with django_assert_max_num_queries(14):
        assert len(search("needle hay", None).rooms) == 4
