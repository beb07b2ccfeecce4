"""The XML form of a frab schedule, in the shape of the JSON form."""

import io
from typing import TYPE_CHECKING, Any, NoReturn
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from rooms.errors import BadInput

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_ELEMENTS = 500_000
_FIELDS = "room title subtitle type date start duration abstract slug track language url description logo feedback_url"


def broken(problem: str) -> NoReturn:
    """Refuse a schedule, in either form."""
    raise BadInput("broken_schedule", problem=problem)


def conference_from_xml(data: bytes) -> dict[str, Any]:
    """What `schedule.conference` is in the JSON form. Raises BadInput for what is no schedule."""
    conference: dict[str, Any] = {"tracks": [], "days": []}
    try:
        _read(data, conference)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        broken("malformed XML")
    return conference


def _read(data: bytes, conference: dict[str, Any]) -> None:
    open_tags: list[str] = []
    count = 0
    for happening, element in iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
        if happening == "start":
            count += 1
            if count > MAX_ELEMENTS:
                broken("too many elements")
            open_tags.append(element.tag)
            if open_tags == ["schedule", "day"]:
                conference["days"].append({"date": element.get("date"), "rooms": {}})
            continue
        _finish(open_tags, element, conference)
        open_tags.pop()


def _finish(open_tags: list[str], element: "Element", conference: dict[str, Any]) -> None:
    match open_tags:
        case ["schedule", "conference", "time_zone_name"]:
            conference["time_zone_name"] = element.text
        case ["schedule", "conference", *_, "track"]:
            conference["tracks"].append(dict(element.attrib))
        case ["schedule", "day", "room", "event"]:
            event = _event(element)
            conference["days"][-1]["rooms"].setdefault(event["room"], []).append(event)
            element.clear()


def _event(element: "Element") -> dict[str, Any]:
    event: dict[str, Any] = dict(element.attrib)
    event |= {name: (element.findtext(name) or "").strip() for name in _FIELDS.split()}
    event["recording_license"] = (element.findtext("recording/license") or "").strip()
    event["do_not_record"] = _flag(element.findtext("recording/optout"))
    event["persons"] = [
        {**person.attrib, "name": name, "public_name": name}
        for person in element.iterfind("persons/person")
        if (name := (person.text or "").strip())
    ]
    return event


def _flag(text: str | None) -> bool | str | None:
    """true and false as JSON has them; any other word stays, and is nobody's permission."""
    word = (text or "").strip()
    return {"true": True, "false": False}.get(word.lower(), word or None)
