/** How fast is spoken, and how late the text is. Pure: times are parameters. */

import { words } from "./text.js";

const WINDOW_MS = 60_000;
const LEAST_MS = 15_000;
const WAITS = 5;

/** Words a minute of the last minute of speech, pauses included. */
export class SpeechRate {
  #spoken = []; // {part, start_ms, end_ms, words}

  /** A finished sentence as it was spoken. */
  add({ part, start_ms, end_ms, text, lang }) {
    const last = this.#spoken.at(-1);
    if (last && (part < last.part || (part === last.part && start_ms <= last.start_ms))) return; // older text, or a correction
    this.#spoken = this.#spoken.filter((each) => each.part === part && each.end_ms > end_ms - WINDOW_MS);
    this.#spoken.push({ part, start_ms, end_ms, words: words(text, lang).length });
  }

  /** Null: too little was said. */
  perMinute() {
    if (!this.#spoken.length) return null;
    const span = this.#spoken.at(-1).end_ms - this.#spoken[0].start_ms;
    if (span < LEAST_MS) return null;
    return Math.round((this.#spoken.reduce((sum, each) => sum + each.words, 0) / span) * 60_000);
  }
}

/** Seconds from a spoken sentence to its translation, as this reader saw it. */
export class TranslationWait {
  #since = new Map();
  #waits = [];

  /** A sentence came as it was spoken. */
  spoken(key, now_ms) {
    if (!this.#since.has(key)) this.#since.set(key, now_ms);
    if (this.#since.size > 100) this.#since.delete(this.#since.keys().next().value);
  }

  /** Its translation came. */
  translated(key, now_ms) {
    const since = this.#since.get(key);
    if (since === undefined) return;
    this.#since.delete(key);
    this.#waits = [...this.#waits, (now_ms - since) / 1000].slice(-WAITS);
  }

  /** The mean of the last ones; null: none yet. */
  seconds() {
    return this.#waits.length ? this.#waits.reduce((sum, each) => sum + each, 0) / this.#waits.length : null;
  }
}
