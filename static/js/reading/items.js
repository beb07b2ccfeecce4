/** What a reader is shown of a sentence, and of words that are no sentence yet. Pure.
 *
 * An item: {key, lang, text, tentative, original, original_lang, part, start_ms, speaker, unfinished, pending}.
 * `pending`: its translation has not come. `last`: the key of its last piece.
 */

import { keyOf, spaceAfter } from "./text.js";

/** A sentence, as `asSpoken` or in the language `lang` (null: as it comes), with its `draft` until it is translated. */
export function sentenceItem(sentence, { asSpoken, lang: wanted, draft }) {
  const { part, index, last_index, start_ms, speaker, ends, lang, text, original, original_lang } = sentence;
  const item = { key: keyOf(part, index), part, start_ms, speaker, lang, text, tentative: "", original, original_lang, unfinished: !ends, pending: false, last: keyOf(part, last_index) };
  if (asSpoken && original) return { ...item, lang: original_lang, text: original };
  if (wanted === null || lang === wanted) return item;
  const isDrafted = draft && draft.part === part && draft.index >= index && draft.index <= last_index && draft.lang === wanted;
  if (!isDrafted) return { ...item, pending: true };
  return { ...item, lang: draft.lang, text: draft.confirmed, tentative: draft.tentative, unfinished: true, pending: false };
}

/** A sentence that goes on, and the words that it goes on with; null: they are not of it. */
export function continuedItem(item, words) {
  if (!item.unfinished || words.key !== item.last + 1) return null;
  return { ...item, text: item.text + spaceAfter(item.lang) + words.text, tentative: words.tentative };
}

/** Words of a partial or a draft; to a `steady` reader only those that stand. */
export function unfinishedItem({ part, index = 0, start_ms, lang, confirmed, tentative }, { steady }) {
  const space = steady ? "" : /^\s*/.exec(tentative)[0];
  return { key: keyOf(part, index), part, start_ms, speaker: -1, lang, text: confirmed + space, tentative: steady ? "" : tentative.slice(space.length), original: "", original_lang: "", unfinished: true, pending: false };
}
