"""The host's page in a real Chromium with a microphone that is a file: nothing that is said is lost, every trouble says what to do."""

from __future__ import annotations

import base64
import os
import re
import wave
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from asr.audio.decode import StreamDecoder
from asr.audio_log import AudioLog
from asr.models import Session, Worker
from asr.rooms.messages import send_message
from asr.rooms.models import HostMessage, RoomSession
from asr.rooms.presence import leave_as_host
from asr.session_keys import session_cipher
from asr.tests.make import join, slots
from ops import browser as drive
from ops.faults.stack import HOST_PASSWORD as STACK_PASSWORD
from ops.faults.stack import free_port
from pages.tests.conftest import HOST_PASSWORD, sign_in, watch, web_process
from pages.tests.relay import Relay
from rooms.models import Consent
from rooms.tests.make import room
from transcripts.models import Part, Sentence, SentenceRevision
from transcripts.services import NewSentence, add_sentences

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OFFLINE_S = float(os.environ.get("OFFLINE_S", "3"))
# Every blob of every recorder, as the browser made it.
NOTE_BLOBS = """
window.recorded = [];
const start = MediaRecorder.prototype.start;
MediaRecorder.prototype.start = function (...given) {
  this.addEventListener("dataavailable", ({ data }) => window.recorded.push(data.arrayBuffer()));
  return start.apply(this, given);
};
"""
# Microphones that are unplugged and plugged in: what the browser does then.
PLUGS = """
window.plugged = true;
const tracks = [];
const devices = navigator.mediaDevices;
const open = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (wanted) => {
  if (!window.plugged) throw new DOMException("none", "NotFoundError");
  const stream = await open(wanted);
  tracks.push(...stream.getTracks());
  return stream;
};
window.unplug = () => {
  for (const track of tracks.splice(0)) {
    track.stop();
    track.dispatchEvent(new Event("ended"));
  }
  devices.dispatchEvent(new Event("devicechange"));
};
window.plugIn = () => {
  window.plugged = true;
  devices.dispatchEvent(new Event("devicechange"));
};
"""
ALL_BLOBS = """async () => {
  const blob = new Blob(await Promise.all(window.recorded));
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
    reader.readAsDataURL(blob);
  });
}"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A Chromium that asks for permission, and whose microphone plays a file: a tone that swells, as a voice does."""
    executable = drive.executable()
    if executable is None:
        pytest.skip("NO BROWSER TESTS: no Chromium here (apt install chromium, or set CHROMIUM to its path)")
    from playwright.sync_api import sync_playwright

    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    times = np.arange(4 * 48000) / 48000
    sound = 0.5 * np.sin(2 * np.pi * 220 * times) * (0.6 + 0.4 * np.sin(2 * np.pi * times))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    options = [option for option in drive.OPTIONS if "fake-ui" not in option]
    options.append(f"--use-file-for-fake-audio-capture={path}")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        running = playwright.chromium.launch(executable_path=executable, args=options)
        yield running
        running.close()


@pytest.fixture(autouse=True)
def _a_worker_lives() -> None:
    slots(2)
    Worker.objects.update(beat_at=timezone.now() + timedelta(hours=1))


@pytest.fixture
def host(browser, server):
    """Opens the host's page of a room, signed in, with a microphone that is allowed."""
    contexts, errors = [], []

    def open_page(
        code="TALK1", *, url=server, password=HOST_PASSWORD, microphone=True, answers=True, clock=False
    ):
        permissions = ["microphone"] if microphone else []
        contexts.append(drive.context(browser, url, viewport=drive.PHONE, permissions=permissions))
        page = contexts[-1].new_page()
        page.add_init_script(NOTE_BLOBS + PLUGS)
        if clock:  # that may be put forward
            page.clock.install()
        errors.append(watch(page))
        sign_in(page, password)
        page.goto(f"/room/{code}/host")
        if microphone:
            page.get_by_label("Which one").wait_for()
        if answers:
            page.get_by_label("Yes: the text and its").check()
            page.get_by_label("No: only who signs in").check()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [error for found in errors for error in found] == []


