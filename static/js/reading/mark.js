/** The reader's mark: one word of one sentence, kept in this browser for each room. */

import { keyOf, placeOf, wordAt, words } from "./text.js";

const STORE = "souffleur.marks";
const ROOMS_KEPT = 30;

export class Mark extends EventTarget {
  /** {key, lang, start, word} or null. Event "mark": it changed; `detail` is the one before. */
  value = null;

  constructor(room) {
    super();
    this.room = room;
    const kept = read()[room];
    if (kept && Number.isInteger(kept.part) && Number.isInteger(kept.index) && typeof kept.word === "string") {
      this.value = { key: keyOf(kept.part, kept.index), lang: kept.lang, start: kept.start, word: kept.word };
    }
  }

  /** Mark this word; the word that is marked already: take the mark away. */
  toggle(key, lang, start, word) {
    const before = this.value;
    const same = before?.key === key && before.lang === lang && before.start === start;
    this.value = same ? null : { key, lang, start, word };
    this.#keep();
    this.dispatchEvent(new CustomEvent("mark", { detail: before }));
  }

  /** Where the mark is in this text, as [start, end], or null. A text that was corrected keeps it at the same word. */
  rangeIn(key, lang, text) {
    const { value } = this;
    if (value?.key !== key || value.lang !== lang) return null;
    const { start, word } = value;
    if (text.slice(start, start + word.length) === word) return [start, start + word.length];
    return wordAt(text, Math.min(start, text.length), lang);
  }

  #keep() {
    const marks = read();
    delete marks[this.room];
    if (this.value) {
      const { key, lang, start, word } = this.value;
      marks[this.room] = { ...placeOf(key), lang, start, word };
    }
    const kept = Object.entries(marks).slice(-ROOMS_KEPT);
    try {
      localStorage.setItem(STORE, JSON.stringify(Object.fromEntries(kept)));
    } catch {
      /* private browsing: it lives as long as the page */
    }
  }
}

/** Write `text` into `element` with its marked word, and the word that the keyboard is at. */
export function writeMarked(element, text, marked, cursor = null) {
  const wanted = `${text}\n${marked ?? ""}\n${cursor ?? ""}`;
  if (element.written === wanted) return;
  element.written = wanted;
  const pieces = [];
  let at = 0;
  for (const [range, name] of [[marked, "mark"], [cursor, "cursor"]].filter(([range]) => range).sort(([a], [b]) => a[0] - b[0])) {
    if (range[0] < at) {
      pieces.at(-1)?.classList?.add(name);
      continue;
    }
    const node = document.createElement(name === "mark" ? "mark" : "span");
    node.className = name;
    node.textContent = text.slice(...range);
    pieces.push(document.createTextNode(text.slice(at, range[0])), node);
    at = range[1];
  }
  element.replaceChildren(...pieces, document.createTextNode(text.slice(at)));
}

/** The word under a point: {element, start, word}, `element` being the nearest with `selector`. Null: no word there. */
export function wordAtPoint(x, y, selector) {
  const caret = document.caretPositionFromPoint?.(x, y) ?? document.caretRangeFromPoint?.(x, y);
  const node = caret?.offsetNode ?? caret?.startContainer;
  const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement.closest(selector) : null;
  if (!element) return null;
  const text = element.textContent;
  const before = document.createRange();
  before.setStart(element, 0);
  before.setEnd(node, caret.offset ?? caret.startOffset);
  const lang = element.closest("[lang]").lang;
  const range = wordAt(text, before.toString().length, lang);
  return range && { element, start: range[0], word: text.slice(...range) };
}

/** The word before or after `start` in a text: its start, or -1 where there is none. */
export function neighbour(text, lang, start, step) {
  const starts = words(text, lang).map(([at]) => at);
  if (start === null) return (step > 0 ? starts[0] : starts.at(-1)) ?? -1;
  const at = starts.indexOf(start) + step;
  return starts[at] ?? -1;
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}

/** The keyboard's way to a word: left and right from word to word, up and down by sentence, Enter marks, Escape leaves. */
export class WordCursor {
  #at = null; // {key, lang, start, end}

  constructor(mark) {
    this.mark = mark;
  }

  /** Where the keyboard is in this sentence, as [start, end], or null. */
  rangeIn(key, lang) {
    return this.#at?.key === key && this.#at.lang === lang ? [this.#at.start, this.#at.end] : null;
  }

  /** Listen to `area`: `sentences()` are those in view, `redraw(keys)` writes them anew. */
  over(area, { sentences, redraw }) {
    const move = (to) => {
      const keys = [this.#at?.key, to?.key].filter((key) => key !== undefined);
      this.#at = to;
      redraw(keys);
    };
    area.addEventListener("blur", () => this.#at && move(null));
    area.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const rtl = getComputedStyle(area).direction === "rtl" ? -1 : 1;
      const step = { ArrowRight: rtl, ArrowLeft: -rtl }[event.key];
      if (step) move(this.#next(sentences(), step) ?? this.#at);
      else if (event.key === "Enter" && this.#at) this.#toggle(sentences());
      else if (event.key === "Escape" && this.#at) move(null);
      else return;
      event.preventDefault();
    });
  }

  #toggle(sentences) {
    const { key, lang, start, end } = this.#at;
    const text = sentences.find((each) => each.key === key)?.text;
    if (text) this.mark.toggle(key, lang, start, text.slice(start, end));
  }

  #next(sentences, step) {
    const readable = sentences.filter(({ text, lang }) => words(text, lang).length);
    let at = readable.findIndex(({ key }) => key === this.#at?.key);
    let start = at < 0 ? null : this.#at.start;
    if (at < 0) at = step > 0 ? 0 : readable.length - 1;
    for (; readable[at]; at += step, start = null) {
      const { key, lang, text } = readable[at];
      const found = neighbour(text, lang, start, step);
      if (found >= 0) return { key, lang, start: found, end: words(text, lang).find(([from]) => from === found)[1] };
    }
    return null;
  }
}
