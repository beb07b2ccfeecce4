// /demo/echo: what a microphone sounds like without its noise, and how far away the server is.
import { Capture } from "../audio/capture.js";
import { measure } from "../host/level.js";
import { text } from "../texts.js";
import { EchoLink } from "./echo_link.js";
import { Playback } from "./playback.js";
import { RoundTrips } from "./round_trips.js";

const FORMAT = { rateHz: 48_000, frameSamples: 480 };
const SHOWN_EVERY_MS = 250, FLOOR_DB = -60, CHART_MS = 30_000;
const RAW = { autoGainControl: false, noiseSuppression: false, echoCancellation: false }; // what the server does is to be heard
const ONE_DIGIT = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
const element = (id) => document.getElementById(id);

class Level {
  #bar; #peak = 0;

  constructor(bar) { this.#bar = bar; }

  /** s16le. */
  note(samples) { this.#peak = Math.max(this.#peak, measure(samples).rms / 32768); }

  show() {
    const db = this.#peak > 0 ? 20 * Math.log10(this.#peak) : FLOOR_DB;
    const height = Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
    this.#bar.style.setProperty("--height", height.toFixed(3));
    this.#bar.setAttribute("aria-valuenow", Math.round(100 * height));
    this.#peak = 0;
  }
}

class Demo {
  #capture = null; #link = null; #trips = null; #playback = null; #timer = 0;
  #said = new Level(element("said")); #back = new Level(element("back"));

  constructor() {
    element("start").addEventListener("click", () => this.start());
    element("stop").addEventListener("click", () => this.stop());
    element("hear").addEventListener("change", () => this.#hear());
  }

  async start() {
    this.#trouble("");
    element("start").disabled = true;
    const capture = new Capture(FORMAT);
    try {
      await capture.openMicrophone("", RAW);
    } catch (error) {
      this.#trouble(text(`mic.${error.code ?? "busy"}`));
      return;
    } finally {
      element("start").disabled = false;
    }
    this.#capture = capture;
    this.#trips = new RoundTrips();
    this.#link = new EchoLink(FORMAT);
    this.#state("connecting");
    this.#link.addEventListener("open", () => this.#state("running"));
    this.#link.addEventListener("broken", () => this.#broke());
    this.#link.addEventListener("refused", ({ detail }) => this.#trouble(text(`refused.${detail.code}`)));
    this.#link.addEventListener("frame", ({ detail }) => this.#came(detail));
    capture.addEventListener("frame", ({ detail }) => this.#send(detail.samples));
    capture.addEventListener("ended", () => capture === this.#capture && this.stop());
    this.#hear();
    this.#timer = setInterval(() => this.#show(), SHOWN_EVERY_MS);
  }

  stop() {
    const capture = this.#capture;
    this.#capture = null;
    capture?.close();
    this.#link?.close();
    this.#link = null;
    this.#playback?.close();
    this.#playback = null;
    clearInterval(this.#timer);
    this.#said.show();
    this.#back.show();
    this.#state("stopped");
  }

  #send(samples) {
    this.#said.note(samples);
    if (!this.#link || samples.length < FORMAT.frameSamples) return;
    const nowMs = performance.now(), number = this.#link.send(samples);
    if (number !== null) this.#trips.sendsNow(number, nowMs);
    else if (this.#trips.sent) this.#trips.skipped();
  }

  #came({ number, samples }) {
    if (this.#trips.came(number, performance.now()) === null) return;
    this.#back.note(samples);
    this.#playback?.add(samples);
  }

  #broke() {
    this.#trips.broke();
    this.#state("offline");
  }

  #hear() {
    const wanted = element("hear").checked && this.#capture !== null;
    if (wanted && !this.#playback) this.#playback = new Playback(FORMAT.rateHz);
    if (wanted) return;
    this.#playback?.close();
    this.#playback = null;
  }

  #show() {
    const nowMs = performance.now(), { delayMs, slowestMs, lostPercent, recent } = this.#trips.summary(nowMs);
    this.#said.show();
    this.#back.show();
    element("delay").textContent = delayMs === null ? "–" : text("ms", { ms: Math.round(delayMs) });
    element("slowest").textContent = recent.length ? text("ms", { ms: Math.round(slowestMs) }) : "–";
    element("lost").textContent = text("percent", { percent: lostPercent.toLocaleString(document.documentElement.lang, ONE_DIGIT) });
    this.#chart(recent, nowMs, slowestMs);
  }

  #chart(recent, nowMs, slowestMs) {
    const top = Math.max(20, slowestMs), every = Math.max(1, Math.floor(recent.length / 300));
    const points = recent.filter((_, place) => place % every === 0)
      .map(({ atMs, delayMs }) => `${(300 * (1 - (nowMs - atMs) / CHART_MS)).toFixed(1)},${(80 * (1 - delayMs / top)).toFixed(1)}`);
    element("line").setAttribute("points", points.join(" "));
    element("top").textContent = text("ms", { ms: Math.round(top) });
  }

  #state(name) {
    element("echo").dataset.state = name;
    element("state").textContent = text(`state.${name}`);
    element("start").hidden = this.#capture !== null;
    element("stop").hidden = this.#capture === null;
    if (name === "running") this.#trouble("");
  }

  #trouble(words) {
    element("trouble").textContent = words;
    element("trouble").hidden = !words;
  }
}

new Demo();