def start(page):
    page.get_by_role("button", name="Start captions").click()
    page.get_by_role("button", name="Pause").wait_for()


def stop(page):
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("heading", name="Stopped").wait_for()


def recorded(page) -> bytes:
    """What this browser's recorders gave out."""
    return base64.b64decode(page.evaluate(ALL_BLOBS))


def heard(code="TALK1"):
    """What the sessions of the room were given, entry by entry."""
    sessions = RoomSession.objects.filter(room__code=code).order_by("pk").values_list("pk", flat=True)
    logs = [
        AudioLog(settings.REDIS_URL, str(pk), cipher=session_cipher(pk)).read("0-0", block_ms=0, count=5000)
        for pk in sessions
    ]
    return [entry for log in logs for entry in log if entry.kind != "end"]


def wait_until_said(page, seconds):
    """Until this much sound was recorded since the page began."""
    page.wait_for_function("(least) => window.recorded.length >= least", arg=round(seconds * 3.3))


def test_what_is_said_arrives_byte_for_byte_though_the_network_swallows_it_and_breaks(host, server):
    room("TALK1")
    with Relay(server).running() as network:
        page = host(url=network.url)
        start(page)
        wait_until_said(page, 1)
        network.swallow()  # the browser believes that it is sent
        wait_until_said(page, 2.5)
        network.cut()
        page.get_by_role("heading", name="Connection lost. Keep speaking.").wait_for()
        assert "are kept here" in page.locator("#state-hint").inner_text()
        wait_until_said(page, 4.5)
        network.mend()
        page.get_by_role("heading", name="You are on air").wait_for()
        wait_until_said(page, 6)
        stop(page)
        said = recorded(page)
    entries = heard()
    assert b"".join(entry.data for entry in entries) == said
    assert {entry.kind for entry in entries[1:]} == {"more"}
    assert RoomSession.objects.count() == Part.objects.count() == 1
    decoder = StreamDecoder()
    samples = sum(
        len(piece.samples)
        for number, entry in enumerate(entries)
        for piece in decoder.feed(f"{number}-1", entry.kind, entry.data)
    )
    assert decoder.stats.packets_bad == 0
    assert samples / 16000 > 5


@pytest.mark.stack
def test_a_talk_is_captioned_without_a_gap_though_the_server_is_killed(host, shared_stack, unused_rooms):
    """By the scripted recogniser, whose words say which half second of sound they are."""
    code = next(unused_rooms)
    page = host(code, url=shared_stack.url, password=STACK_PASSWORD)
    start(page)
    page.locator("#lines").get_by_text("S0002w1").wait_for()
    shared_stack.kill(shared_stack.pid("web"))
    page.get_by_role("heading", name="Connection lost. Keep speaking.").wait_for()
    page.get_by_role("heading", name="You are on air", exact=True).wait_for()
    page.locator("#lines").get_by_text("S0008w1").wait_for()
    stop(page)
    close_room(page)
    assert_every_word_stands_once(page, shared_stack, code, least=29)


@pytest.mark.stack
def test_what_is_said_without_a_network_is_captioned_once_it_is_back(host, shared_stack, unused_rooms):
    """OFFLINE_S=30 makes it the longest stretch of which nothing may be lost on a bad day."""
    code = next(unused_rooms)
    page = host(code, url=shared_stack.url, password=STACK_PASSWORD)
    start(page)
    page.locator("#lines").get_by_text("S0002w1").wait_for()
    page.context.set_offline(True)
    page.get_by_role("heading", name="Connection lost. Keep speaking.").wait_for()
    since_s = page.evaluate("window.recorded.length") / 4
    wait_until_said(page, since_s + OFFLINE_S)
    assert "are kept here" in page.locator("#state-hint").inner_text()
    page.context.set_offline(False)
    page.get_by_role("heading", name="You are on air", exact=True).wait_for()
    page.locator("#lines").get_by_text(f"S{int((since_s + OFFLINE_S) / 2):04}w1").wait_for()
    stop(page)
    close_room(page)
    assert_every_word_stands_once(page, shared_stack, code, least=2 * OFFLINE_S)


