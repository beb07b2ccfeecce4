/** /hall/X and /room/X/screen: captions that nobody tends. Follows the hall, comes back for ever, brings itself up to date. */

import { get } from "./api.js";
import { connect } from "./captions.js";
import { withWords } from "./reading/captions_view.js";
import { Reading } from "./reading/reading.js";
import { RollUp } from "./reading/rollup.js";
import { direction } from "./reading/text.js";
import { when } from "./reading/when.js";
import { text } from "./texts.js";
import { keepAwake } from "./wake_lock.js";

const SHOWN = 16; // sentences
const QUIET_MS = 12_000; // so long the last words stay when nobody speaks any more
const LOST_AFTER_MS = 5000;
const LOOK_EVERY_MS = 1000;
const VERSION_EVERY_MS = 60_000;
const FRESH_FOR_MS = 12 * 3600_000; // then it begins anew at a quiet moment, whatever a browser may have gathered
const NEW_VERSION_WITHIN_MS = 20 * 60_000;
const FONTS = { serif: 'Charter, "Noto Serif", Georgia, "DejaVu Serif", serif', mono: "var(--font-mono)", wide: 'Verdana, "DejaVu Sans", sans-serif' };
const id = (name) => document.getElementById(name);
const { place, look, version, time_zone, any_lang, qr_code } = JSON.parse(id("setup").textContent);

class Pane {
  #items = new Map();
  title = ""; // of the talk
  said = false; // whether anybody has spoken in it

  constructor(box) {
    const spoken = box.dataset.lang === "spoken";
    const style = { pace: look.pace, original: spoken ? "instead" : "off", offset_s: 0 };
    this.captions = connect(place, { lang: spoken ? any_lang : box.dataset.lang, retryMostMs: 10_000 });
    this.reading = new Reading(this.captions, () => style);
    this.rollup = new RollUp(box, { steady: () => look.pace !== "fast" });
    this.reading.addEventListener("text", ({ detail }) => this.#text(detail));
    this.reading.addEventListener("unfinished", () => this.#show());
    this.captions.addEventListener("hello", ({ detail }) => {
      this.title = detail.title ?? "";
      if (spoken) this.#followSpoken(box);
    });
  }

  /** Nothing is translated for a screen that shows what is spoken. */
  #followSpoken(box) {
    const { lang, source_lang } = this.captions.model;
    box.dir = direction(source_lang || lang);
    if (source_lang && source_lang !== lang) this.captions.setLang(source_lang);
  }

  #text({ fresh, changed, removed }) {
    if (fresh) this.said = false;
    this.said ||= changed.length > 0;
    if (fresh) {
      this.clear();
      if (!["live", "grace", "waiting"].includes(this.captions.model.state)) return; // what was said is over
    }
    for (const key of removed) this.#items.delete(key);
    for (const item of changed) this.#items.set(item.key, item);
    this.#items = new Map([...this.#items].sort(([a], [b]) => a - b).slice(-SHOWN));
    this.#show();
  }

  #show() {
    const { unfinished } = this.reading;
    const items = withWords([...this.#items.values()], this.#items, unfinished);
    if (items.length) heardAt = performance.now();
    this.rollup.show(items);
  }

  clear() {
    this.#items.clear();
    this.rollup.clear();
  }
}

function dress() {
  const { body } = document;
  const overlay = look.opacity < 100;
  const alpha = Math.round(look.opacity * 2.55).toString(16).padStart(2, "0");
  const properties = {
    "--ink": look.ink, "--paper-screen": overlay ? "transparent" : look.paper, "--box": overlay ? look.paper + alpha : "transparent",
    "--letters": `${look.size}vh`, "--lines": look.lines, "--margin": `${look.margin}vh ${look.margin}vw`,
    "--align": { top: "flex-start", middle: "center", bottom: "flex-end" }[look.align], "--screen-font": FONTS[look.font] ?? "var(--font)",
  };
  for (const [name, value] of Object.entries(properties)) body.style.setProperty(name, value);
  body.classList.toggle("overlay", overlay);
}

// --- what stands there when nobody speaks

let heardAt = -Infinity;
let lostAt = 0;

function update() {
  const [{ captions }] = panes;
  const { state, room } = captions.model;
  const now = performance.now();
  lostAt = captions.status === "live" ? 0 : lostAt || now;
  id("lost").hidden = !lostAt || now - lostAt < LOST_AFTER_MS || look.between === "nothing";
  const speaks = room && state === "live";
  const quiet = !speaks && now - heardAt > QUIET_MS && captions.status === "live";
  if (quiet && !id("panes").dataset.cleared && state !== "grace") {
    for (const pane of panes) pane.clear();
    id("panes").dataset.cleared = "1";
  }
  if (!quiet) delete id("panes").dataset.cleared;
  const between = quiet && look.between === "next";
  id("between").hidden = !between;
  id("panes").hidden = between;
  if (between) announce(panes[0], captions.model);
}

/** Of a talk that has not begun, of the one that comes, or of none. */
function announce({ title, said }, { state, room, next }) {
  const isNext = next && (!room || said || next.room === room);
  const what = state === "grace" ? "grace" : room && state === "waiting" ? "soon" : isNext ? "next" : !room ? "nothing" : said ? "ended" : "now";
  say("what", what === "nothing" ? "" : text(what));
  say("title", what === "next" ? next.title : what === "nothing" ? text("nothing") : title);
  say("when", what === "next" && next.starts_at ? when(new Date(next.starts_at), time_zone, "long") : "");
  const code = what === "next" ? next.room : room;
  id("phone").hidden = !code;
  const address = code ? qr_code.replace("ROOM", encodeURIComponent(code)) : "";
  if (address && id("qr").getAttribute("src") !== address) id("qr").src = address;
}

function say(name, words) {
  if (id(name).textContent !== words) id(name).textContent = words;
}

// --- no hand for days

const loadedAt = performance.now();
let newSince = 0;

/** Load the page again at a quiet moment if there is another version, or if it has stood long; never while the server is away. */
async function renew() {
  let answer;
  try {
    answer = await get("/api/screen/version");
  } catch {
    return;
  }
  const now = performance.now();
  if (answer.version !== version) newSince ||= now;
  const refused = panes.some(({ captions }) => captions.status === "refused");
  const quiet = now - heardAt > QUIET_MS;
  const due = refused || (newSince && (quiet || now - newSince > NEW_VERSION_WITHIN_MS)) || (quiet && now - loadedAt > FRESH_FOR_MS);
  if (due) location.reload();
}

dress();
const panes = [...document.querySelectorAll(".rollup")].map((box) => new Pane(box));
keepAwake();
setInterval(update, LOOK_EVERY_MS);
setInterval(renew, VERSION_EVERY_MS);
