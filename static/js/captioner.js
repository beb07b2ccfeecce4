// /room/X/type: the box, what the audience sees, and who has the pen.
import { connect } from "./captions.js";
import { Pen } from "./captioner/pen.js";
import { errorText, text } from "./texts.js";
import { keepAwake } from "./wake_lock.js";

const LINES_MOST = 60, NEAR_END_PX = 40;
const setup = JSON.parse(document.getElementById("setup").textContent);
const $ = (id) => document.getElementById(id);
const box = $("typed"), lines = $("audience"), heard = $("heard"), notice = $("notice"), keep = $("keep");
const draftKey = `draft:${setup.room}`;
const mine = []; // ids of sentences written here, the newest last
let began = 0;

const captions = connect({ room: setup.room }, { lang: setup.lang });
const pen = new Pen(setup.room);
const { model } = captions;
keepAwake();

// --- what the audience sees

function drawAudience() {
  const isAtEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < NEAR_END_PX;
  const shown = [...model.sentences()].slice(-LINES_MOST);
  const known = new Map([...lines.querySelectorAll("li[data-place]")].map((line) => [line.dataset.place, line]));
  for (const sentence of shown) {
    const place = `${sentence.part}.${sentence.index}`;
    const line = known.get(place) ?? newLine(place);
    known.delete(place);
    if (line.firstChild.textContent !== sentence.text) line.firstChild.textContent = sentence.text;
    Object.assign(line.firstChild, { lang: sentence.lang });
    line.dataset.upto = sentence.last_index; // the last of its pieces
    lines.insertBefore(line, $("unfinished"));
  }
  for (const line of known.values()) if (!line.contains(document.activeElement)) line.remove();
  const { confirmed = "", tentative = "" } = model.partial ?? {};
  $("confirmed").textContent = confirmed;
  $("tentative").textContent = tentative;
  $("unfinished").hidden = !(confirmed + tentative);
  $("empty").hidden = shown.length > 0 || !$("unfinished").hidden;
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
}

function newLine(place) {
  const line = document.createElement("li"), words = document.createElement("span"), button = document.createElement("button");
  line.dataset.place = place;
  words.dir = "auto";
  Object.assign(button, { type: "button", className: "quiet small", textContent: text("correct") });
  button.addEventListener("click", () => correct(line));
  line.append(words, button);
  return line;
}

const versions = new Map(); // of what was spoken, by place: a correction says which text it is of
captions.addEventListener("sentence", ({ detail }) => {
  if (detail.of_version === undefined) versions.set(`${detail.part}.${detail.index}`, detail.version);
});
for (const type of ["hello", "sentence", "removed", "partial", "versions", "history"]) captions.addEventListener(type, drawAudience);
captions.addEventListener("hello", drawState);
captions.addEventListener("state", drawState);
captions.addEventListener("status", drawState);

const isClosed = () => captions.status === "live" && !["live", "waiting", "grace"].includes(model.state);

function drawState() {
  $("closed").hidden = $("open").hidden = !isClosed();
  $("state").textContent = text(captions.status === "live" ? `state.${model.state || "closed"}` : "state.unknown");
  $("state").className = `badge ${model.state === "live" && captions.status === "live" ? "live" : ""}`;
  drawPen();
}

// --- correcting a sentence that stands

function correct(line) {
  if (!line || line.querySelector("input")) return;
  const words = line.firstChild, input = document.createElement("input");
  const [part, index] = line.dataset.place.split(".").map(Number), upto = Number(line.dataset.upto);
  const version = Math.max(...Array.from({ length: upto - index + 1 }, (_, at) => versions.get(`${part}.${index + at}`) ?? 0));
  Object.assign(input, { value: words.textContent, maxLength: 400, ariaLabel: text("correct.label"), lang: words.lang, dir: "auto" });
  const done = () => {
    if (input.isConnected) input.replaceWith(button);
    words.hidden = false;
    box.focus();
  };
  const button = line.querySelector("button");
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter" && input.value.trim() && input.value.trim() !== words.textContent) {
      if (!pen.correct({ part, index, version, ...(upto > index && { upto }) }, input.value.trim())) return say("error.offline", "warn");
    }
    done();
  });
  words.hidden = true;
  button.replaceWith(input);
  input.focus();
}

// --- the box

box.value = sessionStorage.getItem(draftKey) ?? "";

box.addEventListener("input", () => {
  if (box.value && !began) began = Date.now();
  if (!box.value) began = 0;
  sessionStorage.setItem(draftKey, box.value);
  $("count").textContent = box.value.length > setup.most - 60 ? text("count", { left: setup.most - box.value.length }) : "";
  pen.typing(box.value, began || Date.now());
});

function finish() {
  const written = box.value.trim();
  if (!written) return false;
  mine.push(pen.write(written, began || Date.now()));
  setBox("");
  return true;
}

function setBox(value) {
  box.value = value;
  began = value ? Date.now() : 0;
  sessionStorage.setItem(draftKey, value);
  $("count").textContent = "";
  box.focus();
}