def close_room(page):
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Close the room for everybody").click()
    page.get_by_role("heading", name="The room is closed.").wait_for()


def assert_every_word_stands_once(page, stack, code, *, least):
    """Words of the scripted recogniser, each of its half second; in one part."""
    wait_for_rows(page, lambda: stack.session(code)["state"] == "closed")
    words = " ".join(text for _, _, text in stack.sentences(code)).lower().split()
    expected = [f"s{n // 4:04}w{n % 4 + 1}" for n in range(4, 4 + len(words))]
    assert [word.strip(".,") for word in words] == expected
    assert len(words) >= least
    assert {part for part, _, _ in stack.sentences(code)} == {1}


def test_a_microphone_that_is_unplugged_is_replaced_or_taken_again_and_nothing_else_is_lost(host):
    room("TALK1")
    page = host()
    start(page)
    page.get_by_role("heading", name="You are on air").wait_for()
    wait_until_said(page, 1)
    page.evaluate("unplug()")
    page.get_by_text("The microphone was unplugged. This one is used now: Fake").wait_for()
    wait_until_said(page, 2)
    assert "This one is used now" in page.locator("#trouble").inner_text(), (
        "it stays, so that somebody reads it"
    )
    page.evaluate("window.plugged = false, unplug()")
    page.get_by_text("The microphone was unplugged. Plug it in again, or choose another one.").wait_for()
    wait_until_said(page, 3)
    assert "Plug it in again" in page.locator("#trouble").inner_text()
    assert page.locator("#bar").get_attribute("aria-valuenow") == "0"
    page.evaluate("plugIn()")
    page.get_by_text("This one is used now: Fake").wait_for()
    page.wait_for_function("() => Number(document.getElementById('bar').ariaValueNow) > 30")
    stop(page)
    assert b"".join(entry.data for entry in heard()) == recorded(page)
    assert RoomSession.objects.count() == Part.objects.count() == 1


def test_before_the_start_a_microphone_that_is_unplugged_is_asked_for_again(host):
    room("TALK1")
    page = host()
    page.get_by_text("All set.").wait_for()
    page.evaluate("window.plugged = false, unplug()")
    page.get_by_text("No microphone found. Plug one in, then try again.").wait_for()
    page.get_by_text("Before you start: allow the microphone.").wait_for()
    assert page.get_by_role("button", name="Use my microphone").is_visible()
    page.evaluate("plugIn()")
    page.get_by_text("All set.").wait_for()
    assert page.locator("#mic-error").is_hidden()


def test_pausing_stopping_starting_again_and_closing(host):
    room("TALK1")
    page = host()
    start(page)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("heading", name="Paused").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="You are on air").wait_for()
    stop(page)
    page.get_by_text("The room stays open for").wait_for()
    page.get_by_role("button", name="Start again").click()
    page.get_by_role("button", name="Pause").wait_for()
    assert Part.objects.count() == 1
    stop(page)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Close the room for everybody").click()
    page.get_by_role("heading", name="The room is closed.").wait_for()
    assert Session.objects.get().state == "closing"


def test_what_was_answered_is_recorded_and_may_be_changed_while_it_runs(host):
    room("TALK1")
    page = host()
    start(page)
    page.get_by_role("heading", name="You are on air").wait_for()
    page.get_by_text("Microphone, language, answers").click()
    page.get_by_label("No: the text is deleted").check()
    page.get_by_role("button", name="Use this language and these answers").click()
    page.get_by_text("Done. It counts from now on.").wait_for()
    page.wait_for_function("() => document.getElementById('host').dataset.state === 'waiting'")
    wait_for_rows(page, lambda: Part.objects.count() == 2)
    first, second = Consent.objects.order_by("pk")
    assert (first.keep_text, first.public, second.keep_text, second.public) == (True, False, False, False)
    assert [part.consent for part in Part.objects.order_by("number")] == [first, second]
    assert (first.wording, first.wording_lang, first.user.username) == ("host", "en", "host")
    stop(page)


