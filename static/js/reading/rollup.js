/** Captions: a few large lines. Words stay where they appeared; text that is full rolls up by whole lines.
 *
 * Words are only ever added at the end, so the browser's line breaking never moves one that stands. What has rolled out
 * is taken away at a line's beginning, and the rest is indented to where it began. A long text that comes at once rolls
 * through at reading speed instead of jumping to its end.
 */

import { direction, spaceAfter } from "./text.js";

const READ_CHARS_PER_S = 30;
const STEP_MS_LEAST = 180;
const STEP_MS_MOST = 1200;
const LINES_KEPT_ABOVE = 1;
const LINES_BEFORE_TRIM = 8;

export class RollUp {
  #flow;
  #spans = new Map(); // key → its element, in reading order
  #from = -Infinity; // what is older has rolled out for good
  #top = 0; // the line that is at the top
  #trimmed = 0; // lines that were taken away above
  #timer = 0;
  #fill;
  #steady;

  /** `box` gets one paragraph; `fill(element, item)` writes an item's finished text; `steady()`: finished text stays as it came. */
  constructor(box, { fill = plainText, steady = () => false } = {}) {
    this.box = box;
    this.#fill = fill;
    this.#steady = steady;
    this.#flow = document.createElement("p");
    this.#flow.className = "flow";
    if (!box.firstElementChild) box.append(this.#flow); // else what came with the page stands until there is more
    this.#observer = new ResizeObserver(() => this.reflow());
    this.#observer.observe(box);
  }
  #observer;

  /** Show these items, in reading order: {key, lang, text, tentative, unfinished}. */
  show(items) {
    const fresh = this.#spans.size === 0;
    if (items.length && !this.#flow.isConnected) this.box.replaceChildren(this.#flow);
    const keys = new Set(items.map((item) => item.key));
    const first = items.length ? items[0].key : Infinity;
    for (const [key, span] of this.#spans) {
      if (!keys.has(key) && (key >= first || !items.length)) this.#drop(key, span);
    }
    let previous = null;
    for (const item of items) {
      if (item.key < this.#from) continue;
      previous = this.#place(item, previous);
    }
    if (!items.length) this.clear();
    else if (fresh) this.reflow();
    else this.#roll();
  }

  /** Nothing is shown any more; what comes next begins in the first line. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#spans.clear();
    this.#flow.replaceChildren();
    this.#from = -Infinity;
    this.#untrim();
    this.#moveTo(0, false);
  }

  /** Lines have another width or height: begin with what fits, its end in view. */
  reflow() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#untrim();
    this.#moveTo(Math.max(0, this.#lineCount() - this.#linesShown()), false);
    this.#trim();
  }

  /** The elements of a sentence that is shown, or undefined. */
  element(key) {
    return this.#spans.get(key);
  }

  /** The keys that are shown, in reading order. */
  keys() {
    return [...this.#spans.keys()];
  }

  #place(item, previous) {
    let span = this.#spans.get(item.key);
    if (!span) {
      if (this.#from === -Infinity) this.#from = item.key;
      span = document.createElement("span");
      span.className = "sentence";
      span.dataset.key = item.key;
      if (previous) previous.after(span);
      else this.#flow.append(span);
      this.#remember(item.key, span);
    } else if (span.dataset.finished && this.#steady() && !item.unfinished) {
      this.#fill(span.firstChild, { ...item, text: span.dataset.text, lang: span.lang });
      return span;
    }
    write(span, item, this.#fill);
    return span;
  }

  #remember(key, span) {
    const inOrder = this.#spans.size === 0 || key > [...this.#spans.keys()].at(-1);
    this.#spans.set(key, span);
    if (!inOrder) this.#spans = new Map([...this.#spans].sort(([a], [b]) => a - b));
  }

  #drop(key, span) {
    this.#spans.delete(key);
    span.remove();
  }

  #lineHeight() {
    return Number.parseFloat(getComputedStyle(this.#flow).lineHeight) || 1;
  }

  #lineCount() {
    return Math.round(this.#flow.offsetHeight / this.#lineHeight());
  }

  #linesShown() {
    return Math.max(1, Math.round(this.box.clientHeight / this.#lineHeight()));
  }

  #moveTo(line, smoothly) {
    this.#top = line;
    this.#flow.classList.toggle("still", !smoothly);
    this.#flow.style.transform = line ? `translateY(${-line * this.#lineHeight()}px)` : "";
  }

  #roll() {
    if (this.#timer) return;
    const lines = this.#lineCount();
    const behind = lines - this.#linesShown() - this.#top;
    if (lines <= this.#top) this.#moveTo(Math.max(this.#trimmed, lines - this.#linesShown()), false); // a shorter text: never an empty box
    if (behind <= 0) return;
    this.#moveTo(this.#top + 1, true);
    const chars = this.#flow.textContent.length / Math.max(1, lines - this.#trimmed);
    const toRead = Math.min(STEP_MS_MOST, (chars / READ_CHARS_PER_S) * 1000);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#top > this.#trimmed + LINES_BEFORE_TRIM) this.#trim();
      this.#roll();
    }, Math.max(STEP_MS_LEAST, toRead / Math.max(1, behind - 1)));
  }

  #untrim() {
    [this.#flow.style.textIndent, this.#flow.style.paddingTop] = ["", ""];
    this.#trimmed = 0;
  }

  /** Take away what has rolled out. Room is left in its place, so that no line that is left moves. */
  #trim() {
    const height = this.#lineHeight();
    const flow = this.#flow.getBoundingClientRect();
    const lineOf = (rect) => Math.floor((rect.top + rect.height / 2 - flow.top) / height);
    const gone = [];
    for (const [key, span] of this.#spans) {
      const rects = span.getClientRects();
      if (!rects.length) continue;
      if (lineOf(rects[rects.length - 1]) < this.#top - LINES_KEPT_ABOVE) {
        gone.push([key, span]);
        continue;
      }
      if (!gone.length) return;
      const [first] = rects;
      const { direction: dir, paddingInlineStart } = getComputedStyle(this.#flow);
      const from = dir === "rtl" ? flow.right - first.right : first.left - flow.left;
      const indent = from - Number.parseFloat(paddingInlineStart);
      for (const [old, element] of gone) this.#drop(old, element);
      this.#from = key;
      this.#flow.style.textIndent = `${Math.max(0, indent)}px`;
      this.#flow.style.paddingTop = `${lineOf(first) * height}px`;
      this.#trimmed = lineOf(first);
      return;
    }
  }
}

function write(span, item, fill) {
  if (!span.firstChild) {
    const stands = document.createElement("span");
    stands.className = "stands";
    const tentative = document.createElement("span");
    tentative.className = "tentative";
    span.append(stands, tentative);
  }
  const [stands, tentative] = span.childNodes;
  if (span.lang !== item.lang) {
    span.lang = item.lang;
    span.dir = direction(item.lang);
  }
  const tail = item.tentative ?? "";
  fill(stands, { ...item, text: item.text + (item.text && !tail ? spaceAfter(item.lang) : "") });
  if (tentative.textContent.trimEnd() !== tail) tentative.textContent = tail && tail + spaceAfter(item.lang);
  span.classList.toggle("pending", Boolean(item.pending));
  span.dataset.text = stands.textContent;
  if (item.unfinished) delete span.dataset.finished;
  else span.dataset.finished = "1";
}

function plainText(element, item) {
  if (element.textContent !== item.text) element.textContent = item.text;
}
