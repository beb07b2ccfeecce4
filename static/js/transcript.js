// Reading a transcript: search in what is on the page, and links to a moment (#t=1:23:45, #p2-s14).
import { text } from "./texts.js";

const article = document.querySelector("article.text");
const find = document.getElementById("find");
const words = document.getElementById("words");
const found = document.getElementById("found");
let hits = [];
let at = -1;

// --- search

const plain = (said) => said.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** The article's sentences that hold the words; an accent more or less does not matter. */
function search() {
  for (const hit of hits) hit.classList.remove("hit", "current");
  const wanted = plain(words.value.trim());
  hits = wanted ? [...article.querySelectorAll(".s")].filter((sentence) => plain(sentence.textContent).includes(wanted)) : [];
  for (const hit of hits) hit.classList.add("hit");
  at = -1;
  found.textContent = wanted && !hits.length ? text("find.none") : "";
  if (hits.length) show(0);
}

function show(next) {
  hits[at]?.classList.remove("current");
  at = (next + hits.length) % hits.length;
  hits[at].classList.add("current");
  hits[at].scrollIntoView({ block: "center" });
  found.textContent = text("find.at", { at: at + 1, count: hits.length });
}

let waiting = 0;
words.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, 150);
});
find.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (hits.length) show(at + 1);
});
document.getElementById("previous").addEventListener("click", () => hits.length && show(at - 1));
find.hidden = false;

// --- moments

/** "1:23:45", "83:45" or "5025" in milliseconds; NaN for anything else. */
function momentMs(said) {
  const parts = said.split(":").map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : NaN));
  return parts.length > 3 ? NaN : parts.reduce((sum, part) => sum * 60 + part, 0) * 1000;
}

/** The last sentence that had begun by then, in the first part that is shown. */
function sentenceAt(ms) {
  const first = article.querySelector(".part");
  const begun = [...(first?.querySelectorAll(".s[data-ms]") ?? [])].filter((sentence) => Number(sentence.dataset.ms) <= ms);
  return begun.at(-1) ?? first?.querySelector(".s[data-ms]");
}

function goToMoment() {
  const said = /^#t=([\d:]{1,11})$/.exec(location.hash)?.[1];
  const ms = said === undefined ? NaN : momentMs(said);
  const sentence = Number.isNaN(ms) ? null : sentenceAt(ms);
  if (!sentence) return;
  article.querySelector(".s.current")?.classList.remove("current");
  sentence.classList.add("current");
  sentence.scrollIntoView({ block: "center" });
}

addEventListener("hashchange", goToMoment);
goToMoment();
