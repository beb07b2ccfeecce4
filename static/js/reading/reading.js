/** From what the client knows to what this reader is shown: as it is read, at this reader's pace, behind their offset.
 *
 * The pace says what is shown of words that may still change: "fast" all, "drafts" those of a translation alone, "steady" none.
 * Events: "text", detail {fresh, changed: [item], removed: [key]} (items.js); "unfinished" (see `unfinished`), behind each "text", too;
 * "page": all sentences of a page of older text were told.
 */

import { continuedItem, sentenceItem, unfinishedItem } from "./items.js";
import { Later } from "./later.js";
import { keyOf, placeOf } from "./text.js";

const TRANSLATION_WITHIN_MS = 12_000; // a steady reader waits for it so long, then reads what was spoken
const HELD_AT_FIRST = 3;
const CHANGES_AT_ONCE = 50; // a frame of a slow phone has no time for more
const SENTENCE_WITHIN_MS = 1500; // it comes on another way than its unfinished words, a little before or after

export class Reading extends EventTarget {
  #model;
  #style;
  #dirty = new Set();
  #held = new Map(); // key → timer: a steady reader waits for its translation
  #behind = new Set(); // keys that wait behind those
  #later = new Later();
  #partial = null;
  #draft = null;
  #ahead = null; // unfinished words whose sentence before has not come
  #partialTimer = 0;
  #spokenUpTo = -1;
  #replaying = true;
  #fresh = true;
  #first = Infinity;
  #scheduled = false;
  #isPaged = false; // a page of older text has come
  #due = null; // Sentences: what is due where an offset is chosen; null: all that is known
  #dueLang = "";

