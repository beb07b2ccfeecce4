/** /room/X: reading along. Puts the captions wire, what this reader is shown, its two views and the page's controls together. */

import { connect } from "./captions.js";
import { languages, share, styleSheet } from "./reading/dialogs.js";
import { History } from "./reading/history.js";
import { Mark, WordCursor, wordAtPoint, writeMarked } from "./reading/mark.js";
import { Reading } from "./reading/reading.js";
import { RollUp } from "./reading/rollup.js";
import { Search } from "./reading/search.js";
import { Status } from "./reading/status.js";
import { direction } from "./reading/text.js";
import { Transcript } from "./reading/transcript.js";
import { text } from "./texts.js";
import { allowSleep, keepAwake } from "./wake_lock.js";

const SHOWN_IN_CAPTIONS = 24;
const ANNOUNCED = 4;
const id = (name) => document.getElementById(name);
const json = (name) => JSON.parse(id(name).textContent);

const setup = json("setup");
let style = readingStyle.load();
const captions = connect({ room: setup.room }, { lang: setup.lang });
const reading = new Reading(captions, () => style);
const mark = new Mark(setup.room);

// --- the two views

const cursor = new WordCursor(mark);
const fill = (element, { key, lang, text: words }) => writeMarked(element, words, mark.rangeIn(key, lang, words), cursor.rangeIn(key, lang));
const own = new RollUp(id("own"), { fill, steady: () => style.pace === "steady" });
const spoken = new RollUp(id("spoken"), { fill, steady: () => style.pace === "steady" });
const transcript = new Transcript(id("scroller"), { fill: writeSentence });
const newest = new Map(); // the last items, for the captions

function writeSentence(element, item) {
  if (!element.words) {
    const make = (name) => Object.assign(document.createElement("span"), { className: name });
    const own = make("own");
    [element.time, element.words, element.tail, element.original] = ["at numbers", "stands", "tentative", "original"].map(make);
    own.append(element.words, element.tail);
    element.append(element.time, own, element.original);
  }
  const minute = Math.floor(item.start_ms / 60_000);
  const before = element.previousElementSibling;
  element.minute = `${item.part}:${minute}`;
  element.time.textContent = before?.minute === element.minute ? "" : clock(item.start_ms);
  element.time.hidden = !element.time.textContent;
  fill(element.words, item);
  element.tail.textContent = item.tentative;
  const two = (style.original === "under" || style.original === "beside") && item.original && item.original_lang !== item.lang;
  element.original.hidden = !two;
  element.original.lang = item.original_lang;
  element.original.dir = direction(item.original_lang);
  element.original.textContent = two ? item.original : "";
  element.classList.toggle("two", Boolean(two));
  element.classList.toggle("pending", item.pending);
  element.tail.classList.toggle("corrected", Boolean(item.corrected));
}

