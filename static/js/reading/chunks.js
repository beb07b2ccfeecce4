/** Sentences in chunks of which only those near the view are in the document; each of the others keeps its height.
 *
 * What comes near the view is written a little at a time: a slow phone that writes a hundred sentences at once stands still.
 */

import { direction, keyOf, placeOf } from "./text.js";

const CHUNK = 20; // sentences by index, so that a chunk's borders never move
const NEAR = "150% 0px";
const WRITES_FOR_MS = 6; // of a frame
const LINE_GUESS_PX = 64;

export class Chunks {
  #chunks = new Map(); // key of its first place → {first, element, items: Map(key → item), height, filled}
  #order = []; // keys of chunks
  #wanted = new Set(); // near the view, and not written yet
  #scroller; #list; #fill; #around; #near; #observer; #frame = 0;

  /** `fill(element, item, before)` writes one sentence; `around(work)` does what changes heights; `near()`: what is near the view has changed. */
  constructor(scroller, { fill, around, near }) {
    [this.#scroller, this.#fill, this.#around, this.#near] = [scroller, fill, around, near];
    this.#list = document.createElement("div");
    this.#list.className = "sentences";
    scroller.append(this.#list);
    this.#observer = new IntersectionObserver((seen) => this.#seen(seen), { root: scroller, rootMargin: NEAR });
  }

  has(key) {
    return Boolean(this.#chunks.get(chunkOf(key))?.items.has(key));
  }

  /** The keys of all sentences. */
  *keys() {
    for (const { items } of this.#chunks.values()) yield* items.keys();
  }

  /** All sentences, in reading order. */
  *items() {
    for (const first of this.#order) yield* sorted(this.#chunks.get(first)).map(([, item]) => item);
  }

  /** The key of the last sentence, or -1. */
  get last() {
    const chunk = this.#chunks.get(this.#order.at(-1));
    return chunk?.items.size ? Math.max(...chunk.items.keys()) : -1;
  }

  get(key) {
    return this.#chunks.get(chunkOf(key))?.items.get(key);
  }

  /** The element of a sentence, where it is in the document. */
  element(key) {
    return elementIn(this.#chunks.get(chunkOf(key)), key);
  }

  /** The elements in the document that end below `top` and begin above `bottom`, in reading order. */
  *between(top, bottom) {
    for (const first of this.#order) {
      const { filled, element } = this.#chunks.get(first);
      if (!filled || !overlaps(element, top, bottom)) continue;
      for (const each of element.children) if (overlaps(each, top, bottom)) yield each;
    }
  }

  /** Put a sentence in its place. `written`: where a chunk begins behind all others, it is in the document. */
  put(item, { written }) {
    const first = chunkOf(item.key);
    const chunk = this.#chunks.get(first) ?? this.#begin(first, written);
    chunk.items.set(item.key, item);
    if (!chunk.filled) return this.#reserve(chunk);
    this.#write(elementIn(chunk, item.key) ?? insert(chunk, item.key), item);
  }

  remove(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    if (!chunk?.items.delete(key)) return;
    elementIn(chunk, key)?.remove();
    if (!chunk.items.size) this.#forget(chunk);
  }

  /** Write a sentence anew, where it is in the document. */
  rewrite(key) {
    const element = this.element(key);
    if (element) this.#write(element, this.get(key));
  }

  /** Write every sentence anew that is in the document. */
  redraw() {
    for (const chunk of this.#chunks.values()) if (chunk.filled) this.#fillChunk(chunk);
  }

  /** Heights that were measured are not true any more. */
  measureAnew() {
    for (const chunk of this.#chunks.values()) {
      chunk.height = 0;
      if (!chunk.filled) this.#reserve(chunk);
    }
  }

  /** Have this sentence in the document now; its element, or null. */
  bring(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    if (!chunk?.items.has(key)) return null;
    if (!chunk.filled) this.#fillChunk(chunk);
    return elementIn(chunk, key);
  }

  /** Have everything in the document that is between these edges. */
  bringBetween(top, bottom) {
    for (const chunk of this.#chunks.values()) if (!chunk.filled && overlaps(chunk.element, top, bottom)) this.#fillChunk(chunk);
  }

  #begin(first, written) {
    const element = document.createElement("section");
    element.className = "chunk";
    element.dataset.first = first;
    const at = this.#order.findIndex((each) => each > first);
    if (at < 0) {
      this.#list.append(element);
      this.#order.push(first);
    } else {
      this.#chunks.get(this.#order[at]).element.before(element);
      this.#order.splice(at, 0, first);
    }
    const chunk = { first, element, items: new Map(), height: 0, filled: at < 0 && written };
    this.#chunks.set(first, chunk);
    this.#observer.observe(element);
    const before = at < 0 && this.#chunks.get(this.#order.at(-2));
    if (before) this.#lookAgain(before); // the last one stays filled wherever it is
    return chunk;
  }

  /** Have the observer say anew whether this chunk is near the view. */
  #lookAgain({ element }) {
    this.#observer.unobserve(element);
    this.#observer.observe(element);
  }

  #forget(chunk) {
    this.#observer.unobserve(chunk.element);
    chunk.element.remove();
    this.#wanted.delete(chunk);
    this.#chunks.delete(chunk.first);
    this.#order.splice(this.#order.indexOf(chunk.first), 1);
  }

  #write(element, item) {
    element.lang = item.lang;
    element.dir = direction(item.lang);
    this.#fill(element, item, this.#before(item.key));
  }

  #before(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    const own = [...chunk.items.keys()].filter((each) => each < key);
    if (own.length) return chunk.items.get(Math.max(...own));
    const earlier = this.#chunks.get(this.#order[this.#order.indexOf(chunk.first) - 1]);
    return earlier && earlier.items.get(Math.max(...earlier.items.keys()));
  }

  #fillChunk(chunk) {
    chunk.filled = true;
    this.#wanted.delete(chunk);
    chunk.element.style.height = "";
    chunk.element.replaceChildren();
    for (const [key, item] of sorted(chunk)) this.#write(insert(chunk, key), item);
  }

  #empty(chunk) {
    chunk.height = chunk.element.offsetHeight || chunk.height;
    chunk.filled = false;
    chunk.element.replaceChildren();
    this.#reserve(chunk);
  }

  #reserve({ element, height, items }) {
    element.style.height = `${height || items.size * LINE_GUESS_PX}px`;
  }

