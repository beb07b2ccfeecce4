/** Older text, page by page, no faster than the server answers anybody. */

const PAGE = 200; // sentences
const PAGES_AT_ONCE = 12;
const PAGES_PER_S = 1.6;

export class History {
  #captions;
  #waiting = null; // what is done when the page that was asked for has come
  #left = PAGES_AT_ONCE;
  #at = performance.now();
  #timer = 0;

  constructor(captions, reading) {
    this.#captions = captions;
    reading.addEventListener("page", () => this.#answered());
    captions.addEventListener("status", () => this.#forget()); // a broken connection answers nothing any more
  }

  /** Fetch a page, then call `then`; false: nothing older can be had, or not now. */
  older(then = () => {}) {
    if (this.#captions.model.complete || this.#captions.status !== "live") return false;
    if (this.#waiting) {
      this.#waiting.push(then);
      return true;
    }
    this.#waiting = [then];
    const now = performance.now();
    this.#left = Math.min(PAGES_AT_ONCE, this.#left + ((now - this.#at) / 1000) * PAGES_PER_S) - 1;
    this.#at = now;
    this.#timer = setTimeout(() => this.#captions.history(PAGE), Math.max(0, (-this.#left / PAGES_PER_S) * 1000));
    return true;
  }

  #answered() {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    waiting.forEach((then) => then());
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#waiting = null;
  }
}
