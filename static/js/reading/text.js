/** Facts about written text: its direction, its words. Pure. */

const RIGHT_TO_LEFT = new Set(["ar", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"]);
const WITHOUT_SPACES = new Set(["ja", "lo", "km", "my", "th", "zh"]);
const PART_SIZE = 1e7; // sentences of a part are fewer
const segmenters = new Map();

/** One number for (part, index), in reading order. */
export const keyOf = (part, index) => part * PART_SIZE + index;

/** (part, index) of such a number. */
export const placeOf = (key) => ({ part: Math.floor(key / PART_SIZE), index: key % PART_SIZE });

const primary = (lang) => lang.split("-", 1)[0].toLowerCase();

/** "rtl" or "ltr". */
export const direction = (lang) => (RIGHT_TO_LEFT.has(primary(lang)) ? "rtl" : "ltr");

/** What stands between two sentences. */
export const spaceAfter = (lang) => (WITHOUT_SPACES.has(primary(lang)) ? "" : " ");

/** The words of `text` as [start, end] offsets. */
export function words(text, lang) {
  const segmenter = segmenterOf(lang);
  if (!segmenter) return [...text.matchAll(/\S+/gu)].map((found) => [found.index, found.index + found[0].length]);
  const found = [];
  for (const { segment, index, isWordLike } of segmenter.segment(text)) {
    if (isWordLike) found.push([index, index + segment.length]);
  }
  return found;
}

/** The word at (or next to) this offset as [start, end], or null. */
export function wordAt(text, offset, lang) {
  const near = ([start, end]) => Math.max(start - offset, offset - end, 0);
  return words(text, lang).reduce((best, each) => (best && near(best) <= near(each) ? best : each), null);
}

/** Lower case, without accents: what a search compares. */
export const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function segmenterOf(lang) {
  if (typeof Intl.Segmenter !== "function") return null;
  if (!segmenters.has(lang)) {
    let made = null;
    try {
      made = new Intl.Segmenter(lang, { granularity: "word" });
    } catch {
      made = new Intl.Segmenter("en", { granularity: "word" });
    }
    segmenters.set(lang, made);
  }
  return segmenters.get(lang);
}
