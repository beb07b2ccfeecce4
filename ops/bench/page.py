"""What a page costs who opens it on a slow phone: bytes, time to the first text, layout shift; by Chromium's own instruments."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops import browser as drive
from pages.shown import ShownPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CPU_SLOWDOWN = 4
BYTES_PER_S = 1_600_000 / 8
LATENCY_MS = 150  # a request's, as in Lighthouse's slow 4G
SETTLES_MS = 3_000  # behind the load: sockets, fonts, first captions
# Notes when an element of the selector first has text that is seen, and each shift of the layout.
OBSERVE = """selector => {
  window.measured = {text: null, shift: 0};
  const look = () => {
    const found = [...document.querySelectorAll(selector)].some(element => element.innerText?.trim() && element.getClientRects().length);
    if (found) requestAnimationFrame(() => { window.measured.text = performance.now(); });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.measured.shift += entry.value;
  }).observe({type: "layout-shift", buffered: true});
}"""


@dataclass(frozen=True, slots=True)
class PageFigures:
    """One page, opened with an empty cache. `bytes`: over the network, headers included."""

    page: str
    requests: int
    bytes: int
    first_paint_ms: float
    first_text_ms: float
    shift: float


def measure_page(
    browser: Browser, url: str, shown: ShownPage, *, runs: int, password: str = ""
) -> PageFigures:
    """Medians of so many openings, each in a browser that has nothing."""
    return _median([_open_once(browser, url, shown, password) for _ in range(runs)])


def _open_once(browser: Browser, url: str, shown: ShownPage, password: str) -> PageFigures:
    opened = drive.context(browser, url, viewport=drive.PHONE)
    try:
        if password:
            drive.sign_in(opened, password)
        page = opened.new_page()
        client = opened.new_cdp_session(page)
        sizes: dict[str, int] = {}
        client.on(
            "Network.loadingFinished",
            lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}),
        )
        client.send("Network.enable")
        client.send("Network.clearBrowserCache")
        client.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
        slow = {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": BYTES_PER_S,
            "uploadThroughput": BYTES_PER_S,
        }
        client.send("Network.emulateNetworkConditions", slow)
        page.add_init_script(f"({OBSERVE})({shown.ready!r})")
        drive.show(page, shown)
        page.wait_for_function("window.measured.text !== null")
        page.wait_for_timeout(SETTLES_MS)
        measured: dict[str, Any] = page.evaluate(
            "({...window.measured, paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0})"
        )
        return PageFigures(
            shown.name,
            len(sizes),
            sum(sizes.values()),
            measured["paint"],
            measured["text"],
            measured["shift"],
        )
    finally:
        opened.close()


def _median(runs: Sequence[PageFigures]) -> PageFigures:
    return PageFigures(
        runs[0].page,
        round(statistics.median(run.requests for run in runs)),
        round(statistics.median(run.bytes for run in runs)),
        statistics.median(run.first_paint_ms for run in runs),
        statistics.median(run.first_text_ms for run in runs),
        max(run.shift for run in runs),
    )