  #seen(entries) {
    this.#around(() => {
      for (const { target, isIntersecting } of entries) {
        const chunk = this.#chunks.get(Number(target.dataset.first));
        if (isIntersecting && chunk && !chunk.filled) this.#wanted.add(chunk);
        if (isIntersecting || !chunk) continue;
        this.#wanted.delete(chunk);
        if (chunk.filled && chunk.first !== this.#order.at(-1)) this.#empty(chunk);
      }
      this.#bringInView();
    });
    this.#writeWanted();
    this.#near();
  }

  /** Each takes its true height before the next is looked for: often there is none any more. */
  #bringInView() {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    for (;;) {
      const chunk = [...this.#wanted].find(({ element }) => overlaps(element, top, bottom));
      if (!chunk) return;
      this.#fillChunk(chunk);
    }
  }

  /** What is near the view, the nearest first, as long as a frame has time for it. */
  #writeWanted() {
    cancelAnimationFrame(this.#frame);
    const began = performance.now();
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    while (this.#wanted.size && performance.now() - began < WRITES_FOR_MS) this.#around(() => this.#fillChunk(this.#nearest((top + bottom) / 2)));
    if (this.#wanted.size) this.#frame = requestAnimationFrame(() => this.#writeWanted());
  }

  #nearest(middle) {
    const distance = ({ element }) => {
      const { top, bottom } = element.getBoundingClientRect();
      return Math.max(top - middle, middle - bottom);
    };
    return [...this.#wanted].reduce((best, each) => (distance(each) < distance(best) ? each : best));
  }
}

function chunkOf(key) {
  const { part, index } = placeOf(key);
  return keyOf(part, index - (index % CHUNK));
}

const sorted = ({ items }) => [...items].sort(([a], [b]) => a - b);

const elementIn = (chunk, key) => (chunk?.filled ? chunk.element.querySelector(`[data-key="${key}"]`) : null);

function overlaps(element, top, bottom) {
  const rect = element.getBoundingClientRect();
  return rect.bottom > top && rect.top < bottom;
}

function insert(chunk, key) {
  const element = document.createElement("p");
  element.className = "sentence";
  element.dataset.key = key;
  const next = [...chunk.element.children].find((each) => Number(each.dataset.key) > key);
  if (next) next.before(element);
  else chunk.element.append(element);
  return element;
}
