// All halls for operators: asks for the board every few seconds, says how old it is, and does what operators do to a room.
import { get, post } from "./api.js";
import { draw, rooms } from "./live/board.js";
import { element, say, show } from "./live/dom.js";
import { text } from "./texts.js";

const everyMs = 3_000;
const oldAfterMs = 10_000;
const board = element("board");
let updatedAt = Date.now();
let timer = 0;
let asking = null;

// --- up to date

function tellAge() {
  const age = Date.now() - updatedAt;
  const isOld = age > oldAfterMs;
  const seconds = Math.round(age / 1000);
  say(element("age"), age < 2 * everyMs ? text("fresh") : text("age", { seconds }));
  board.classList.toggle("old", isOld);
  show(element("stale"), isOld);
  if (isOld) {
    const time = new Date(updatedAt).toLocaleTimeString(document.documentElement.lang);
    say(element("stale"), text("stale", { time, seconds }));
  }
}

async function ask() {
  draw(await get("/api/live"));
  updatedAt = Date.now();
  show(element("failed"), false);
}

/** One question at a time; whoever asks meanwhile gets the same answer. */
async function update() {
  clearTimeout(timer);
  asking ??= ask().finally(() => {
    asking = null;
  });
  try {
    await asking;
  } catch (error) {
    if (["not_signed_in", "operator_required"].includes(error.code)) {
      say(element("failed"), error.message);
      show(element("failed"), true);
    }
  }
  tellAge();
  clearTimeout(timer);
  timer = setTimeout(update, everyMs);
}

// --- what an operator does

const confirmDialog = element("confirm");
const messageDialog = element("message");
let pending = null;

function begin(dialog, room, act) {
  pending = { room, act };
  show(dialog.querySelector("[role=alert]"), false);
  dialog.showModal();
}

function askFirst(room, act) {
  const count = room.readers.reduce((sum, reader) => sum + reader.count, 0);
  say(element("confirm-title"), text(`${act}.title`, { title: room.title }));
  const unlisted = act === "open" && !room.published ? ` ${text("open.unlisted")}` : "";
  say(element("confirm-text"), text(`${act}.text`, { count }) + unlisted);
  say(element("confirm-do"), text(`${act}.do`));
  element("confirm-do").className = act === "close" ? "danger" : "primary";
  begin(confirmDialog, room, act);
}

function writeTo(room) {
  say(element("message-room"), room.title);
  element("message-text").value = "";
  countChars();
  begin(messageDialog, room, "message");
  element("message-text").focus();
}

function countChars() {
  const field = element("message-text");
  say(element("message-left"), text("chars", { left: field.maxLength - field.value.length }));
}

async function act(dialog, body) {
  const { room, act: what } = pending;
  const button = dialog.querySelector('[type="submit"]');
  button.disabled = true;
  try {
    const said = await post(`/api/live/${encodeURIComponent(room.code)}/${what}`, body);
    dialog.close();
    if (what === "open") location.assign(said.host);
    else {
      say(element("done"), text(`done.${what}`));
      show(element("done"), true);
      setTimeout(() => show(element("done"), false), 8_000);
      await update();
    }
  } catch (error) {
    const alert = dialog.querySelector("[role=alert]");
    say(alert, error.message);
    show(alert, true);
  } finally {
    button.disabled = false;
  }
}

board.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  const room = button && rooms.get(button.closest("[data-room]").dataset.room);
  if (!room) return;
  if (button.dataset.act === "message") writeTo(room);
  else askFirst(room, button.dataset.act);
});
for (const dialog of [confirmDialog, messageDialog]) {
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    act(dialog, dialog === messageDialog ? { text: element("message-text").value } : {});
  });
}
for (const ready of messageDialog.querySelectorAll("[data-words]")) {
  ready.addEventListener("click", () => {
    element("message-text").value = ready.textContent;
    countChars();
    element("message-text").focus();
  });
}
element("message-text").addEventListener("input", countChars);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && update());
window.addEventListener("online", update);

draw(JSON.parse(element("first-board").textContent));
setInterval(tellAge, 1_000);
tellAge();
timer = setTimeout(update, everyMs);
