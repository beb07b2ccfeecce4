/** The transcript: every sentence since the start, in chunks of which only those near the view are in the document.
 *
 * The reader's place is sacred: whatever is added, taken away or measured anew, the sentence at the top of the view stays
 * where it is, unless the reader is at the end and follows.
 */

import { direction, keyOf, placeOf } from "./text.js";

const CHUNK = 40; // sentences by index, so that a chunk's borders never move
const NEAR = "150% 0px";
const AT_END_PX = 48;
const LINE_GUESS_PX = 64;

export class Transcript extends EventTarget {
  #chunks = new Map(); // key of its first place → {element, items: Map(key → item), height}
  #order = []; // keys of chunks
  #list;
  #tail; // what is being said
  #fill;
  #observer;
  #anchor = null; // {key, top}: what the reader reads
  #width = 0;
  #seenUpTo = -1; // the last sentence that was here when the reader left the end
  following = true;
  newer = 0; // sentences that came since the reader left the end

  /** `fill(element, item)` writes one sentence. Events: "place" (following or `newer` changed), "start" (near the first one). */
  constructor(scroller, { fill }) {
    super();
    this.scroller = scroller;
    this.#fill = fill;
    this.#list = document.createElement("div");
    this.#list.className = "sentences";
    this.#tail = document.createElement("p");
    this.#tail.className = "sentence";
    scroller.append(this.#list);
    this.#observer = new IntersectionObserver((seen) => this.#seen(seen), { root: scroller, rootMargin: NEAR });
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(scroller);
  }

  /** Put sentences in or change them, {key, …} each, and take others out. */
  change(items, removed) {
    this.keepPlace(() => {
      for (const key of removed) this.#remove(key);
      for (const item of items) this.#put(item);
    });
    this.#tell();
  }

  /** Show what is being said behind everything else; null: nothing is. */
  being(item) {
    this.keepPlace(() => {
      if (!item) return this.#tail.remove();
      this.#tail.dataset.key = item.key;
      this.#list.append(this.#tail);
      this.#write(this.#tail, item);
    });
  }

  /** Write a sentence anew. */
  rewrite(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    const element = chunk && this.#elementIn(chunk, key);
    if (element) this.keepPlace(() => this.#write(element, chunk.items.get(key)));
  }

  /** Write every sentence anew: their look changed. */
  redraw() {
    this.keepPlace(() => {
      for (const chunk of this.#chunks.values()) if (chunk.filled) this.#fillChunk(chunk);
    });
  }

  /** Heights that were measured are not true any more: other letters, another width. */
  measureAnew() {
    this.keepPlace(() => {
      for (const chunk of this.#chunks.values()) {
        chunk.height = 0;
        if (!chunk.filled) this.#reserve(chunk);
      }
    });
  }

  /** The keys of all sentences. */
  *keys() {
    for (const { items } of this.#chunks.values()) yield* items.keys();
  }

  /** The key of the sentence that is read, or null: the reader follows the end. */
  get anchor() {
    return this.following ? null : (this.#anchor?.key ?? null);
  }

  /** Whether any of this sentence is in view. */
  isInView(key) {
    const rect = this.element(key)?.getBoundingClientRect();
    const view = this.scroller.getBoundingClientRect();
    return Boolean(rect && rect.bottom > view.top && rect.top < view.bottom);
  }

  /** The items in view. */
  inView() {
    const view = this.scroller.getBoundingClientRect();
    const found = [];
    for (const chunk of this.#chunks.values()) {
      if (!chunk.filled) continue;
      for (const element of chunk.element.children) {
        const rect = element.getBoundingClientRect();
        if (rect.bottom > view.top && rect.top < view.bottom) found.push(chunk.items.get(Number(element.dataset.key)));
      }
    }
    return found.sort((a, b) => a.key - b.key);
  }

  /** Whether the first sentences are near the view. */
  nearStart() {
    return this.scroller.clientHeight > 0 && this.scroller.scrollTop < 1.5 * this.scroller.clientHeight;
  }

  /** The element of a sentence, where it is in the document. */
  element(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    return chunk ? this.#elementIn(chunk, key) : null;
  }

  /** The items in reading order. */
  *items() {
    for (const first of this.#order) {
      const { items } = this.#chunks.get(first);
      for (const key of [...items.keys()].sort((a, b) => a - b)) yield items.get(key);
    }
  }

  /** Whether this sentence is here. */
  has(key) {
    return Boolean(this.#chunks.get(chunkOf(key))?.items.has(key));
  }

  /** Whether the other view is shown instead. */
  get isHidden() {
    return this.scroller.clientHeight === 0;
  }

  /** It is in view again: where the reader was. */
  shown() {
    if (this.following) return this.toEnd();
    this.#restore(this.#anchor);
    this.#fillNear();
    this.#restore(this.#anchor);
  }

  /** Go to the end and follow. */
  toEnd() {
    this.following = true;
    this.newer = 0;
    this.#stick();
    this.#tell();
  }

  /** Bring a sentence to the middle of the view. */
  show(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    if (!chunk?.items.has(key)) return null;
    if (this.following) this.#seenUpTo = this.#lastKey();
    this.following = false;
    this.#fillChunk(chunk);
    const element = this.#elementIn(chunk, key);
    for (let pass = 0; pass < 3; pass += 1) {
      element.scrollIntoView({ block: "center" }); // chunks on the way take their true height: again
      this.#fillNear();
    }
    this.#note();
    this.#tell();
    return element;
  }

  /** Do what changes heights, and leave the reader where they are. */
  keepPlace(change) {
    const anchor = this.following ? null : this.#measure();
    change();
    if (this.following) this.#stick();
    else this.#restore(anchor);
  }

  #remove(key) {
    const chunk = this.#chunks.get(chunkOf(key));
    if (!chunk?.items.delete(key)) return;
    this.#elementIn(chunk, key)?.remove();
    if (!chunk.items.size) this.#forget(chunkOf(key));
  }

  #put(item) {
    const first = chunkOf(item.key);
    const chunk = this.#chunks.get(first) ?? this.#begin(first);
    const known = chunk.items.get(item.key);
    item.corrected = Boolean(known) && (known.corrected || isCorrection(known, item));
    if (!known && !this.following && item.key > this.#seenUpTo) this.newer += 1;
    chunk.items.set(item.key, item);
    if (!chunk.filled) {
      this.#reserve(chunk);
      return;
    }
    const element = this.#elementIn(chunk, item.key) ?? this.#insert(chunk, item.key);
    this.#write(element, item);
  }

  #lastKey() {
    const last = this.#chunks.get(this.#order.at(-1));
    return last?.items.size ? Math.max(...last.items.keys()) : -1;
  }

  #begin(first) {
    const element = document.createElement("section");
    element.className = "chunk";
    element.dataset.first = first;
    const at = this.#order.findIndex((each) => each > first);
    if (at < 0) {
      this.#order.push(first);
      if (this.#tail.parentElement === this.#list) this.#tail.before(element);
      else this.#list.append(element);
    } else {
      this.#chunks.get(this.#order[at]).element.before(element);
      this.#order.splice(at, 0, first);
    }
    const newest = at < 0;
    const chunk = { first, element, items: new Map(), height: 0, filled: newest && this.following };
    this.#chunks.set(first, chunk);
    this.#observer.observe(element);
    const before = newest && this.#chunks.get(this.#order.at(-2));
    if (before) this.#lookAgain(before); // the last one stays filled wherever it is
    return chunk;
  }

  /** Have the observer say anew whether this chunk is near the view. */
  #lookAgain({ element }) {
    this.#observer.unobserve(element);
    this.#observer.observe(element);
  }

  #forget(first) {
    const chunk = this.#chunks.get(first);
    this.#observer.unobserve(chunk.element);
    chunk.element.remove();
    this.#chunks.delete(first);
    this.#order.splice(this.#order.indexOf(first), 1);
  }

  #elementIn(chunk, key) {
    return chunk.filled ? chunk.element.querySelector(`[data-key="${key}"]`) : null;
  }

  #insert(chunk, key) {
    const element = document.createElement("p");
    element.className = "sentence";
    element.dataset.key = key;
    const next = [...chunk.element.children].find((each) => Number(each.dataset.key) > key);
    if (next) next.before(element);
    else chunk.element.append(element);
    return element;
  }

