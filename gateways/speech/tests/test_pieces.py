"""What is confirmed, and what is heard beyond, by the rules of the servers before this one."""

from hypothesis import given
from hypothesis import strategies as st

from gateways.speech.pieces import Piece, Pieces, Update


def word(start_ms, end_ms, text):
    return [start_ms, end_ms, text, 0.9]


def words(*rows):
    return {"words": [word(*row) for row in rows], "committed_ms": 0}


def taken(pieces):
    """All that is new, in as many updates as it takes."""
    found = []
    while update := pieces.take():
        found.append(update)
    return found


def test_words_and_the_hypothesis_beside_them_are_one_update():
    pieces = Pieces()
    pieces.add("words", words((0, 400, " Hello"), (400, 900, " there")))
    pieces.add("hypothesis", words((900, 1200, " my")))
    assert taken(pieces) == [Update(Piece(0, 900, " Hello there"), Piece(900, 1200, " my"))]


def test_piece_begins_no_earlier_than_the_one_before_ended():
    pieces = Pieces()
    pieces.add("words", words((0, 1000, " one")))
    pieces.take()
    pieces.add("words", words((800, 1500, " two")))
    assert pieces.take() == Update(Piece(1000, 1500, " two"), None)
    pieces.add("words", words((1200, 1400, " three")))
    assert pieces.take() == Update(Piece(1500, 1500, " three"), None)


def test_interim_does_not_move_where_the_next_confirmed_piece_begins():
    pieces = Pieces()
    pieces.add("hypothesis", words((0, 2000, " long")))
    assert pieces.take() == Update(None, Piece(0, 2000, " long"))
    pieces.add("words", words((0, 500, " short")))
    assert pieces.take() == Update(Piece(0, 500, " short"), None)


def test_of_hypotheses_that_nobody_took_only_the_newest_is_said():
    pieces = Pieces()
    for text in (" a", " an", " and"):
        pieces.add("hypothesis", words((0, 100, text)))
    assert taken(pieces) == [Update(None, Piece(0, 100, " and"))]


def test_words_take_the_hypothesis_before_them_away():
    pieces = Pieces()
    pieces.add("hypothesis", words((0, 100, " a")))
    pieces.add("words", words((0, 100, " A")))
    assert taken(pieces) == [Update(Piece(0, 100, " A"), None)]


def test_interim_that_was_shown_is_taken_back_when_nothing_of_it_is_heard_any_more():
    pieces = Pieces()
    pieces.add("hypothesis", words())
    assert pieces.take() is None  # nothing was shown
    pieces.add("hypothesis", words((0, 100, " you")))
    pieces.take()
    pieces.add("hypothesis", words())
    assert taken(pieces) == [Update(None, Piece(0, 0, ""))]


def test_what_else_a_session_says_is_no_text():
    pieces = Pieces()
    for kind in ("speech", "end", "error"):
        pieces.add(kind, {"state": "started", "ms": 0})
    assert pieces.take() is None


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 900), st.text(max_size=3)), max_size=3),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_confirmed_pieces_hold_every_word_once_and_never_go_back_in_time_however_they_are_taken(entries):
    pieces, found = Pieces(), []
    said = ""
    for rows, take in entries:
        said += "".join(text for _, _, text in rows)
        pieces.add("words", words(*((start, start + long, text) for start, long, text in rows)))
        found += taken(pieces) if take else []
    confirmed = [update.confirmed for update in found + taken(pieces) if update.confirmed]
    assert "".join(piece.text for piece in confirmed) == said
    times = [ms for piece in confirmed for ms in (piece.start_ms, piece.end_ms)]
    assert times == sorted(times)
