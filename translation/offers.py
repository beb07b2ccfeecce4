"""Which languages a room can be read in: what its own language can be translated into, by its own engines."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from translation import chain, circuit
from translation.engines import codes
from translation.models import EngineState
from translation.room_settings import engine_names
from translation.selectors import target_langs


def langs_in(room_id: int, source_lang: str) -> list[str]:
    """Languages that a talk in `source_lang` can be read in there: that one first, then those it is translated into."""
    return langs_in_rooms({room_id: source_lang})[room_id]


def langs_in_rooms(source_langs: Mapping[int, str]) -> dict[int, list[str]]:
    """The same for several rooms. So many queries whatever their number."""
    known, own = circuit.states(), engine_names(source_langs)
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for room_id, source_lang in source_langs.items():
        key = own.get(room_id, ()), source_lang
        if key not in found:
            found[key] = _langs(*key, known)
    return {room_id: found[own.get(room_id, ()), lang] for room_id, lang in source_langs.items()}


def langs_made(spoken: Collection[str]) -> list[str]:
    """Languages that one of these can be translated into, by the deployment's engines: where no room chooses its own."""
    known = circuit.states()
    return sorted({lang for source_lang in spoken for lang in _langs((), source_lang, known)[1:]})


def _langs(names: tuple[str, ...], source_lang: str, known: dict[str, EngineState]) -> list[str]:
    pairs = [circuit.pairs_of(engine, known) for engine in chain.engines(names)]
    made = [lang for lang in target_langs() if any(codes.offers(each, source_lang, lang) for each in pairs)]
    return [source_lang, *made]
