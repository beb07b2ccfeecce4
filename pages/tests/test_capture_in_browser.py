"""static/js/audio in a real Chromium: sound of a file, of an element, of a microphone as frames that a socket can send."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser
FRAMES = """async ([wav, format, open]) => {
  const { Capture } = await import("/static/js/audio/capture.js");
  const blob = new Blob([Uint8Array.from(atob(wav), (char) => char.charCodeAt(0))], { type: "audio/wav" });
  const capture = new Capture(format), frames = [];
  capture.addEventListener("frame", ({ detail: { samples } }) => frames.push([...samples]));
  const ended = new Promise((resolve) => capture.addEventListener("ended", resolve, { once: true }));
  if (open === "file") await capture.openFile(blob);
  else {
    const element = document.body.appendChild(document.createElement("audio"));
    element.src = "/sound.wav"; // the policy allows no blob
    await capture.openElement(element, { audible: false });
    await element.play();
  }
  await ended;
  return { frames, isOpen: capture.isOpen };
}"""
CUT_ANYWHERE = """async ([samples, cuts]) => {
  const { Resampler } = await import("/static/js/audio/resample.js");
  const whole = [...new Resampler(44100, 16000).feed(Float32Array.from(samples))];
  const resampler = new Resampler(44100, 16000), pieces = [];
  for (let at = 0, n = 0; at < samples.length; n += 1) {
    const size = cuts[n % cuts.length];
    pieces.push(...resampler.feed(Float32Array.from(samples.slice(at, at + size))));
    at += size;
  }
  return { whole, pieces };
}"""
MICROPHONE = """async () => {
  const { Capture } = await import("/static/js/audio/capture.js");
  const capture = new Capture({ rateHz: 24000, frameSamples: 480 });
  const heard = await new Promise((resolve, reject) => {
    const sizes = [];
    capture.addEventListener("frame", ({ detail: { samples, peak } }) => {
      sizes.push(samples.length);
      if (peak > 0.01) resolve(sizes);
    });
    capture.openMicrophone().catch(reject);
  });
  const ended = new Promise((resolve) => capture.addEventListener("ended", resolve, { once: true }));
  capture.close();
  await ended;
  return heard;
}"""


def tones(*hertz: float, rate_hz: int, seconds: float, channels: int = 1) -> str:
    """A WAV file of tones that are as loud as each other, base64."""
    times = np.arange(int(rate_hz * seconds)) / rate_hz
    sound = sum(0.3 * np.sin(2 * np.pi * each * times) for each in hertz)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((channels, 2, rate_hz, 0, "NONE", ""))
        written.writeframes(np.repeat((sound * 32767).astype("<i2"), channels).tobytes())
    return base64.b64encode(file.getvalue()).decode()


def heard(page: Page, wav: str, *, rate_hz: int, frame_samples: int, by: str = "file") -> list[list[int]]:
    page.route(
        "**/sound.wav", lambda asked: asked.fulfill(body=base64.b64decode(wav), content_type="audio/wav")
    )
    page.goto("/login")
    found: dict[str, Any] = page.evaluate(
        FRAMES, [wav, {"rateHz": rate_hz, "frameSamples": frame_samples}, by]
    )
    assert not found["isOpen"]
    frames: list[list[int]] = found["frames"]
    return frames


def level(samples: list[int], hertz: float, rate_hz: int) -> float:
    """How loud a tone is, 0.3 being what `tones` makes."""
    middle = np.array(samples[len(samples) // 4 : -len(samples) // 4]) / 32767
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate_hz)
    return float(2 * abs(np.mean(middle * turns * np.hanning(len(middle)) * 2)))


def test_a_file_becomes_frames_at_the_rate_that_is_asked_for_and_what_does_not_fit_into_it_is_gone(page):
    wav = tones(1000, 13000, rate_hz=44100, seconds=1.0, channels=2)
    frames = heard(page, wav, rate_hz=16000, frame_samples=320)
    assert {len(frame) for frame in frames[:-1]} == {320}
    samples = [sample for frame in frames for sample in frame]
    assert abs(len(samples) - 16000) < 320  # the browser cuts its sound into pieces of 128
    assert level(samples, 1000, 16000) == pytest.approx(0.3, rel=0.02)
    assert level(samples, 3000, 16000) < 0.001  # where 13 kHz would be heard if it were not filtered


def test_a_higher_rate_is_made_without_tones_that_nobody_sang(page):
    frames = heard(page, tones(1000, rate_hz=8000, seconds=0.5), rate_hz=48000, frame_samples=480)
    samples = [sample for frame in frames for sample in frame]
    assert level(samples, 1000, 48000) == pytest.approx(0.3, rel=0.02)


def test_an_element_is_heard_while_it_plays(page):
    frames = heard(
        page, tones(440, rate_hz=16000, seconds=0.5), rate_hz=16000, frame_samples=160, by="element"
    )
    samples = [sample for frame in frames for sample in frame]
    assert max(abs(sample) for sample in samples) == pytest.approx(0.3 * 32767, rel=0.05)


def test_a_microphone_is_heard_until_it_is_closed(page):
    page.goto("/login")
    *whole, last = page.evaluate(MICROPHONE)
    assert set(whole) == {480}
    assert last <= 480


def test_samples_come_out_the_same_wherever_the_stream_is_cut(page):
    page.goto("/login")
    samples = np.random.default_rng(7).uniform(-1, 1, 3000).tolist()
    found = page.evaluate(CUT_ANYWHERE, [samples, [1, 128, 7, 441, 2]])
    assert found["pieces"] == found["whole"]
    assert len(found["whole"]) == pytest.approx(3000 * 16000 / 44100, abs=20)
