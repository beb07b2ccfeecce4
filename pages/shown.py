"""Every page as it can be looked at: what the tests of accessibility and `manage.py screenshots` walk through.

A new page adds a line. The rows behind it are the showcase's (ops/showcase/talks.py): room LIVE is captioned in English,
read in German, French and Arabic; FUNKE waits for its host; DUE and NEXT have no captions; ENDED has a transcript;
QUIET may not be recorded; the halls are main-hall, hall-2, hall-3.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.people import Power


@dataclass(frozen=True, slots=True)
class ShownPage:
    """`ready`: a selector of what is there once the page is complete; `click`: selectors clicked then, in order."""

    name: str
    path: str
    power: Power | None = None
    ready: str = "main"
    click: tuple[str, ...] = ()
    status: int = 200
    themes: tuple[str, ...] = ("light", "dark")


HOST_STARTS = (
    "input[name=keep]", "input[name=public]", "#start[aria-disabled=false]", "[data-state=air] #state",
    ".lines li .mend",
)  # fmt: skip
SHOWN = [
    ShownPage("index", "/", ready=".hall"),
    ShownPage("index-menu", "/", ready=".hall", click=("#settings-menu > summary",), themes=("light",)),
    ShownPage("index-search", "/?q=zebra", themes=("light",)),
    ShownPage("viewer", "/room/LIVE", ready="#own .sentence"),
    ShownPage("viewer-transcript", "/room/LIVE", ready="#own .sentence", click=("#view",)),
    ShownPage(
        "viewer-languages", "/room/LIVE", ready="#own .sentence", click=("#open-langs",), themes=("light",)
    ),
    ShownPage("viewer-text", "/room/LIVE", ready="#own .sentence", click=("#open-style",)),
    ShownPage(
        "viewer-share", "/room/LIVE", ready="#own .sentence", click=("#open-share",), themes=("light",)
    ),
    ShownPage(
        "viewer-german", "/room/LIVE?lang=de", ready="#own .sentence", click=("#view",), themes=("light",)
    ),
    ShownPage("viewer-waiting", "/room/FUNKE", ready="#panel h2", themes=("light",)),
    ShownPage("viewer-ended", "/room/ENDED", ready="#own .sentence"),
    ShownPage("hall", "/hall/main-hall?lang2=de", ready=".rollup .sentence", themes=("dark",)),
    ShownPage("hall-between", "/hall/hall-3", ready="#title", themes=("dark",)),
    ShownPage("hall-setup", "/hall/main-hall?setup", ready=".setup"),
    ShownPage("hall-missing", "/hall/main-hal", status=404, themes=("light",)),
    ShownPage("overlay", "/room/LIVE/screen", ready=".rollup .sentence", themes=("light",)),
    ShownPage("viewer-refused", "/room/QUIET", status=403, themes=("light",)),
    ShownPage("live", "/live", power="admin", ready="#board .hall"),
    ShownPage(
        "live-close", "/live", power="admin", click=("[data-room=LIVE] [data-act=close]",), themes=("light",)
    ),
    ShownPage(
        "live-message",
        "/live",
        power="admin",
        click=("[data-room=LIVE] [data-act=message]",),
        themes=("dark",),
    ),
    ShownPage("live-refused", "/live", power="host", status=403, themes=("light",)),
    ShownPage("login", "/login"),
    ShownPage("logout", "/logout", power="host", themes=("light",)),
    ShownPage("host", "/room/DUE/host", power="host", ready="#device"),
    # An admin goes on where a host broke off; the shared password would begin a part of its own, which nothing recognises here.
    ShownPage("host-on-air", "/room/FUNKE/host", power="admin", ready="#device", click=HOST_STARTS),
    ShownPage(
        "host-refused", "/room/QUIET/host", power="host", ready="#blocked:not([hidden])", themes=("light",)
    ),
    ShownPage("interfaces", "/api/docs", themes=("light",)),
    ShownPage("interface", "/api/docs/sockets/captions"),
    ShownPage("archive", "/transcripts"),
    ShownPage("archive-search", "/transcripts?q=caption"),
    ShownPage("transcript", "/room/ENDED/transcript", ready="#find:not([hidden])"),
    ShownPage("transcript-none", "/room/NEXT/transcript", status=404, themes=("light",)),
    ShownPage("transcript-two", "/room/ENDED/transcript?lang=en&beside=de", ready="#find:not([hidden])"),
    ShownPage(
        "transcript-files",
        "/room/ENDED/transcript",
        ready="#find:not([hidden])",
        click=(".files > summary",),
        themes=("light",),
    ),
    ShownPage(
        "transcript-edit",
        "/room/ENDED/transcript",
        power="host",
        ready="#edit:not([hidden])",
        click=("#edit", "#p1-s2", "#editor-title"),
    ),
    ShownPage("not-found", "/nowhere", status=404),
    ShownPage("captioner", "/room/LIVE/type", power="host", ready='#pen[data-holder="nobody"]'),
    ShownPage(
        "captioner-closed", "/room/DUE/type", power="host", ready="#open:not([hidden])", themes=("light",)
    ),
    ShownPage("terms", "/room/LIVE/terms", power="host", ready="#glossary"),
    ShownPage(
        "terms-proposed",
        "/room/LIVE/terms",
        power="host",
        ready="#glossary",
        click=("button[value=propose]", ".proposed"),
        themes=("light",),
    ),
    ShownPage("demo-echo", "/demo/echo", ready="#start", click=("#start", '[data-state="running"] #state')),
    ShownPage(
        "demo-interpreter",
        "/demo/interpreter?room=showcase",
        ready="#start",
        click=("#listen", '[data-state="listening"] #state'),
    ),
    ShownPage("demo-meetings", "/demo/meetings", power="host", ready="#start"),
    ShownPage("captioner-refused", "/room/QUIET/type", power="host", status=403, themes=("light",)),
]
