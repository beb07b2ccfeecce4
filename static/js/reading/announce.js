/** Finished sentences for a screen reader that was asked to speak them, each once. */

import { direction } from "./text.js";

const KEPT = 4;

export class Announcer {
  #box; #upTo = -1;

  constructor(box) {
    this.#box = box;
  }

  /** Speak from now on, or be silent. */
  speaks(yes) {
    this.#box.setAttribute("aria-live", yes ? "polite" : "off");
  }

  say(items) {
    for (const item of items) {
      if (item.unfinished || item.pending || item.key <= this.#upTo) continue;
      this.#upTo = item.key;
      const line = document.createElement("p");
      [line.lang, line.dir, line.textContent] = [item.lang, direction(item.lang), item.text];
      this.#box.append(line);
      while (this.#box.childElementCount > KEPT) this.#box.firstChild.remove();
    }
  }
}
