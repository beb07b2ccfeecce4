// The board of all halls: cards by hall, in them cards by room, changed where something has changed.
import { text } from "../texts.js";
import { copy, element, keyed, say, show, sign } from "./dom.js";

const oneDigit = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
const cards = new Map();
const title = document.title;

/** Code of a room → what the server said of it last. */
export const rooms = new Map();

function duration(seconds) {
  return seconds < 90 ? text("seconds", { seconds: Math.round(seconds) }) : text("minutes", { minutes: Math.round(seconds / 60) });
}

const order = ["idle", "good", "warn", "bad"];
const worst = (levels) => levels.reduce((one, other) => (order.indexOf(other) > order.indexOf(one) ? other : one), "idle");

function fillHall(card, hall) {
  card.dataset.level = worst(hall.rooms.map((room) => room.level));
  card.dataset.key = hall.key;
  const name = card.querySelector(".hall-name a");
  say(name, hall.name || text("hall.none"));
  if (hall.screen) name.setAttribute("href", hall.screen);
  say(card.querySelector(".hall-event"), hall.event);
  show(card.querySelector(".hall-event"), hall.manyEvents);
  card.known ??= new Map();
  keyed(card.querySelector(".hall-rooms"), card.known, hall.rooms, (room) => room.code, () => copy("room-template"), fillRoom);
  show(card.querySelector(".hall-idle"), hall.rooms.length === 0);
  const next = card.querySelector(".hall-next");
  show(next, Boolean(hall.next));
  if (hall.next) say(next, `${text("next")}: ${hall.next.starts} ${hall.next.title}${hall.next.recorded ? "" : ` (${text("next.off")})`}`);
}

function fillRoom(card, room) {
  rooms.set(room.code, room);
  card.dataset.room = room.code;
  const isOpen = ["live", "waiting", "grace"].includes(room.state);
  const isOff = !room.recorded && !isOpen;
  const badge = card.querySelector(".sign");
  const level = room.level;
  badge.className = `badge sign ${level}`;
  sign(badge.querySelector("use"), level);
  const state = isOff ? text("state.off") : text(`state.${room.state}`);
  say(card.querySelector(".state-word"), level === "idle" ? state : `${state} · ${text(`level.${level}`)}`);
  say(card.querySelector(".when"), room.starts ? `${room.starts}–${room.ends}` : "");
  show(card.querySelector(".unlisted"), !room.published);
  say(card.querySelector(".unlisted"), text("unlisted"));
  const link = card.querySelector(".room-title");
  say(link, room.title);
  link.setAttribute("href", `/room/${encodeURIComponent(room.code)}`);
  say(card.querySelector(".speakers"), isOff ? text("not_recorded") : room.speakers);
  show(card.querySelector(".speakers"), isOff || Boolean(room.speakers));
  card.known ??= new Map();
  keyed(card.querySelector(".problems"), card.known, room.problems, (problem) => problem.code, () => copy("problem-template"), fillProblem);
  show(card.querySelector(".problems"), room.problems.length > 0);
  fillFacts(card, room, isOpen);
  for (const [act, offered] of Object.entries({ message: !isOff, open: !isOpen && room.recorded && room.state !== "closing", restart: isOpen && room.heard, close: isOpen })) {
    const button = card.querySelector(`[data-act="${act}"]`);
    show(button, offered);
    button.setAttribute("aria-label", `${button.textContent}: ${room.title}`);
  }
}

function fillProblem(line, problem) {
  line.className = `problem ${problem.level}`;
  sign(line.querySelector("use"), problem.level);
  say(line.querySelector(".level"), `${text(`level.${problem.level}`)}:`);
  const values = { ...problem.values };
  if (problem.code === "told_host") {
    const known = text(`told.${values.code}`);
    values.said = known.startsWith("told.") ? text("told.other", { code: values.code }) : known;
  }
  say(line.querySelector(".words"), text(`problem.${problem.code}`, values));
}

function fact(card, name, shown, words, level = "") {
  const line = card.querySelector(`.fact-${name}`);
  show(line, shown);
  const value = line.querySelector("dd");
  if (value.className !== level) value.className = level;
  say(value, words);
}

