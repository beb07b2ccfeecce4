/** The transcript: every sentence since the start, and behind it what is being said.
 *
 * The reader's place is sacred: whatever is added, taken away or measured anew, the sentence at the top of the view stays
 * where it is, unless the reader is at the end and follows.
 */

import { Chunks } from "./chunks.js";
import { direction } from "./text.js";

const AT_END_PX = 48;

export class Transcript extends EventTarget {
  #chunks;
  #fill;
  #tail; // what is being said
  #behind; // where it stands: a place of its own, so that a word more does not lay out all sentences
  #being = "";
  #grown = null; // a sentence that goes on, as it is stored: it is shown with what is being said
  #anchor = null; // {key, top}: what the reader reads
  #keeps = false;
  #isHidden; // the other view is shown instead
  #width = 0;
  #seenUpTo = -1; // the last sentence that was here when the reader left the end
  following = true;
  newer = 0; // sentences that came since the reader left the end

  /** `fill(element, item, before)` writes one sentence. Events: "place" (following or `newer` changed), "start" (near the first one). */
  constructor(scroller, { fill }) {
    super();
    this.scroller = scroller;
    this.#fill = fill;
    this.#isHidden = scroller.clientHeight === 0;
    this.#chunks = new Chunks(scroller, { fill, around: (work) => this.keepPlace(work), near: () => this.#tellStart() });
    this.#tail = document.createElement("p");
    this.#tail.className = "sentence";
    this.#behind = document.createElement("div");
    this.#behind.className = "sentences";
    scroller.append(this.#behind);
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(scroller);
  }

  /** Put sentences in or change them, {key, …} each, and take others out. */
  change(items, removed) {
    this.keepPlace(() => {
      for (const key of removed) this.#chunks.remove(key);
      for (const item of items) this.#put(item);
    });
    const key = this.#grown?.key;
    if (key !== undefined && (removed.includes(key) || items.some((item) => item.key === key))) [this.#grown, this.#being] = [null, ""];
    this.#tell();
  }

  /** Show what is being said behind everything else, or as the rest of a sentence that goes on; null: nothing is. */
  being(item) {
    const now = JSON.stringify(item);
    if (now === this.#being) return;
    this.#being = now;
    this.keepPlace(() => {
      const written = this.following;
      if (this.#grown) this.#chunks.put(this.#grown, { written });
      this.#grown = null;
      const sentence = item && this.#chunks.get(item.key);
      if (sentence?.unfinished) {
        this.#grown = sentence;
        this.#chunks.put({ ...item, corrected: sentence.corrected }, { written });
      }
      if (!item || sentence) return this.#tail.remove();
      this.#behind.append(this.#tail);
      this.#tail.dataset.key = item.key;
      this.#tail.lang = item.lang;
      this.#tail.dir = direction(item.lang);
      this.#fill(this.#tail, item, this.#chunks.get(this.#chunks.last));
    });
  }

  /** Write a sentence anew. */
  rewrite(key) {
    if (this.#chunks.element(key)) this.keepPlace(() => this.#chunks.rewrite(key));
  }

  /** Write every sentence anew: their look changed. */
  redraw() {
    this.#being = "";
    this.keepPlace(() => this.#chunks.redraw());
  }

  /** Heights that were measured are not true any more: other letters, another width. */
  measureAnew() {
    this.keepPlace(() => this.#chunks.measureAnew());
  }

  /** The keys of all sentences. */
  keys() {
    return this.#chunks.keys();
  }

  /** The items in reading order. */
  items() {
    return this.#chunks.items();
  }

  /** Whether this sentence is here. */
  has(key) {
    return this.#chunks.has(key);
  }

  /** The element of a sentence, where it is in the document. */
  element(key) {
    return this.#chunks.element(key);
  }

  /** The key of the sentence that is read, or null: the reader follows the end. */
  get anchor() {
    return this.following ? null : (this.#anchor?.key ?? null);
  }

  /** Whether any of this sentence is in view. */
  isInView(key) {
    const rect = this.element(key)?.getBoundingClientRect();
    const { top, bottom } = this.scroller.getBoundingClientRect();
    return Boolean(rect && rect.bottom > top && rect.top < bottom);
  }

  /** The items in view. */
  inView() {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    return Array.from(this.#chunks.between(top, bottom), (element) => this.#chunks.get(Number(element.dataset.key)));
  }

  /** Whether the first sentences are near the view. */
  nearStart() {
    return !this.#isHidden && this.scroller.scrollTop < 1.5 * this.scroller.clientHeight;
  }

  /** It is in view again: where the reader was. */
  shown() {
    this.#isHidden = false;
    if (this.following) return this.toEnd();
    this.#restore(this.#anchor);
    this.#bringNear();
    this.#restore(this.#anchor);
  }

  /** The other view is shown instead: the place is kept, and nothing is measured. */
  hidden() {
    this.#isHidden = true;
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
    if (!this.has(key)) return null;
    if (this.following) this.#seenUpTo = this.#chunks.last;
    this.following = false;
    const element = this.#chunks.bring(key);
    for (let pass = 0; pass < 3; pass += 1) {
      element.scrollIntoView({ block: "center" }); // chunks on the way take their true height: again
      this.#bringNear();
    }
    this.#note();
    this.#tell();
    return element;
  }

  /** Do what changes heights, and leave the reader where they are. */
  keepPlace(change) {
    if (this.#keeps) return change();
    const anchor = this.following ? null : this.#measure();
    this.#keeps = true;
    try {
      change();
    } finally {
      this.#keeps = false;
    }
    if (this.following) this.#stick();
    else this.#restore(anchor);
  }

  #put(item) {
    const known = this.#chunks.get(item.key);
    item.corrected = Boolean(known) && (known.corrected || isCorrection(known, item));
    if (!known && !this.following && item.key > this.#seenUpTo) this.newer += 1;
    this.#chunks.put(item, { written: this.following });
  }

  #bringNear() {
    const { top, bottom, height } = this.scroller.getBoundingClientRect();
    this.#chunks.bringBetween(top - height, bottom + height);
  }

  #stick() {
    this.#anchor = null;
    if (!this.#isHidden) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** The first sentence whose end is in view, and where it stands. */
  #measure() {
    if (this.#isHidden) return this.#anchor;
    const { top } = this.scroller.getBoundingClientRect();
    const element = this.#chunks.between(top, Infinity).next().value;
    return element ? { key: Number(element.dataset.key), top: element.getBoundingClientRect().top - top } : this.#anchor;
  }

  #restore(anchor) {
    this.#anchor = anchor;
    if (!anchor || this.#isHidden) return;
    const element = this.#chunks.bring(anchor.key);
    if (!element) return;
    const moved = element.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 0.5) this.scroller.scrollTop += moved;
  }

  #note() {
    this.#anchor = this.#measure();
  }

  #scrolled() {
    if (this.#isHidden) return;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX;
    if (atEnd !== this.following) {
      this.following = atEnd;
      if (atEnd) this.newer = 0;
      else this.#seenUpTo = this.#chunks.last;
      this.#tell();
    }
    if (!atEnd) this.#note();
    this.#tellStart();
  }

  #resized() {
    const { clientWidth, clientHeight } = this.scroller;
    this.#isHidden = clientHeight === 0;
    if (this.following) this.#stick();
    else if (clientWidth !== this.#width) this.#restore(this.#anchor);
    this.#width = clientWidth;
  }

  #tellStart() {
    if (this.nearStart()) this.dispatchEvent(new Event("start"));
  }

  #tell() {
    this.dispatchEvent(new Event("place"));
  }
}

/** A person has changed a text that was finished; a translation that comes is none. */
function isCorrection(before, now) {
  return !before.unfinished && !before.pending && before.lang === now.lang && before.text !== now.text;
}