function clock(ms) {
  const [s, m, h] = [Math.floor(ms / 1000) % 60, Math.floor(ms / 60_000) % 60, Math.floor(ms / 3_600_000)];
  const two = (value) => String(value).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const withTwo = () => style.original === "under" || style.original === "beside";
const asSpoken = (item) => ({ ...item, lang: item.original_lang || item.lang, text: item.original || item.text, tentative: "", pending: false, unfinished: item.unfinished && !item.tentative });

function showCaptions() {
  const items = [...newest.values()];
  const { unfinished } = reading;
  own.show(unfinished && !newest.has(unfinished.key) ? [...items, unfinished] : items);
  const two = withTwo() && captions.model.lang !== captions.model.source_lang;
  id("spoken").hidden = !two;
  if (!two) return;
  const originals = items.map(asSpoken);
  const being = reading.spoken;
  spoken.show(being && !newest.has(being.key) ? [...originals, being] : originals);
}

function keepNewest(changed, removed) {
  for (const key of removed) newest.delete(key);
  for (const item of changed) newest.set(item.key, item);
  const keys = [...newest.keys()].sort((a, b) => a - b).slice(-SHOWN_IN_CAPTIONS);
  const kept = keys.map((key) => [key, newest.get(key)]);
  newest.clear();
  for (const [key, item] of kept) newest.set(key, item);
}

reading.addEventListener("text", ({ detail: { fresh, changed, removed } }) => {
  if (fresh) {
    newest.clear();
    direct();
    if (transcript.following) reconcile();
    else setTimeout(reconcile); // the connection may be asked for older text then
  } else {
    transcript.change(changed, removed);
    announce(changed);
  }
  keepNewest(changed, removed);
  showPassing();
  search.changed();
  tellMark();
  if (fresh) ask();
});
reading.addEventListener("unfinished", showPassing);

function showPassing() {
  showCaptions();
  const { unfinished } = reading;
  transcript.being(unfinished && !transcript.has(unfinished.key) && (unfinished.text || unfinished.tentative) ? unfinished : null);
}

/** Everything anew; who reads further back keeps the place: what was there is fetched first. */
function reconcile() {
  const { anchor } = transcript;
  const first = reading.items().next().value?.key ?? Infinity;
  if (anchor !== null && anchor < first && !captions.model.complete && captions.status === "live") return older(reconcile);
  const items = [...reading.items()];
  const here = new Set(items.map((item) => item.key));
  transcript.change(items, [...transcript.keys()].filter((key) => !here.has(key)));
}

// --- older text

const pages = new History(captions);
const older = (then) => pages.older(then);
const search = new Search(transcript, { older });

/** The start of the transcript is near: more of it, if there is. */
function ask() {
  if (style.view === "transcript" && transcript.nearStart()) older(ask);
}

transcript.addEventListener("start", ask);
transcript.addEventListener("place", () => {
  const { newer, following } = transcript;
  id("newer").hidden = following;
  id("newer").textContent = newer ? text(newer === 1 ? "newer_one" : "newer", { count: newer }) : text("to_end");
  tellMark();
});
id("newer").addEventListener("click", () => {
  transcript.toEnd();
  id("scroller").focus({ preventScroll: true });
});

// --- the mark

mark.addEventListener("mark", ({ detail: before }) => {
  for (const key of [before?.key, mark.value?.key]) {
    if (key === undefined) continue;
    transcript.rewrite(key);
  }
  showCaptions();
  tellMark();
  id("marked").textContent = mark.value ? text("marked", { word: mark.value.word }) : text("unmarked");
});

function tellMark() {
  id("to-mark").hidden = !mark.value || transcript.isInView(mark.value.key);
}

function toMark() {
  const { value } = mark;
  if (!value) return;
  if (transcript.has(value.key)) transcript.show(value.key);
  else if (!older(toMark)) id("to-mark").hidden = true; // it is not there any more
}
id("to-mark").addEventListener("click", toMark);

for (const area of [id("boxes"), id("scroller")]) {
  area.addEventListener("click", (event) => {
    if (!document.getSelection().isCollapsed || event.target.closest("a, button")) return;
    const word = wordAtPoint(event.clientX, event.clientY, ".stands");
    if (!word) return;
    const sentence = word.element.closest("[data-key]");
    mark.toggle(Number(sentence.dataset.key), sentence.lang, word.start, word.word);
  });
}
cursor.over(id("boxes"), {
  sentences: () => [...newest.values()],
  redraw: showCaptions,
});
cursor.over(id("scroller"), {
  sentences: () => transcript.inView(),
  redraw: (keys) => keys.forEach((key) => transcript.rewrite(key)),
});

// --- status, dialogs, style

const status = new Status(captions, { about: json("about"), setup, style: () => style });
status.addEventListener("panel", () => transcript.keepPlace(() => {}));
languages({ captions, about: () => status.about, setup, choose: readIn });
share();
styleSheet({ style: () => style, change });

/** Which way the lines run: as what is read in them. */
function direct() {
  const { lang, source_lang } = captions.model;
  const read = style.original === "instead" ? source_lang : lang;
  for (const [box, its] of [[id("own"), read], [id("spoken"), source_lang]]) [box.lang, box.dir] = [its, direction(its)];
}

captions.addEventListener("state", direct);

function readIn(lang) {
  captions.setLang(lang);
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `captions_lang=${lang}; path=/; max-age=31536000; samesite=lax${secure}`;
  const address = new URL(location.href);
  address.searchParams.set("lang", lang);
  history.replaceState(null, "", address);
  direct();
  own.clear();
  newest.clear();
  reading.restyled();
  again();
}

/** All items are written anew: another language, or another choice of original. */
function again() {
  const items = [...reading.items()];
  transcript.change(items, []);
  keepNewest(items.slice(-SHOWN_IN_CAPTIONS), []);
  showCaptions();
}

function change(name, value) {
  style = readingStyle.checked({ ...style, [name]: value });
  readingStyle.save(style);
  dress(name);
}

function dress(name) {
  transcript.keepPlace(() => readingStyle.apply(style));
  if (name === "view") showView();
  if (name === "pace" || name === "offset_s") reading.restyled();
  if (name === "original" || name === "pace") {
    direct();
    own.clear();
    spoken.clear();
    again();
    transcript.redraw();
  }
  if (name === "awake") (style.awake ? keepAwake : allowSleep)();
  if (name === "announce") id("announced").setAttribute("aria-live", style.announce ? "polite" : "off");
  own.reflow();
  spoken.reflow();
  transcript.measureAnew();
  status.update();
}

function showView() {
  const asTranscript = style.view === "transcript";
  id("captions").hidden = asTranscript;
  id("transcript").hidden = !asTranscript;
  id("view").setAttribute("aria-pressed", String(asTranscript));
  if (asTranscript) transcript.shown();
  ask();
}
id("view").addEventListener("click", () => change("view", style.view === "captions" ? "transcript" : "captions"));

/** Finished sentences, for a screen reader that was asked to speak them. */
function announce(changed) {
  if (!style.announce) return;
  for (const item of changed) {
    if (item.unfinished || item.pending || item.key <= announced) continue;
    announced = item.key;
    const line = document.createElement("p");
    [line.lang, line.dir, line.textContent] = [item.lang, direction(item.lang), item.text];
    id("announced").append(line);
    while (id("announced").childElementCount > ANNOUNCED) id("announced").firstChild.remove();
  }
}
let announced = -1;

showView();
if (style.awake) keepAwake();
dress("announce");
