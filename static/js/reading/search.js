/** Search within the transcript: all of it, so older text is fetched until nothing older can be had. */

import { plain } from "./text.js";
import { text } from "../texts.js";

const LEAST_LETTERS = 2;
const id = (name) => document.getElementById(name);

export class Search {
  #query = "";
  #keys = []; // sentences that match, in reading order
  #at = -1;
  #loading = false;

  /** `older(then)`: fetch a page and go on; false: there is none. */
  constructor(transcript, { older }) {
    [this.transcript, this.older] = [transcript, older];
    id("query").addEventListener("input", () => this.#ask(id("query").value));
    id("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go(event.submitter?.value === "1" ? 1 : -1);
    });
    transcript.scroller.addEventListener("scroll", () => this.#highlightSoon(), { passive: true });
  }

  /** The transcript has changed. */
  changed() {
    if (this.#query) this.#find();
  }

  #ask(query) {
    this.#query = query.trim().length < LEAST_LETTERS ? "" : plain(query.trim());
    this.#at = -1;
    this.#find();
    if (this.#query) this.#fetch();
  }

  #fetch() {
    if (!this.#query) {
      this.#loading = false;
      return;
    }
    this.#loading = this.older(() => this.#fetch());
    this.#tell();
  }

  #find() {
    const here = this.#keys[this.#at];
    this.#keys = [];
    if (this.#query) {
      for (const item of this.transcript.items()) {
        if (plain(item.text).includes(this.#query) || (item.original && plain(item.original).includes(this.#query))) this.#keys.push(item.key);
      }
    }
    this.#at = here === undefined ? -1 : this.#keys.indexOf(here);
    this.#tell();
    this.#highlightSoon();
  }

  #go(step) {
    if (!this.#keys.length) return;
    const { length } = this.#keys;
    this.#at = this.#at < 0 ? (step > 0 ? 0 : length - 1) : (this.#at + step + length) % length;
    this.transcript.show(this.#keys[this.#at]);
    this.#tell();
    this.#highlightSoon();
  }

  #tell() {
    const { length } = this.#keys;
    const count = this.#at >= 0 ? text("found_at", { at: this.#at + 1, count: length }) : text(length === 1 ? "found_one" : "found", { count: length });
    id("found").textContent = !this.#query ? "" : this.#loading ? text("found_so_far", { count: length }) : count;
    for (const name of ["previous", "following"]) id(name).hidden = !length;
  }

  #highlightSoon() {
    if (!globalThis.CSS?.highlights || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.#highlight();
    });
  }

  #highlight() {
    const [found, here] = [[], []];
    if (this.#query) {
      for (const item of this.transcript.inView()) {
        const ranges = [...rangesIn(this.transcript.element(item.key), this.#query)];
        (item.key === this.#keys[this.#at] ? here : found).push(...ranges);
      }
    }
    CSS.highlights.set("found", new Highlight(...found));
    CSS.highlights.set("found-here", new Highlight(...here));
  }
}

/** Where the query stands in an element's text nodes; letters that lose an accent are found in the whole text only. */
function* rangesIn(element, query) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { currentNode: node } = walker;
    const words = plain(node.data);
    if (words.length !== node.data.length) continue;
    for (let at = words.indexOf(query); at >= 0; at = words.indexOf(query, at + query.length)) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + query.length);
      yield range;
    }
  }
}
