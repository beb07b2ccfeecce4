// How long what was sent is under way, and what never came back. Pure: clocks come in.
const LOST_AFTER_MS = 2000, NOW_MS = 1000, KEPT_MS = 30_000;

const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Numbers go out in their order, and come back in it or not at all. */
export class RoundTrips {
  #waiting = new Map(); #came = []; sent = 0; lost = 0;

  sendsNow(number, nowMs) {
    this.sent += 1;
    this.#waiting.set(number, nowMs);
  }

  /** A frame that could not even be sent. */
  skipped() {
    this.sent += 1;
    this.lost += 1;
  }

  /** The delay of a frame that has come back; null for one that nobody waits for. */
  came(number, nowMs) {
    const sentMs = this.#waiting.get(number);
    if (sentMs === undefined) return null;
    this.#waiting.delete(number);
    this.#came.push({ atMs: nowMs, delayMs: nowMs - sentMs });
    return nowMs - sentMs;
  }

  /** The connection is gone, and with it what was under way. */
  broke() {
    this.lost += this.#waiting.size;
    this.#waiting.clear();
  }

  /** {delayMs of the last second or null, slowestMs, lostPercent, recent: [{atMs, delayMs}] of half a minute}. */
  summary(nowMs) {
    for (const [number, sentMs] of this.#waiting) {
      if (nowMs - sentMs < LOST_AFTER_MS) break;
      this.#waiting.delete(number);
      this.lost += 1;
    }
    const kept = this.#came.findIndex(({ atMs }) => nowMs - atMs < KEPT_MS);
    this.#came.splice(0, kept < 0 ? this.#came.length : kept);
    const delays = this.#came.filter(({ atMs }) => nowMs - atMs < NOW_MS).map(({ delayMs }) => delayMs);
    return {
      delayMs: delays.length ? middle(delays) : null,
      slowestMs: this.#came.reduce((most, { delayMs }) => Math.max(most, delayMs), 0),
      lostPercent: this.sent ? (100 * this.lost) / this.sent : 0,
      recent: this.#came,
    };
  }
}
