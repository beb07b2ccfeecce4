/** A sentence of the transcript: when it was said, its words, their tentative tail, the original. */

import { direction } from "./text.js";

/** Gives what writes a sentence into its element; `fill` writes its words, `style` is the reader's. What a sentence lacks has no element. */
export function sentenceWriter({ fill, style }) {
  return (element, item, before) => {
    if (!element.words) begin(element);
    fill(element.words, item);
    write(element, "time", minuteOf(item) === (before && minuteOf(before)) ? "" : clock(item.start_ms));
    write(element, "tail", item.tentative, item.tentative || item.corrected);
    element.tail?.classList.toggle("corrected", Boolean(item.corrected));
    const { original } = style();
    const two = Boolean((original === "under" || original === "beside") && item.original && item.original_lang !== item.lang);
    write(element, "original", two ? item.original : "");
    if (two) [element.original.lang, element.original.dir] = [item.original_lang, direction(item.original_lang)];
    element.classList.toggle("two", two);
    element.classList.toggle("pending", item.pending);
  };
}

const make = (name) => Object.assign(document.createElement("span"), { className: name });

function begin(element) {
  element.own = make("own");
  element.words = make("stands");
  element.own.append(element.words);
  element.append(element.own);
}

const PARTS = {
  time: { name: "at numbers", into: (element, part) => element.prepend(part) },
  tail: { name: "tentative", into: (element, part) => element.own.append(part) },
  original: { name: "original", into: (element, part) => element.append(part) },
};

function write(element, part, words, isWanted = words) {
  if (!element[part] && !isWanted) return;
  if (!element[part]) {
    element[part] = make(PARTS[part].name);
    PARTS[part].into(element, element[part]);
  }
  if (element[part].textContent !== words) element[part].textContent = words;
  element[part].hidden = !isWanted;
}

const minuteOf = ({ part, start_ms: ms }) => `${part}:${Math.floor(ms / 60_000)}`;

function clock(ms) {
  const [s, m, h] = [Math.floor(ms / 1000) % 60, Math.floor(ms / 60_000) % 60, Math.floor(ms / 3_600_000)];
  const two = (value) => String(value).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