function delay(seconds, level, unknown) {
  if (seconds === null) return unknown;
  const words = text("seconds", { seconds: seconds.toLocaleString(document.documentElement.lang, oneDigit) });
  return level === "good" ? words : `${words} · ${text(`level.${level}`)}`;
}

function fillFacts(card, room, isOpen) {
  const { host, engine, told } = room;
  const translated = room.readers.some((reader) => reader.lang !== room.lang);
  const name = host ? host.name || text("host.shared") : "";
  fact(card, "host", isOpen, host && !host.connected ? text("host.away", { name }) : name, host && !host.connected ? "bad" : "");
  fact(card, "delay", isOpen && room.heard, delay(room.delay_s, room.delay_level, text("unknown")), room.delay_level ?? "");
  fact(card, "translation", isOpen, delay(room.translation_s, room.translation_level, text(translated ? "unknown" : "no_translation")), room.translation_level ?? "soft");
  fact(card, "screens", isOpen && room.screens.length > 0, room.screens.map((each) => `${each.name} ${delay(each.seconds, "good")}`).join(" · "));
  fact(card, "words", isOpen, room.text_s === null ? text("words.never") : text("ago", { time: duration(room.text_s) }));
  const count = room.readers.reduce((sum, reader) => sum + reader.count, 0);
  const langs = room.readers.map((reader) => `${reader.name} ${reader.count}`).join(", ");
  fact(card, "readers", isOpen || count > 0, count ? `${count} (${langs})` : text("nobody"), count ? "" : "soft");
  fact(card, "lang", isOpen, `${room.lang_name}${room.stored === null ? "" : `, ${text(room.stored ? "stored.yes" : "stored.no")}`}`);
  const machine = engine ? [engine.model, engine.device, engine.worker].filter(Boolean).join(" · ") || text("unknown") : "";
  const writer = !room.heard ? text("captioner.only") : room.typed ? `${text("captioner")} · ${machine}` : machine;
  fact(card, "engine", isOpen && Boolean(engine), writer);
  fact(card, "told", Boolean(told), told ? `“${told.text}” · ${text(told.seen ? "told.seen" : "told.unseen")}` : "");
}

function systemNotices(data) {
  const found = [];
  if (!data.slots.total) found.push(["bad", text("slots.none")]);
  else if (data.slots.taken >= data.slots.total) found.push(["warn", text("slots.full")]);
  for (const worker of data.workers) if (!worker.alive) found.push(["warn", text("worker.gone", worker)]);
  for (const engine of data.engines) {
    if (!engine.answers) found.push(["warn", text("engine.silent", { name: engine.name, code: engine.last_error || "–" })]);
    else if (engine.broken_pairs.length) found.push(["warn", text("engine.pairs", { name: engine.name, pairs: engine.broken_pairs.join(", ") })]);
  }
  return found;
}

const notices = new Map();
/** Show what the server says of all halls. */
export function draw(data) {
  const events = new Set(data.halls.map((hall) => hall.event));
  for (const hall of data.halls) hall.manyEvents = events.size > 1;
  rooms.clear();
  keyed(element("board"), cards, data.halls, (hall) => hall.key, () => copy("hall-template"), fillHall);
  show(element("empty"), data.halls.length === 0);
  const all = data.halls.flatMap((hall) => hall.rooms);
  const live = all.filter((room) => ["live", "waiting", "grace"].includes(room.state)).length;
  const needy = all.filter((room) => ["warn", "bad"].includes(room.level)).length;
  const attention = text(`attention.${needy === 0 ? "none" : needy === 1 ? "one" : "many"}`, { count: needy });
  say(element("sum"), `${text(live === 1 ? "live.one" : "live.many", { count: live })}, ${attention}`);
  say(element("slots"), data.slots.total ? text("slots", data.slots) : "");
  document.title = needy ? `(${needy}) ${title}` : title;
  keyed(element("system"), notices, systemNotices(data), ([, words]) => words, () => document.createElement("li"), (line, [level, words]) => {
    line.className = `notice ${level}`;
    say(line, words);
  });
}
