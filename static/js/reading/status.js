/** How it stands, honestly: live or not, how late, how fast, what happens next. */

import { get } from "../api.js";
import { text } from "../texts.js";
import { SpeechRate, TranslationWait } from "./pace.js";
import { keyOf } from "./text.js";
import { when } from "./when.js";

const CALM_MS = 1500; // a connection that is back by then was never gone
const STALE_MS = 60_000; // figures that old say nothing
const id = (name) => document.getElementById(name);
const locale = document.documentElement.lang;

/** Event "panel": what happens next is shown, or not any more. */
export class Status extends EventTarget {
  #captions;
  #setup;
  #style;
  #rate = new SpeechRate();
  #wait = new TranslationWait();
  #heardAt = -Infinity;
  #graceEnds = 0;
  #broken = 0;
  #isBroken = false;
  #told = "null"; // what the panel says

  /** `about`: what the server said of the room. */
  constructor(captions, { about, setup, style }) {
    super();
    [this.#captions, this.about, this.#setup, this.#style] = [captions, about, setup, style];
    captions.addEventListener("status", ({ detail }) => this.#connection(detail.status));
    for (const type of ["hello", "state"]) captions.addEventListener(type, ({ detail }) => this.#state(detail));
    captions.addEventListener("delays", () => this.#heard());
    captions.addEventListener("sentence", ({ detail }) => this.#sentence(detail));
    captions.addEventListener("versions", () => this.update());
    setInterval(() => this.update(), 1000);
  }

  #connection(status) {
    if (status === "live") {
      clearTimeout(this.#broken);
      [this.#broken, this.#isBroken] = [0, false];
    } else if (status === "refused") this.#isBroken = true;
    else if (!this.#broken) {
      this.#broken = setTimeout(() => {
        this.#isBroken = true;
        this.update();
      }, CALM_MS);
    }
    this.update();
  }

  #state({ type, grace_left_s }) {
    const { source_lang, state } = this.#captions.model;
    if (typeof grace_left_s === "number") this.#graceEnds = performance.now() + grace_left_s * 1000;
    if (source_lang && source_lang !== this.about.source_lang) this.#askAgain();
    else if (type === "state" && state === "closed") this.#askAgain();
    this.update();
  }

  #heard() {
    this.#heardAt = performance.now();
    this.update();
  }

  #sentence(row) {
    const key = keyOf(row.part, row.index);
    const now = performance.now();
    if (row.of_version !== undefined) this.#wait.translated(key, now);
    else if (this.#captions.status === "live") this.#wait.spoken(key, now);
    if (row.of_version === undefined) this.#rate.add(row);
    if (this.#captions.status === "live") this.#heardAt = now;
  }

  async #askAgain() {
    try {
      this.about = await get(`/api/room/${encodeURIComponent(this.#setup.room)}/about`);
      this.update();
    } catch {
      /* as it was: asked again at the next change */
    }
  }

  /** Show it. */
  update() {
    const { status, code, model } = this.#captions;
    const shown = status === "refused" ? "refused" : this.#isBroken ? "offline" : model.state || "connecting";
    id("status").dataset.state = shown === "refused" ? "offline" : shown;
    say(id("state"), shown === "refused" ? text(`refused_${code}`) : text(`state_${shown}`));
    say(id("figures"), shown === "live" ? this.#figures() : shown === "offline" ? text("offline_help") : "");
    this.#panel(shown);
  }

  #figures() {
    if (performance.now() - this.#heardAt > STALE_MS) return "";
    const { model } = this.#captions;
    const { transcription_s, translation_s } = model.delays;
    const translated = model.lang !== model.source_lang && this.#style().original !== "instead";
    const waits = translated ? (this.#wait.seconds() ?? translation_s ?? 0) : 0;
    const delay = typeof transcription_s === "number" ? transcription_s + waits : null;
    const perMinute = this.#rate.perMinute();
    const figures = [];
    if (delay !== null) figures.push(text("delay", { seconds: number(delay) }));
    if (this.#style().offset_s) figures.push(text("offset", { seconds: number(this.#style().offset_s) }));
    if (perMinute) figures.push(text("rate", { words: perMinute }));
    return figures.join(" · ");
  }

  /** What happens next: where nobody speaks. */
  #panel(shown) {
    const panel = id("panel");
    const isUntranslated = this.#captions.model.isUntranslated && this.#style().original !== "instead";
    const isWanted = { waiting: 1, grace: 1, closed: 1, refused: 1 }[shown] || (shown === "live" && isUntranslated);
    const wanted = isWanted ? this.#next(shown) : null;
    const key = JSON.stringify(wanted);
    if (this.#told === key) return;
    this.#told = key;
    panel.replaceChildren(...(wanted ?? []).map(element));
    panel.hidden = !wanted;
    document.documentElement.style.setProperty("--panel", wanted ? `${panel.offsetHeight + 12}px` : "0px");
    this.dispatchEvent(new Event("panel"));
  }

  #next(shown) {
    const { starts_at, time_zone } = this.#setup;
    const said = this.#captions.model.sentences().next().value;
    const starts = starts_at ? new Date(starts_at) : null;
    const { transcript } = this.about;
    const next = this.#captions.model.next ?? this.about.next;
    const lines = [];
    if (shown === "refused") lines.push(["h2", text("refused")], ["p", text("refused_help")]);
    if (shown === "waiting") lines.push(["h2", text("waiting")], ["p", text("waiting_help")]);
    if (shown === "live") lines.push(["p", text("untranslated")]);
    if (shown === "grace") lines.push(["h2", text("grace")], ["p", text("grace_help", { time: left(this.#graceEnds) })]);
    if (shown === "closed") {
      const before = starts && starts > new Date();
      lines.push(["h2", said ? text("closed") : before ? text("before", { time: when(starts, time_zone) }) : text("not_open")]);
      lines.push(["p", said ? text(transcript ? "closed_help_transcript" : "closed_help") : text("not_open_help")]);
      if (transcript) lines.push(["a", text("to_transcript"), transcript]);
      if (next?.room && next.room !== this.#setup.room) {
        const at = next.starts_at ? when(new Date(next.starts_at), time_zone) : "";
        lines.push(["a", text("next_talk", { time: at, title: next.title }).trim(), `/room/${encodeURIComponent(next.room)}`]);
      }
    }
    return lines;
  }
}

function element([name, words, target]) {
  const made = document.createElement(name);
  made.textContent = words;
  if (!target) return made;
  made.href = target;
  const line = document.createElement("p");
  line.append(made);
  return line;
}

/** A live region that is written without need speaks without need. */
function say(where, words) {
  if (where.textContent !== words) where.textContent = words;
}

function number(value) {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

function left(at) {
  const s = Math.max(0, Math.round((at - performance.now()) / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
