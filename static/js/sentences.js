/**
 * What was said, by place (part, index) and language, and which of it a reader sees (docs/wires/captions.md). Pure: knows no
 * socket and no page. Rows are the wire's `sentence` and `removed` messages; what comes from outside is bounded.
 */
const PLACES_MOST = 20_000, TRACKS_MOST = 8, TEXT_MOST = 10_000;
const LANG = /^[a-z]{2,3}(-[A-Za-z]{2,8})?$/, WITHOUT_SPACES = /^(zh|ja|th|lo|km|my)\b/;

/** A whole number that may be a version or a place. */
export const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
/** A language code; nothing else may become a key. */
export const isLang = (value) => typeof value === "string" && LANG.test(value);
/** In the order of reading. */
export const byPlace = (one, other) => one.part - other.part || one.index - other.index;

const isSpoken = (row) => !row.removed && row.of_version === undefined;
const spokenOf = ({ tracks }) => Object.values(tracks).find(isSpoken);
const joined = (rows) => rows.map((row) => row.text).filter(Boolean).join(WITHOUT_SPACES.test(rows[0]?.lang) ? "" : " ");

export class Sentences {
  #order = []; // {part, index, tracks: {lang: row}}, in the order of reading

  get first() { return this.#order[0]; }
  get last() { return this.#order.at(-1); }
  get full() { return this.#order.length >= PLACES_MOST; }

  clear() { this.#order = []; }

  /** The same as it is now, whatever becomes of this one. */
  copy() {
    const copy = new Sentences();
    copy.#order = this.#order.map(({ part, index, tracks }) => ({ part, index, tracks: { ...tracks } }));
    return copy;
  }

  /** Drop translations: another language is read from now on. */
  dropTranslations() {
    for (const { tracks } of this.#order) for (const lang in tracks) if (!isSpoken(tracks[lang])) delete tracks[lang];
  }

  /** Put a row in its place; false: it is not new. */
  put({ type, lang, version, part, index, text = "", ...more }) {
    if (![version, part, index].every(isCount) || !isLang(lang)) return false;
    const at = this.#find({ part, index });
    if (!this.has({ part, index })) this.#order.splice(at, 0, { part, index, tracks: {} });
    const { tracks } = this.#order[at];
    if (tracks[lang]?.version >= version || Object.keys(tracks).length >= TRACKS_MOST) return false;
    tracks[lang] = { ...more, lang, version, part, index, text: `${text}`.slice(0, TEXT_MOST), removed: type === "removed" };
    if (this.#order.length > PLACES_MOST) this.#order.shift();
    return true;
  }

  /** Is there a row at this place, in this language if one is named? */
  has(place, lang) {
    const found = this.#order[this.#find(place)];
    return found !== undefined && byPlace(found, place) === 0 && (lang === undefined || lang in found.tracks);
  }

  /** The whole sentence that has this place, as a reader of `lang` sees it; null: there is none (any more). */
  at(place, lang) { return this.has(place) ? this.#whole(this.#find(place), lang).sentence : null; }

  /** All whole sentences, in the order of reading. */
  *all(lang) {
    for (let at = 0; at < this.#order.length; ) {
      const { end, sentence } = this.#whole(at, lang);
      if (sentence) yield sentence;
      at = end;
    }
  }

  /** A long sentence is stored in pieces: all but the last have `ends` false. Its translation counts if it is of all of them. */
  #whole(at, lang) {
    let [first, end] = [at, at + 1];
    while (first > 0 && this.#goesOn(first - 1)) first--;
    while (end < this.#order.length && this.#goesOn(end - 1)) end++;
    const pieces = this.#order.slice(first, end), spoken = pieces.map(spokenOf), own = pieces.map(({ tracks }) => tracks[lang]);
    const isCurrent = (row, piece) =>
      row && !row.removed && (!spoken[piece] || row === spoken[piece] || row.of_version === spoken[piece].version);
    const original = spoken.filter(Boolean), translated = own.every(isCurrent);
    const rows = translated || !original.length ? own.filter((row) => row && !row.removed) : original;
    if (!joined(rows)) return { end, sentence: null };
    const { part, index, start_ms, speaker } = rows[0], { end_ms, ends, index: last_index } = rows.at(-1);
    const shown = { lang: rows[0].lang, text: joined(rows), original: joined(original), original_lang: original[0]?.lang ?? "" };
    return { end, sentence: { part, index, last_index, start_ms, end_ms, speaker, ends, ...shown } };
  }

  #goesOn(at) {
    const [here, next] = [this.#order[at], this.#order[at + 1]];
    const isNext = here.part === next?.part && here.index + 1 === next.index;
    return isNext && Object.values(here.tracks).some((row) => row.ends === false);
  }

  /** Where a place is, or would be. */
  #find(place) {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (byPlace(this.#order[middle], place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
