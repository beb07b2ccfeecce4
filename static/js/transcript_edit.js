// For the host of a talk and organisers: correct or remove a sentence, and see its history.
import { get, post } from "./api.js";
import { text } from "./texts.js";

const root = document.getElementById("transcript");
const button = document.getElementById("edit");
const hint = document.getElementById("edit-hint");
const dialog = document.getElementById("editor");
const field = document.getElementById("editor-text");
const reason = document.getElementById("editor-reason");
const error = document.getElementById("editor-error");
const sure = document.getElementById("editor-sure");
const history = document.getElementById("editor-history");
const toast = document.getElementById("toast");
const address = `/api/transcripts/${encodeURIComponent(root.dataset.code)}`;
const parts = new Set(button.dataset.parts.split(" "));
let chosen = null; // the sentence's element
let place = null;
let version = 0;

const sentences = () => [...root.querySelectorAll(".s")].filter((sentence) => parts.has(sentence.dataset.place.split(" ")[0]));

function placeOf(sentence) {
  const [part, index] = sentence.dataset.place.split(" ").map(Number);
  return { part, index, lang: sentence.lang };
}

function say(message) {
  toast.textContent = message;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.hidden = true; }, 6000);
}

function complain(message) {
  error.textContent = message;
  error.hidden = !message;
}

function toggle() {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  root.classList.toggle("editing", on);
  hint.hidden = !on;
  for (const sentence of sentences()) {
    if (on) {
      sentence.tabIndex = 0;
      sentence.setAttribute("role", "button");
    } else {
      sentence.removeAttribute("tabindex");
      sentence.removeAttribute("role");
    }
  }
}

// --- the dialog

function fill(now) {
  version = now.version;
  field.value = now.text;
  history.hidden = !now.history.length;
  const items = now.history.map((change) => {
    const item = document.createElement("li");
    const who = change.by || text(`role.${change.role}`);
    const when = new Date(change.at).toLocaleString(document.documentElement.lang);
    const key = change.action === "removed" || change.text ? `history.${change.action}` : "history.corrected.gone";
    const why = change.reason ? `. ${text("history.reason", { reason: change.reason })}` : "";
    item.textContent = text(key, { who, when, text: change.text }) + why;
    return item;
  });
  history.querySelector("ol").replaceChildren(...items);
}

async function open(sentence) {
  chosen = sentence;
  place = placeOf(sentence);
  try {
    const now = await get(`${address}/sentence?${new URLSearchParams(place)}`);
    if (now.removed) return gone();
    complain("");
    sure.hidden = true;
    reason.value = "";
    field.lang = place.lang;
    field.dir = sentence.dir;
    fill(now);
    dialog.showModal();
    field.focus();
  } catch (refused) {
    say(refused.message);
  }
}

function gone() {
  const key = chosen.dataset.place;
  for (const sentence of root.querySelectorAll(`.s[data-place="${key}"]`)) sentence.remove();
  dialog.close();
  say(text("edit.gone"));
}

/** What to do about a refusal: somebody else was faster, or the words of the refusal. */
async function refuse(refused) {
  if (refused.code !== "sentence_changed") return complain(refused.message);
  const now = await get(`${address}/sentence?${new URLSearchParams(place)}`);
  if (now.removed) return gone();
  fill(now);
  chosen.textContent = now.text;
  complain(text("edit.now"));
}

async function attempt(action) {
  try {
    await action();
  } catch (refused) {
    await refuse(refused).catch((again) => complain(again.message));
  }
}

const save = () => attempt(async () => {
  const now = await post(`${address}/correct`, { ...place, version, text: field.value, reason: reason.value });
  chosen.textContent = now.text;
  chosen.classList.add("saved");
  dialog.close();
  say(text("edit.saved"));
});

const remove = () => attempt(async () => {
  await post(`${address}/remove`, { ...place, version, reason: reason.value });
  dialog.close();
  say(text("edit.removed"));
  for (const sentence of root.querySelectorAll(`.s[data-place="${chosen.dataset.place}"]`)) sentence.remove();
});

document.getElementById("withdraw")?.addEventListener("click", async () => {
  if (!confirm(text("withdraw.sure"))) return;
  try {
    await post(`/api/host/${encodeURIComponent(root.dataset.code)}/withdraw`);
    location.reload();
  } catch (refused) {
    say(refused.message);
  }
});

dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
document.getElementById("editor-cancel").addEventListener("click", () => dialog.close());
document.getElementById("editor-remove").addEventListener("click", () => {
  sure.hidden = false;
  document.getElementById("editor-no").focus();
});
document.getElementById("editor-no").addEventListener("click", () => { sure.hidden = true; field.focus(); });
document.getElementById("editor-yes").addEventListener("click", remove);
dialog.addEventListener("close", () => chosen?.isConnected && chosen.focus());

root.addEventListener("click", (event) => {
  const sentence = event.target.closest(".s[tabindex]");
  if (sentence) open(sentence);
});
root.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.matches(".s[tabindex]")) {
    event.preventDefault();
    open(event.target);
  }
});
button.addEventListener("click", toggle);
button.hidden = false;
