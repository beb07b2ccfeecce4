/** How late lines are on this screen, said now and then where the server asks for it and the reader lets it (docs/privacy.md). */

import { keyOf, placeOf } from "./text.js";

const CLOCK_ASKED = 3, WAY_MOST_MS = 2000, ANSWER_WITHIN_MS = 5000, SEEN_MOST = 5000;

/** The two ways in which a browser says that its user does not want to be observed. */
export const refusesTracking = () => navigator.globalPrivacyControl === true || navigator.doNotTrack === "1";

/** After the frame that is being made. Milliseconds of `performance.now()`. */
const painted = () =>
  new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done(performance.now());
    };
    port2.postMessage(null);
  });

export class ScreenDelay {
  #captions; #style;
  #every_ms = 0; #notBefore = Infinity; #reporting = false;
  #seen = new Set(); // keys of sentences that came before: a correction is nothing new
  #fresh = new Set(); // of those that came a moment ago, and are not shown yet

  /** `reading` says when text is written into the page; `style` is the reader's. Make it behind what writes. */
  constructor(captions, reading, style) {
    [this.#captions, this.#style] = [captions, style];
    captions.addEventListener("hello", ({ detail }) => this.#hello(detail));
    captions.addEventListener("sentence", ({ detail }) => this.#came(detail));
    reading.addEventListener("text", ({ detail }) => this.#written(detail));
  }

  #hello({ report_s, resumed }) {
    const asked = Number.isFinite(report_s) && report_s > 0 ? report_s * 1000 : 0;
    if (asked && !this.#every_ms) this.#notBefore = performance.now() + Math.random() * asked; // not all at once
    this.#every_ms = asked;
    if (!resumed) this.#seen.clear();
    this.#fresh.clear();
  }

  #came({ lang, part, index }) {
    if (lang !== this.#captions.model.lang) return;
    const key = keyOf(part, index);
    if (!this.#seen.has(key) && this.#captions.status === "live") this.#fresh.add(key);
    if (this.#seen.size >= SEEN_MOST) this.#seen.clear();
    this.#seen.add(key);
  }

  #written({ fresh, changed }) {
    const { lang, source_lang: spoken } = this.#captions.model;
    // of a sentence in pieces the newest is what was written; a translation stands at the first
    const keys = changed.filter((item) => item.lang === lang && !item.pending).map((item) => (lang === spoken ? item.last : item.key));
    const key = keys.findLast((each) => this.#fresh.has(each));
    for (const each of keys) this.#fresh.delete(each);
    if (fresh || key === undefined || !this.#mayReport()) return;
    this.#reporting = true;
    this.#report(key, lang).finally(() => (this.#reporting = false));
  }

  #mayReport() {
    const { measure, offset_s } = this.#style();
    const isSeen = document.visibilityState === "visible" && !offset_s;
    return this.#every_ms && isSeen && measure && !refusesTracking() && !this.#reporting && performance.now() >= this.#notBefore;
  }

  async #report(key, lang) {
    const shown = await painted(), ahead_ms = await this.#serverAhead();
    if (ahead_ms === null) return; // the next line may tell
    this.#notBefore = shown + this.#every_ms;
    this.#captions.shown({ lang, ...placeOf(key), at_ms: Math.round(shown + ahead_ms) });
  }

  /** How far the server's clock is ahead of this page's: of the answers the one that was quickest here is nearest to the truth. */
  async #serverAhead() {
    let best = { way_ms: WAY_MOST_MS, ahead_ms: null };
    for (let asked = 0; asked < CLOCK_ASKED; asked++) {
      const sent = performance.now(), server_ms = await this.#ask(), way_ms = performance.now() - sent;
      if (Number.isFinite(server_ms) && way_ms < best.way_ms) best = { way_ms, ahead_ms: server_ms - sent - way_ms / 2 };
    }
    return best.ahead_ms;
  }

  #ask() {
    return new Promise((done) => {
      const answered = (event) => {
        clearTimeout(timer);
        this.#captions.removeEventListener("pong", answered);
        done(event?.detail.server_ms ?? null);
      };
      const timer = setTimeout(answered, ANSWER_WITHIN_MS);
      this.#captions.addEventListener("pong", answered);
      this.#captions.ping();
    });
  }
}