def test_a_microphone_that_is_refused_says_what_to_do(host):
    room("TALK1")
    page = host(microphone=False)
    page.get_by_role("button", name="Use my microphone").click()
    page.get_by_text("The browser does not let this page use the microphone.").wait_for()
    page.get_by_text("Before you start: allow the microphone.").wait_for()
    page.context.grant_permissions(["microphone"])
    page.get_by_role("button", name="Use my microphone").click()
    page.get_by_text("All set.").wait_for()
    assert page.locator("#mic-error").is_hidden()


def test_nothing_is_answered_in_advance_and_nothing_starts_before(host):
    room("TALK1")
    page = host(answers=False)
    page.get_by_text("Before you start: say whether the text is kept").wait_for()
    page.get_by_role("button", name="Start captions").click(force=True)
    page.wait_for_function("() => document.activeElement.name === 'keep'")
    page.get_by_label("No: the text is deleted").check()
    page.get_by_text("All set.").wait_for()
    assert not Consent.objects.exists()


def test_a_talk_that_must_not_be_recorded_cannot_be_started_and_says_why(host):
    room("TALK1", do_not_record=True)
    page = host(microphone=False, answers=False)
    page.get_by_text("This talk must not be recorded").wait_for()
    assert page.get_by_role("button", name="Start captions").is_hidden()


def test_a_second_host_is_told_who_has_the_room_and_may_start_when_it_is_free(host):
    room("TALK1")
    first, second = host(), None
    start(first)
    first.get_by_role("heading", name="You are on air").wait_for()
    second = host()
    second.get_by_text("Somebody else is hosting this room now.").wait_for()
    stop(first)
    second.get_by_text("All set.").wait_for()
    start(second)
    second.get_by_role("heading", name="You are on air").wait_for()
    assert (
        Part.objects.count() == 2
    )  # the password is shared: whoever comes next speaks in a part of their own
    stop(second)


def test_who_comes_while_the_host_before_may_return_reads_for_how_long_and_loses_no_word(
    host, server, tmp_path
):
    gone = join("TALK1")
    leave_as_host(room_id=gone.room_id, connection_id=gone.connection_id)

    def reserved(seconds):
        until = timezone.now() + timedelta(seconds=900 - 600 + seconds)
        RoomSession.objects.filter(pk=gone.session_id).update(grace_until=until)

    reserved(300)
    with web_process(tmp_path / "web.log", free_port(), GRACE_S="900", HOST_RETURN_S="600") as (url, _):
        page = host(url=url, clock=True)
        page.locator("#notice").get_by_text("has just gone and may come back").wait_for()
        reserved(30)
        start(page)
        page.get_by_role("heading", name="The host before you may still come back.").wait_for()
        assert page.locator("#notice").is_hidden()
        seconds = re.search(r"on air in (\d+) s", page.locator("#state-hint").inner_text())
        assert seconds
        assert 0 < int(seconds[1]) <= 30
        wait_until_said(page, 1)
        reserved(0)
        page.clock.fast_forward(31_000)
        page.get_by_role("heading", name="You are on air").wait_for()
        stop(page)
        said = recorded(page)
    assert b"".join(entry.data for entry in heard()) == said
    assert [part.number for part in Part.objects.order_by("pk")] == [1, 2]


def test_a_page_that_is_loaded_again_is_the_same_host(host):
    room("TALK1")
    page = host()
    start(page)
    page.get_by_role("heading", name="You are on air").wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.get_by_text("All set.").wait_for()
    start(page)
    page.get_by_role("heading", name="You are on air").wait_for()
    assert Part.objects.count() == 1
    stop(page)


