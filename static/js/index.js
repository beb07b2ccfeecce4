// The first page: brings the programme up to date, searches in it, counts wishes. Without this script the form searches.
import { ApiError, post } from "./api.js";
import { text } from "./texts.js";

const everyMs = 15_000;
const programme = document.getElementById("programme");
const search = document.getElementById("q");
const found = document.getElementById("found");
const stale = document.getElementById("stale");
const sources = new WeakMap();
let updatedAt = new Date();

// --- search

const talks = () => programme.querySelectorAll(".hall, .row-of-talk");

function filter() {
  const words = search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const talk of talks()) {
    const said = talk.textContent.toLocaleLowerCase();
    talk.hidden = !words.every((word) => said.includes(word));
    if (!talk.hidden) count += 1;
  }
  const later = programme.querySelector(".later");
  if (later) later.hidden = !later.querySelector(".row-of-talk:not([hidden])");
  const key = count === 0 ? "found.none" : count === 1 ? "found.one" : "found.many";
  found.textContent = words.length ? text(key, { count }) : "";
}

search.addEventListener("input", filter);
document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());

// --- up to date: only what has changed is replaced, and never what somebody is using

function note(element) {
  for (const keyed of element.querySelectorAll("[data-key]")) sources.set(keyed, keyed.outerHTML);
}

function merge(into, from) {
  const old = new Map([...into.children].map((child) => [child.dataset.key, child]));
  let place = null;
  for (const fresh of [...from.children]) {
    let kept = old.get(fresh.dataset.key);
    old.delete(fresh.dataset.key);
    const source = fresh.outerHTML;
    if (!kept) {
      kept = fresh;
    } else if (fresh.querySelector("[data-key]")) {
      merge(kept, fresh);
    } else if (sources.get(kept) !== source && !kept.contains(document.activeElement)) {
      kept.replaceWith(fresh);
      kept = fresh;
    }
    if (kept === fresh) {
      sources.set(fresh, source);
      note(fresh);
    }
    const next = place ? place.nextElementSibling : into.firstElementChild;
    if (next !== kept) into.insertBefore(kept, next);
    place = kept;
  }
  for (const gone of old.values()) gone.remove();
}

async function update() {
  if (document.visibilityState !== "visible") return;
  try {
    const answer = await fetch("/?part=programme", { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    merge(programme, template.content);
    updatedAt = new Date();
    stale.hidden = true;
    filter();
  } catch {
    const time = updatedAt.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    stale.textContent = text("stale", { time });
    stale.hidden = false;
  }
}

note(programme);
if (search.value) filter();
setInterval(update, everyMs);
document.addEventListener("visibilitychange", update);
window.addEventListener("online", update);

// --- wishes

programme.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-vote]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  const wanted = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-disabled", "true");
  try {
    const said = await post(`/api/vote/${encodeURIComponent(button.dataset.vote)}`, { wanted });
    for (const same of programme.querySelectorAll(`[data-vote="${CSS.escape(button.dataset.vote)}"]`)) {
      same.setAttribute("aria-pressed", String(said.wanted));
      same.querySelector("[data-count]").textContent = said.votes;
    }
  } catch (error) {
    stale.textContent = error instanceof ApiError && error.code === "offline" ? error.message : text("vote.failed");
    stale.hidden = false;
  } finally {
    button.removeAttribute("aria-disabled");
  }
});