function insert(words) {
  const gap = box.selectionStart > 0 && !/\s$/.test(box.value.slice(0, box.selectionStart)) ? " " : "";
  box.setRangeText(`${gap}${words} `, box.selectionStart, box.selectionEnd, "end");
  box.focus();
  box.dispatchEvent(new Event("input"));
}

function undo() {
  const id = mine.pop();
  if (!id) return say("undo.nothing");
  const back = pen.undo(id);
  if (back !== null) giveBack(back);
}

const giveBack = (words) => setBox([words, box.value].filter(Boolean).join(" "));
const useHeard = () => heard.textContent && insert(heard.textContent);

function handBack() {
  finish();
  keep.checked = false;
  pen.keep(false);
  pen.release();
}

box.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Enter chooses a word there
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) handBack();
    else finish();
  } else if (event.key === "ArrowUp" && !box.value) {
    event.preventDefault();
    correct([...lines.querySelectorAll("li[data-place]")].at(-1));
  }
});

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  const term = /^Digit([1-9])$/.exec(event.code);
  const action = term ? () => terms[term[1] - 1]?.click() : { KeyZ: undo, KeyU: useHeard }[event.code];
  if (!action) return;
  event.preventDefault();
  action();
});

const terms = [...document.querySelectorAll("#terms button")];
for (const button of terms) button.addEventListener("click", () => insert(button.value));
$("finish").addEventListener("click", () => finish() || box.focus());
$("hand-back").addEventListener("click", handBack);
$("undo").addEventListener("click", undo);
$("use-heard").addEventListener("click", useHeard);
$("open").addEventListener("submit", (event) => {
  event.preventDefault();
  const { lang, store, public: isPublic } = Object.fromEntries(new FormData($("open")));
  if (!pen.openRoom({ lang, store: store === "on", public: store === "on" && isPublic === "on" })) return say("error.offline", "warn");
  if (lang !== model.lang) captions.setLang(lang);
  for (const element of [box, heard, $("unfinished")]) element.lang = lang;
  box.focus();
});
$("close").addEventListener("click", () => pen.closeRoom() || say("error.offline", "warn"));
keep.addEventListener("change", () => pen.keep(keep.checked));
$("public").disabled = !$("store").checked;
$("store").addEventListener("change", () => { $("public").disabled = !$("store").checked; });
addEventListener("beforeunload", (event) => pen.unsent.length && event.preventDefault()); // a reload keeps it, closing does not

// --- the pen

pen.addEventListener("pen", drawPen);
pen.addEventListener("status", () => { drawPen(); drawConnection(); });
pen.addEventListener("unsent", drawConnection);
pen.addEventListener("heard", ({ detail }) => {
  heard.textContent = detail.text;
  $("use-heard").disabled = !detail.text;
});
pen.addEventListener("undone", ({ detail }) => giveBack(detail.text));
pen.addEventListener("stored", () => notice.dataset.about === "write" && say(""));
pen.addEventListener("refused", ({ detail }) => {
  if (detail.text) giveBack(detail.text);
  if (detail.of === "typing" && detail.retry) return;
  if (detail.of === "typing" && detail.error === "pen_taken") return drawPen();
  if (detail.of === "keep") keep.checked = false;
  say(`error.${detail.error}`, "warn", detail.of);
});

function drawPen() {
  const held = pen.status === "live" ? pen.holder : "unknown", nobody = isClosed() ? "closed" : pen.alone ? "alone" : held;
  const holder = held === "nobody" ? nobody : held;
  const isAlone = pen.alone && pen.status === "live";
  $("close").hidden = !isAlone;
  $("heard-card").hidden = $("keep-line").hidden = $("hand-back").hidden = isAlone;
  if ($("pen").dataset.holder === holder) return;
  $("pen").dataset.holder = holder;
  $("pen").textContent = text(`pen.${holder}`);
  $("pen-hint").textContent = text(`pen.${holder}.hint`);
  if (holder !== "you") heard.textContent = "";
  $("use-heard").disabled = !heard.textContent;
  $("hand-back").disabled = holder !== "you";
}

function drawConnection() {
  const count = pen.unsent.length, { status, code } = pen;
  $("connection").textContent = text(`connection.${status}`);
  $("connection").className = `badge ${{ live: "good", refused: "bad" }[status] ?? "warn"}`;
  $("waiting").hidden = !count;
  $("waiting").textContent = count ? text(count === 1 ? "waiting.one" : "waiting.many", { count }) : "";
  if (status === "refused") say(`error.${code}`, "bad");
}

function say(key, kind = "", about = "") {
  notice.hidden = !key;
  notice.textContent = key ? (key.startsWith("error.") ? errorText(key.slice(6)) : text(key)) : "";
  notice.className = `notice ${kind}`;
  notice.dataset.about = about;
}

drawConnection();
drawPen();
drawState();
drawAudience();
box.focus();
