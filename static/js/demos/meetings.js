// /demo/meetings: two who speak in one meeting, and what they say.
import { text } from "../texts.js";
import { MeetingLink } from "./meeting_link.js";
import { Minutes } from "./minutes.js";
import { Speaker } from "./speaker.js";

const LAST_SOUND_MS = 500;
const element = (id) => document.getElementById(id);
const people = [...document.querySelectorAll("[data-person]")].map((box) => new Speaker(box));
const minutes = new Minutes(new Map(people.map(({ id, name }) => [id, name])), play);
let link = null, player = null;

async function play(audio) {
  player ??= new AudioContext();
  const bytes = Uint8Array.from(atob(audio), (char) => char.charCodeAt(0));
  const source = new AudioBufferSourceNode(player, { buffer: await player.decodeAudioData(bytes.buffer) });
  source.connect(player.destination);
  source.start();
}

function show(state) {
  element("meeting").dataset.state = state;
  element("state").textContent = text(`state.${state}`);
  element("start").hidden = state !== "stopped";
  element("stop").hidden = ["stopped", "finishing"].includes(state);
}

function complain(words) {
  element("trouble").textContent = words;
  element("trouble").hidden = !words;
}

async function start() {
  if (element("consent")?.checked === false) return complain(text("consent.missing"));
  complain("");
  connect();
  const open = await Promise.all(people.map((person) => person.open()));
  if (open.every(Boolean)) return;
  link.close();
  for (const person of people) person.close();
}

function connect() {
  minutes.clear();
  link = new MeetingLink();
  link.addEventListener("said", ({ detail }) => minutes.take(detail));
  link.addEventListener("status", ({ detail: { status } }) => show(status === "ended" ? "stopped" : status));
  show(link.status);
}

function stop() {
  show("finishing");
  for (const person of people) person.close(); // the last of their sound comes behind it
  setTimeout(finish, LAST_SOUND_MS);
}

/** The last words come, then it is over. */
function finish() {
  if (link.status === "ended") return;
  show("finishing");
  link.finish();
}

for (const person of people) {
  person.addEventListener("frame", ({ detail: { samples } }) => link?.send(person.id, person.lang, samples));
  person.addEventListener("ended", () => people.every(({ isOpen }) => !isOpen) && finish());
}
element("start").addEventListener("click", start);
element("stop").addEventListener("click", stop);
