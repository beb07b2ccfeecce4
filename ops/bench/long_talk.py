"""The viewer's page through a long talk: how long its frames take with thousands of sentences, and whether hours make it grow.

The page is the server's; its socket is replaced in the browser by one that tells a talk as fast as the page can show it
(long_talk.js). Through hours the page's clock is Playwright's: timers and frames come in their order, as soon as they can.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import browser as drive
from ops.bench.page import CPU_SLOWDOWN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

TALK = Path(__file__).with_name("long_talk.js").read_text("utf-8")
PARTIALS, SENTENCE_S = 4, 5.0  # of each sentence so many states, and this long it takes to speak
BREAK_EVERY = 60  # sentences: five minutes
# What a reader does, step by step, one a frame.
ACT = """async ([act, steps]) => {
  const scroller = document.getElementById("scroller");
  const acts = {
    older: () => { scroller.scrollTop = 0; },
    scroll: () => { scroller.scrollTop -= 300; },
    follow: (step) => { if (step % 5 === 4) talk.says(); else talk.saying(2 + 2 * (step % 5)); },
  };
  for (let step = 0; step < steps; step += 1) {
    acts[act](step);
    await new Promise(requestAnimationFrame);
  }
}"""
FOLLOWED = """() => new Promise((done) => {
  const look = () => (talk.isFollowed() ? requestAnimationFrame(done) : setTimeout(look, 20));
  look();
})"""
SPEAK = """([sentenceMs, partials, breakEvery]) => {
  let said = 0, step = 0;
  setInterval(() => {
    step = (step + 1) % (partials + 1);
    if (step) return talk.saying(2 * step);
    talk.says();
    said += 1;
    if (said % breakEvery === 0) talk.breaks();
  }, sentenceMs / (partials + 1));
}"""


@dataclass(frozen=True, slots=True)
class Tasks:
    """What a reader does, and how long the page's main thread was busy at a stretch: its CPU time, times CPU_SLOWDOWN.

    CPU time: another process on this machine does not change it. `longest`: what the browser says of the longest one.
    """

    doing: str
    steps: int
    busy_ms_per_step: float
    p99_ms: float
    longest_ms: float
    over_50_ms: int
    longest: str


@dataclass(frozen=True, slots=True)
class Hour:
    """The page at this hour, after a collection of garbage."""

    hour: int
    sentences: int  # said
    shown: int  # elements of sentences
    heap_mb: float
    nodes: int
    listeners: int


def measure_tasks(browser: Browser, url: str, *, sentences: int) -> list[Tasks]:
    """A phone's page at the end of a talk of so many sentences: following it, fetching all of it, scrolling, following again."""
    page, _ = _open(browser, url, said=sentences, view="transcript")
    try:
        found = [
            _watched(page, "following", "follow", 150),
            _watched(page, "fetching all of it", "older", 600),
        ]
        while page.evaluate("document.querySelector('.chunk').dataset.first !== '10000000'"):
            page.evaluate(ACT, ["older", 60])
        page.evaluate("document.getElementById('newer').click()")
        found.append(_watched(page, "following, with all of it", "follow", 150))
        found.append(_watched(page, "scrolling back", "scroll", 300))
        return [*found, _watched(page, "reading further back", "follow", 150)]
    finally:
        page.context.close()


def measure_hours(browser: Browser, url: str, *, hours: int, view: str) -> list[Hour]:
    """A page that follows a talk of so many hours from its start, its connection broken every five minutes."""
    page, client = _open(browser, url, said=0, view=view, own_clock=True)
    try:
        page.evaluate(SPEAK, [SENTENCE_S * 1000, PARTIALS, BREAK_EVERY])
        found = [_hour(page, client, 0)]
        for hour in range(1, hours + 1):
            for _ in range(60):
                page.clock.run_for(60_000)
            found.append(_hour(page, client, hour))
        return found
    finally:
        page.context.close()


def _open(
    browser: Browser, url: str, *, said: int, view: str, own_clock: bool = False
) -> tuple[Page, CDPSession]:
    opened = drive.context(browser, url, viewport=drive.PHONE)
    page = opened.new_page()
    if own_clock:
        page.clock.install()
    style = f"{{view: '{view}', original: 'under', pace: 'fast'}}"
    page.add_init_script(f"localStorage.setItem('souffleur.reading', JSON.stringify({style}))")
    page.add_init_script(f"({TALK})({said})")
    page.goto("/room/LIVE?lang=de")
    page.evaluate(FOLLOWED)
    return page, opened.new_cdp_session(page)


def _watched(page: Page, doing: str, act: str, steps: int) -> Tasks:
    browser = page.context.browser
    assert browser is not None  # noqa: S101
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline", "blink.user_timing", "v8"])
    page.evaluate(ACT, [act, steps])
    events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    own = [each for each in events if (each["pid"], each["tid"]) in main and each.get("tdur")]
    tasks = sorted((each for each in own if each["name"] == "ThreadControllerImpl::RunTask"), key=_cpu_ms)
    longest = tasks[-1]
    within = [each for each in own if longest["ts"] < each["ts"] < longest["ts"] + longest["dur"]]
    parts = sorted(within, key=_cpu_ms, reverse=True)[:6]
    return Tasks(
        doing, steps, sum(map(_cpu_ms, tasks)) / steps, _cpu_ms(tasks[int(0.99 * len(tasks))]), _cpu_ms(longest),
        sum(_cpu_ms(each) > 50 for each in tasks), ", ".join(f"{_name(each)} {_cpu_ms(each):.0f}" for each in parts),
    )  # fmt: skip


def _name(event: dict[str, Any]) -> str:
    called = event.get("args", {}).get("data", {}).get("functionName", "")
    return f"{event['name']} {called}" if called else str(event["name"])


def _cpu_ms(event: dict[str, Any]) -> float:
    return float(event["tdur"]) / 1000 * CPU_SLOWDOWN


def _hour(page: Page, client: CDPSession, hour: int) -> Hour:
    client.send("HeapProfiler.enable")
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in client.send("Performance.getMetrics")["metrics"]}
    return Hour(
        hour, page.evaluate("talk.said()"), page.evaluate("document.querySelectorAll('.sentence').length"),
        metrics["JSHeapUsedSize"] / 1e6, round(metrics["Nodes"]), round(metrics["JSEventListeners"]),
    )  # fmt: skip