  /** `style`: the reader's, read anew at each change. */
  constructor(captions, style) {
    super();
    [this.#model, this.#style] = [captions.model, style];
    captions.addEventListener("hello", ({ detail }) => this.#hello(detail));
    captions.addEventListener("versions", () => this.#replayed());
    for (const type of ["sentence", "removed"]) captions.addEventListener(type, ({ detail }) => this.#row(detail));
    captions.addEventListener("history", () => this.#paged());
    captions.addEventListener("state", ({ detail }) => detail.state === "closed" && this.#silence());
    captions.addEventListener("partial", () => this.#passing((words) => this.#takePartial(words), this.#model.partial));
    captions.addEventListener("draft", () => this.#passing((words) => this.#takeDraft(words), this.#model.draft));
  }

  /** What is being said: an item whose text stands, with a `tentative` tail; or null. A sentence that goes on is all of it, under its own key. */
  get unfinished() {
    const steady = this.#style().pace !== "fast";
    const partial = this.#partial;
    if (!this.#translates()) return partial && this.#joined(unfinishedItem(partial, { steady }), (sentence) => this.#ofSentence(sentence));
    const draft = this.#shownDraft;
    if (draft && this.#isUnfinished(draft)) return unfinishedItem(draft, { steady: false });
    if (!partial || steady || this.#held.size) return null;
    return this.#joined({ ...unfinishedItem(partial, { steady }), pending: true }, (sentence) => this.#ofSentence(sentence));
  }

  /** What was spoken and is unfinished: for the original beside a translation. */
  get spoken() {
    const words = this.#partial && unfinishedItem(this.#partial, { steady: this.#style().pace !== "fast" });
    return words && this.#joined(words, (sentence) => sentenceItem(sentence, { asSpoken: true, lang: null }));
  }

  /** The words with the sentence that they go on with; null where they are in it already, or a draft of it is shown, which is of these words too. */
  #joined(words, itemOf) {
    const { part, index } = placeOf(words.key - 1);
    if (this.#sentenceAt(part, index + 1)) return null;
    const before = this.#sentenceAt(part, index);
    const item = before && itemOf(before), whole = item && continuedItem(item, words);
    if (!whole) return words;
    return item.lang === words.lang ? whole : null;
  }

  /** The reader chose another pace or offset: nothing waits any more. */
  restyled() {
    for (const timer of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
    this.#later.flush();
    for (const key of this.#behind) this.#dirty.add(key);
    this.#behind.clear();
    this.#copyDue();
    this.#schedule();
  }

  /** Every item that is to be shown, in reading order. */
  *items() {
    const limit = this.#limit;
    for (const sentence of this.#sentences()) {
      const item = this.#ofSentence(sentence);
      if (item.key < limit && !this.#behind.has(item.key)) yield item;
    }
  }

  /** Pieces of a sentence come one by one: to who reads later each when it is due. */
  #copyDue() {
    this.#due = this.#style().offset_s && !this.#fresh ? this.#model.copySentences() : null;
    this.#dueLang = this.#model.lang;
  }

  #sentenceAt(part, index) {
    return this.#due ? this.#due.at({ part, index }, this.#model.lang) : this.#model.sentenceAt(part, index);
  }

  #sentences() {
    return this.#due ? this.#due.all(this.#model.lang) : this.#model.sentences();
  }

  #translates() {
    return this.#model.lang !== this.#model.source_lang && this.#style().original !== "instead";
  }

  #hello({ resumed }) {
    this.#replaying = true;
    this.#silence();
    if (this.#model.lang !== this.#dueLang) this.#due = null;
    if (resumed) return;
    this.#due = null;
    [this.#fresh, this.#isPaged] = [true, false];
    this.#dirty.clear();
    this.#later.clear();
    for (const timer of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
    this.#behind.clear();
  }

  #replayed() {
    this.#replaying = false;
    const isAnew = this.#fresh;
    this.#fresh = false;
    if (!this.#due) this.#copyDue();
    if (!isAnew) return this.#schedule();
    if (this.#waits()) this.#holdNewest([...this.items()]);
    const changed = [...this.items()];
    this.#first = changed.length ? changed[0].key : 0; // where nothing was said, nothing is older
    this.#spokenUpTo = changed.length ? changed.at(-1).last : -1;
    this.#dispatch({ fresh: true, changed, removed: [] });
    this.#schedule();
  }

  /** Nobody finishes what was being said. */
  #silence() {
    clearTimeout(this.#partialTimer);
    [this.#partial, this.#draft, this.#ahead] = [null, null, null];
    this.#schedule();
  }

  #row(row) {
    if (this.#fresh) return;
    const key = keyOf(row.part, row.index);
    const old = this.#replaying || key < this.#first || row.type === "removed";
    this.#first = Math.min(this.#first, key);
    this.#after(old, () => {
      this.#due?.put(row);
      this.#changed(row, key, old);
    });
  }

  #changed(row, key, old) {
    const isSpoken = row.of_version === undefined && row.type === "sentence";
    const sentence = this.#sentenceAt(row.part, row.index), first = sentence ? keyOf(sentence.part, sentence.index) : key;
    if (isSpoken) this.#spoken(key);
    if (!old && isSpoken && this.#waits() && row.lang !== this.#model.lang) this.#hold(first);
    if (row.lang === this.#model.lang && (!sentence || sentence.lang === row.lang)) this.#release(first);
    this.#dirty.add(key);
    this.#schedule();
  }

  #spoken(key) {
    this.#spokenUpTo = Math.max(this.#spokenUpTo, key);
    if (this.#partial && keyOf(this.#partial.part, this.#partial.index) <= key) this.#partial = null;
    if (this.#ahead) this.#takePartial(this.#ahead);
  }

  /** The draft, where it is read: some of it may be taken back. */
  get #shownDraft() {
    return this.#style().pace === "steady" ? null : this.#draft;
  }

  /** From here on nothing is shown: a translation is waited for, of which no draft is read. */
  get #limit() {
    const isRead = (key) => {
      const draft = this.#shownDraft, sentence = draft && this.#sentenceAt(draft.part, draft.index);
      return sentence && keyOf(sentence.part, sentence.index) === key;
    };
    return Math.min(...[...this.#held.keys()].filter((key) => !isRead(key)));
  }

  /** Does this reader wait for translations? */
  #waits() {
    return this.#style().pace !== "fast" && this.#translates() && !this.#model.isUntranslated;
  }

  /** The last sentences, where their translation may be on its way. */
  #holdNewest(items) {
    const behind = items.slice(-HELD_AT_FIRST);
    while (behind.length && !behind.at(-1).pending) behind.pop();
    const first = behind.findLastIndex(({ pending }) => !pending) + 1;
    for (const { key } of behind.slice(first)) this.#hold(key);
    const limit = Math.min(...this.#held.keys());
    for (const { key } of items) if (key >= limit) this.#behind.add(key);
  }

  /** From the last of its pieces on. */
  #hold(key) {
    clearTimeout(this.#held.get(key));
    this.#held.set(key, setTimeout(() => {
      this.#release(key);
      this.#schedule();
    }, TRANSLATION_WITHIN_MS));
  }

  #release(key) {
    clearTimeout(this.#held.get(key));
    this.#held.delete(key);
  }

  #passing(take, words) {
    if (!this.#fresh) this.#after(this.#replaying, () => take(words));
  }

  /** Words that go, or that come, a moment before their sentence would make the page flicker. */
  #takePartial(words) {
    clearTimeout(this.#partialTimer);
    const isAhead = words && this.#spokenUpTo >= 0 && keyOf(words.part, words.index) > this.#spokenUpTo + 1 && placeOf(this.#spokenUpTo).part === words.part;
    this.#ahead = isAhead ? words : null;
    if (words && !isAhead) return this.#setPartial(words);
    this.#partialTimer = setTimeout(() => this.#setPartial(words), SENTENCE_WITHIN_MS);
  }

  #setPartial(words) {
    this.#partial = words;
    this.#schedule();
  }

  #takeDraft(words) {
    this.#draft = words;
    const sentence = words && this.#sentenceAt(words.part, words.index);
    if (sentence) this.#dirty.add(keyOf(sentence.part, sentence.index));
    this.#schedule();
  }

  /** Run now, or behind the reader's offset. */
  #after(now, work) {
    const offset_ms = this.#style().offset_s * 1000;
    if (now || !offset_ms) return work();
    this.#later.after(offset_ms, work);
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = () => {
      this.#scheduled = false;
      this.#flush();
    };
    if (document.visibilityState === "visible") requestAnimationFrame(flush);
    else setTimeout(flush, 200);
  }

  #paged() {
    this.#isPaged = true;
    this.#schedule();
  }

  #flush() {
    if (this.#fresh) return;
    const limit = this.#limit;
    const keys = [...[...this.#dirty].slice(0, CHANGES_AT_ONCE), ...this.#behind];
    for (const key of keys) this.#dirty.delete(key);
    this.#behind.clear();
    const [changed, removed] = [new Map(), new Set()];
    for (const key of keys) {
      if (key >= limit) this.#behind.add(key);
      else this.#sort(key, changed, removed);
    }
    for (const key of changed.keys()) removed.delete(key);
    if (changed.size || removed.size) this.#dispatch({ fresh: false, changed: [...changed.values()], removed: [...removed] });
    this.dispatchEvent(new Event("unfinished"));
    if (this.#dirty.size) return this.#schedule();
    if (this.#isPaged) this.dispatchEvent(new Event("page"));
    this.#isPaged = false;
  }

  /** A place may be a piece of a sentence that begins before it, or may have taken the first piece away from one. */
  #sort(key, changed, removed) {
    for (const place of [key, key + 1]) {
      const { part, index } = placeOf(place);
      const sentence = this.#sentenceAt(part, index);
      const own = sentence && keyOf(sentence.part, sentence.index);
      if (place === key && own !== key) removed.add(key);
      if (sentence && (place === key || own === place)) changed.set(own, this.#ofSentence(sentence));
    }
  }

  #ofSentence(sentence) {
    const asSpoken = this.#style().original === "instead";
    return sentenceItem(sentence, { asSpoken, lang: this.#translates() ? this.#model.lang : null, draft: this.#shownDraft });
  }

  /** Is this of a sentence that nobody has finished? */
  #isUnfinished({ part, index }) {
    return index === undefined || !this.#sentenceAt(part, index);
  }

  #dispatch(detail) {
    this.dispatchEvent(new CustomEvent("text", { detail }));
  }
}