def test_a_sentence_is_corrected_and_removed_while_it_runs(host):
    room("TALK1")
    page = host()
    start(page)
    page.get_by_role("heading", name="You are on air").wait_for()
    part = Part.objects.get()
    texts = ["Captains are made by machines.", "They may be wrong."]
    add_sentences(
        part=part, sentences=[NewSentence(n * 1000, n * 1000 + 900, t) for n, t in enumerate(texts)]
    )
    page.get_by_role("button", name="Correct this sentence: Captains").click()
    field = page.get_by_role("textbox", name="Correct this sentence: Captains")
    field.fill("Captions are made by machines.")
    field.press("Enter")
    page.get_by_text("Captions are made by machines.").wait_for()
    page.get_by_role("button", name="Correct this sentence: They").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove").wait_for(state="detached")
    assert list(Sentence.objects.values_list("text", flat=True)) == ["Captions are made by machines."]
    assert page.get_by_role("button", name="Correct this sentence").count() == 1
    assert {row.by.username for row in SentenceRevision.objects.all()} == {"host"}
    stop(page)


def test_a_long_sentence_that_is_stored_in_pieces_is_one_line_and_corrected_as_one(host):
    room("TALK1")
    page = host()
    start(page)
    page.get_by_role("heading", name="You are on air").wait_for()
    part = Part.objects.get()
    add_sentences(part=part, sentences=[NewSentence(0, 900, "We print,", ends=False)])
    page.get_by_role("button", name="Correct this sentence: We print,").wait_for()
    add_sentences(part=part, sentences=[NewSentence(900, 1900, "end we are mate of led.")])
    page.get_by_role("button", name="Correct this sentence: We print, end we").click()
    field = page.get_by_role("textbox", name="Correct this sentence: We print")
    field.fill("We print, and we are made of lead.")
    field.press("Enter")
    page.get_by_role("button", name="Correct this sentence: We print, and we are made of lead.").wait_for()
    rows = Sentence.objects.order_by("index").values_list("text", "ends")
    assert list(rows) == [("We print,", False), ("and we are made of lead.", True)]
    assert [row.text for row in SentenceRevision.objects.all()] == ["end we are mate of led."]
    stop(page)


def test_an_organiser_s_message_is_shown_and_what_was_read_is_known(host):
    at = room("TALK1")
    page = host()
    send_message(room_id=at.pk, text="Please repeat the questions.", sent_by_id=None)
    page.get_by_text("Please repeat the questions.").wait_for()
    page.get_by_role("button", name="Read").click()
    wait_for_rows(page, lambda: HostMessage.objects.exclude(seen_at=None).exists())


def test_levels_that_are_too_high_too_low_or_not_there_are_told_apart(page):
    page.goto("/login")
    alarms = page.evaluate(
        """async () => {
          const { LevelWatch, measure } = await import("/static/js/host/level.js");
          const tone = (size) => Float32Array.from({ length: 4800 }, (_, at) => Math.max(-1, Math.min(1, size * Math.sin(at / 7))));
          const after = (size, seconds) => {
            const watch = new LevelWatch(0);
            let last;
            for (let ms = 0; ms <= seconds * 1000; ms += 125) last = watch.note(measure(tone(size)), ms);
            return last.alarm;
          };
          return [after(0.3, 30), after(3, 1), after(0, 9), after(0.0005, 9), after(0.005, 13), after(0, 5)];
        }"""
    )
    assert alarms == ["", "clipping", "muted", "silent", "quiet", ""]


def test_of_what_cannot_be_sent_the_last_minute_is_kept_and_the_rest_is_counted(page):
    page.goto("/login")
    kept_ms, lost_ms, is_drained = page.evaluate(
        """async () => {
          let now = 0;
          performance.now = () => now;
          const { Uplink } = await import("/static/js/host/uplink.js");
          const uplink = new Uplink({ room: "NOWHERE", lang: "en", consent: 0 }); // the server refuses it
          for (; now < 80_000; now += 250) uplink.push(new ArrayBuffer(10));
          const found = [uplink.keptMs, uplink.lostMs];
          await new Promise((done) => uplink.addEventListener("status", done));
          return [...found, await uplink.drained()];
        }"""
    )
    assert (kept_ms, lost_ms, is_drained) == (60_250, 19_750, False)


def wait_for_rows(page, holds):
    """Until the database says so; the page lives on meanwhile."""
    for _ in range(drive.WITHIN_MS // 50):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("not in time")
