/** The captions: the newest items in a few large lines, and what was spoken below or beside them. */

import { direction } from "./text.js";
import { RollUp } from "./rollup.js";

const SHOWN = 24; // items

const asSpoken = (item) => ({ ...item, lang: item.original_lang || item.lang, text: item.original || item.text, tentative: "", pending: false, unfinished: item.unfinished && !item.tentative });

/** The items with what is being said: behind them, or in the place of the sentence that goes on with it. */
export function withWords(items, known, words) {
  if (!words) return items;
  const sentence = known.get(words.key);
  if (!sentence) return [...items, words];
  return sentence.unfinished ? items.map((item) => (item.key === words.key ? words : item)) : items;
}

export class CaptionsView {
  #own; #spoken; #reading; #model; #style;
  #newest = new Map(); // key → item, in reading order

  /** `own`, `spoken`: boxes; `fill` writes an item's finished text; `style` is the reader's. */
  constructor({ own, spoken }, { fill, reading, model, style }) {
    const steady = () => style().pace === "steady";
    [this.#own, this.#spoken] = [own, spoken].map((box) => new RollUp(box, { fill, steady }));
    [this.#reading, this.#model, this.#style] = [reading, model, style];
  }

  /** The items that may be in view. */
  get items() {
    return [...this.#newest.values()];
  }

  /** What is new, and what is gone. */
  keep(changed, removed) {
    for (const key of removed) this.#newest.delete(key);
    for (const item of changed) this.#newest.set(item.key, item);
    this.#newest = new Map([...this.#newest].sort(([a], [b]) => a - b).slice(-SHOWN));
  }

  /** Nothing is known any more. */
  forget() {
    this.#newest.clear();
  }

  /** Show it; only while this is the view that is open. */
  show() {
    if (this.#style().view !== "captions") return;
    const { unfinished, spoken } = this.#reading;
    const behind = (items, item) => withWords(items, this.#newest, item);
    this.#own.show(behind(this.items, unfinished));
    const two = ["under", "beside"].includes(this.#style().original) && this.#model.lang !== this.#model.source_lang;
    this.#spoken.box.hidden = !two;
    if (two) this.#spoken.show(behind(this.items.map(asSpoken), spoken));
  }

  /** Another language is read: what was spoken stays. */
  translate() {
    this.direct();
    this.#own.clear();
    this.forget();
  }

  /** Another pace, another look: the lines begin anew. */
  clear() {
    this.#own.clear();
    this.#spoken.clear();
  }

  /** The letters have another size. */
  reflow() {
    this.#own.reflow();
    this.#spoken.reflow();
  }

  /** Which way the lines run: as what is read in them. */
  direct() {
    const { lang, source_lang: spoken } = this.#model;
    const read = this.#style().original === "instead" ? spoken : lang;
    for (const [{ box }, its] of [[this.#own, read], [this.#spoken, spoken]]) [box.lang, box.dir] = [its, direction(its)];
  }
}
