/** Work that waits for the reader's offset, in its order: for people who watch a stream that lags. */

export class Later {
  #waiting = []; // {due, work}
  #timer = 0;

  /** Run `work` so much later; what was asked for first runs first. */
  after(ms, work) {
    this.#waiting.push({ due: performance.now() + ms, work });
    if (this.#waiting.length === 1) this.#wake();
  }

  /** Nothing waits any more: all of it is done now. */
  flush() {
    clearTimeout(this.#timer);
    for (const { work } of this.#waiting.splice(0)) work();
  }

  /** Nothing waits any more: none of it is done. */
  clear() {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #wake() {
    clearTimeout(this.#timer);
    if (!this.#waiting.length) return;
    this.#timer = setTimeout(() => {
      while (this.#waiting.length && this.#waiting[0].due <= performance.now()) this.#waiting.shift().work();
      this.#wake();
    }, Math.max(0, this.#waiting[0].due - performance.now()));
  }
}