  #write(element, item) {
    element.lang = item.lang;
    element.dir = direction(item.lang);
    this.#fill(element, item);
  }

  #fillChunk(chunk) {
    const keys = [...chunk.items.keys()].sort((a, b) => a - b);
    chunk.filled = true;
    chunk.element.style.height = "";
    chunk.element.replaceChildren();
    for (const key of keys) {
      const element = document.createElement("p");
      element.className = "sentence";
      element.dataset.key = key;
      chunk.element.append(element);
      this.#write(element, chunk.items.get(key));
    }
  }

  #empty(chunk) {
    chunk.height = chunk.element.offsetHeight || chunk.height;
    chunk.filled = false;
    chunk.element.replaceChildren();
    this.#reserve(chunk);
  }

  #reserve(chunk) {
    chunk.element.style.height = `${chunk.height || chunk.items.size * LINE_GUESS_PX}px`;
  }

  #seen(entries) {
    this.keepPlace(() => {
      for (const { target, isIntersecting } of entries) {
        const chunk = this.#chunks.get(Number(target.dataset.first));
        if (!chunk) continue;
        if (isIntersecting && !chunk.filled) this.#fillChunk(chunk);
        else if (!isIntersecting && chunk.filled && !this.#isLast(chunk)) this.#empty(chunk);
      }
    });
    this.#tellStart();
  }

  #isLast(chunk) {
    return chunk.first === this.#order.at(-1);
  }

  #fillNear() {
    const { clientHeight } = this.scroller;
    const view = this.scroller.getBoundingClientRect();
    for (const chunk of this.#chunks.values()) {
      const rect = chunk.element.getBoundingClientRect();
      const near = rect.bottom > view.top - clientHeight && rect.top < view.bottom + clientHeight;
      if (near && !chunk.filled) this.#fillChunk(chunk);
    }
  }

  #stick() {
    if (this.isHidden) return;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#anchor = null;
  }

  /** The first sentence whose end is in view, and where it stands. */
  #measure() {
    if (this.isHidden) return this.#anchor;
    const top = this.scroller.getBoundingClientRect().top;
    for (const first of this.#order) {
      const chunk = this.#chunks.get(first);
      if (!chunk.filled || chunk.element.getBoundingClientRect().bottom <= top) continue;
      for (const element of chunk.element.children) {
        const rect = element.getBoundingClientRect();
        if (rect.bottom > top) return { key: Number(element.dataset.key), top: rect.top - top };
      }
    }
    return this.#anchor;
  }

  #restore(anchor) {
    this.#anchor = anchor;
    const chunk = anchor && this.#chunks.get(chunkOf(anchor.key));
    if (!chunk?.items.has(anchor.key) || this.isHidden) return;
    if (!chunk.filled) this.#fillChunk(chunk);
    const element = this.#elementIn(chunk, anchor.key);
    const moved = element.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 0.5) this.scroller.scrollTop += moved;
  }

  #note() {
    this.#anchor = this.#measure();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX;
    if (this.isHidden) return;
    if (atEnd !== this.following) {
      this.following = atEnd;
      if (atEnd) this.newer = 0;
      else this.#seenUpTo = this.#lastKey();
      this.#tell();
    }
    if (!atEnd) this.#note();
    this.#tellStart();
  }

  #resized() {
    if (this.following) this.#stick();
    else if (this.scroller.clientWidth !== this.#width) this.#restore(this.#anchor);
    this.#width = this.scroller.clientWidth;
  }

  #tellStart() {
    if (this.nearStart()) this.dispatchEvent(new Event("start"));
  }

  #tell() {
    this.dispatchEvent(new Event("place"));
  }
}

function chunkOf(key) {
  const { part, index } = placeOf(key);
  return keyOf(part, index - (index % CHUNK));
}

/** A person has changed a text that was finished; a translation that comes is none. */
function isCorrection(before, now) {
  return !before.unfinished && !before.pending && before.lang === now.lang && before.text !== now.text;
}
