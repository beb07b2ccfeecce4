/** /room/X: reading along. Puts the captions wire, what this reader is shown, its two views and the page's controls together. */

import { connect } from "./captions.js";
import { Announcer } from "./reading/announce.js";
import { CaptionsView } from "./reading/captions_view.js";
import { languages, share, styleSheet } from "./reading/dialogs.js";
import { History } from "./reading/history.js";
import { Mark, WordCursor, wordAtPoint, writeMarked } from "./reading/mark.js";
import { Reading } from "./reading/reading.js";
import { ScreenDelay } from "./reading/screen_delay.js";
import { Search } from "./reading/search.js";
import { sentenceWriter } from "./reading/sentence.js";
import { Status } from "./reading/status.js";
import { Transcript } from "./reading/transcript.js";
import { text } from "./texts.js";
import { allowSleep, keepAwake } from "./wake_lock.js";

const SHOWN_AGAIN = 24; // items in the captions, where all are written anew
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
const lines = new CaptionsView({ own: id("own"), spoken: id("spoken") }, { fill, reading, model: captions.model, style: () => style });
const transcript = new Transcript(id("scroller"), { fill: sentenceWriter({ fill, style: () => style }) });
const announcer = new Announcer(id("announced"));

reading.addEventListener("text", ({ detail: { fresh, changed, removed } }) => {
  if (fresh) {
    lines.forget();
    lines.direct();
    if (transcript.following) reconcile();
    else setTimeout(reconcile); // the connection may be asked for older text then
  } else {
    transcript.keepPlace(() => {
      transcript.change(changed, removed);
      showBeing();
    });
    if (style.announce) announcer.say(changed);
  }
  lines.keep(changed, removed);
  showPassing();
  search.changed();
  tellMark();
  if (fresh) ask();
});
reading.addEventListener("unfinished", showPassing);
new ScreenDelay(captions, reading, () => style);

function showPassing() {
  lines.show();
  showBeing();
}

function showBeing() {
  const { unfinished } = reading;
  transcript.being(unfinished && (unfinished.text || unfinished.tentative) ? unfinished : null);
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

const pages = new History(captions, reading);
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
  lines.show();
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
  sentences: () => lines.items,
  redraw: () => lines.show(),
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

captions.addEventListener("state", () => lines.direct());

function readIn(lang) {
  captions.setLang(lang);
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `captions_lang=${lang}; path=/; max-age=31536000; samesite=lax${secure}`;
  const address = new URL(location.href);
  address.searchParams.set("lang", lang);
  history.replaceState(null, "", address);
  lines.translate();
  reading.restyled();
  again();
}

/** All items are written anew: another language, or another choice of original. */
function again() {
  const items = [...reading.items()];
  transcript.change(items, []);
  lines.keep(items.slice(-SHOWN_AGAIN), []);
  lines.show();
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
    lines.direct();
    lines.clear();
    again();
    transcript.redraw();
  }
  if (name === "awake") (style.awake ? keepAwake : allowSleep)();
  if (name === "announce") announcer.speaks(style.announce);
  lines.reflow();
  transcript.measureAnew();
  status.update();
}

function showView() {
  const asTranscript = style.view === "transcript";
  id("captions").hidden = asTranscript;
  id("transcript").hidden = !asTranscript;
  id("view").setAttribute("aria-pressed", String(asTranscript));
  if (asTranscript) {
    transcript.shown();
  } else {
    transcript.hidden();
    lines.clear(); // what came meanwhile does not roll through
    lines.show();
  }
  ask();
}
id("view").addEventListener("click", () => change("view", style.view === "captions" ? "transcript" : "captions"));

showView();
if (style.awake) keepAwake();
dress("announce");
