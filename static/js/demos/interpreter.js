// /demo/interpreter: speak, read and hear it in another language; or only listen to who shares the page's address.
import { Capture } from "../audio/capture.js";
import { measure } from "../host/level.js";
import { text } from "../texts.js";
import { InterpreterLink } from "./interpreter_link.js";
import { Spoken } from "./spoken.js";

const FORMAT = { rateHz: 16_000, frameSamples: 1600 };
const HEARD = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }; // what is played must not be heard again
const SHOWN_MOST = 100, FLOOR_DB = -60, SHOWN_EVERY_MS = 250;
const element = (id) => document.getElementById(id);
const page = element("interpreter");

class Demo {
  #capture = null; #link = null; #spoken = null; #speaks = false; #peak = 0; #timer = 0;

  constructor() {
    element("start").addEventListener("click", () => this.#start());
    element("listen").addEventListener("click", () => this.#open(false));
    element("stop").addEventListener("click", () => this.#stop());
    element("copy").addEventListener("click", () => this.#copy());
    element("play").addEventListener("change", () => this.#hear());
    element("target").addEventListener("change", () => this.#link?.configure({ targetLang: element("target").value }));
  }

  async #start() {
    if (element("consent") && !element("consent").checked) return this.#trouble(text("error.consent_required"));
    element("start").disabled = true;
    const capture = new Capture(FORMAT);
    try {
      await capture.openMicrophone("", HEARD);
    } catch (error) {
      return this.#trouble(text(`mic.${error.code ?? "busy"}`));
    } finally {
      element("start").disabled = false;
    }
    this.#link?.close(); // somebody who only listened speaks now
    this.#capture = capture;
    this.#open(true);
    capture.addEventListener("frame", ({ detail }) => this.#send(detail.samples));
    capture.addEventListener("ended", () => capture === this.#capture && this.#stop());
  }

  #open(speaks) {
    this.#trouble("");
    this.#speaks = speaks;
    const link = new InterpreterLink({
      sampleRate: FORMAT.rateHz, frameSize: FORMAT.frameSamples, sourceLang: element("source").value, targetLang: element("target").value,
      roomId: page.dataset.room, consent: element("consent")?.checked ?? true,
    });
    this.#link = link;
    const on = (type, act) => link.addEventListener(type, ({ detail }) => link === this.#link && act(detail));
    on("open", () => this.#state(speaks ? "running" : "listening"));
    on("broken", () => this.#state("offline"));
    on("said", (said) => this.#show(said));
    on("history", ({ items }) => this.#begin(items));
    on("speech", ({ mp3 }) => this.#spoken?.add(mp3));
    on("trouble", ({ code }) => speaks && this.#trouble(text(code)));
    this.#state("connecting");
    this.#hear();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#level(), SHOWN_EVERY_MS);
  }

  #stop() {
    const capture = this.#capture;
    this.#capture = null;
    capture?.close();
    this.#link?.close();
    this.#link = null;
    this.#hear();
    clearInterval(this.#timer);
    this.#level();
    element("partial").hidden = true;
    this.#state("stopped");
  }

  #send(samples) {
    this.#peak = Math.max(this.#peak, measure(samples).rms / 32768);
    this.#link?.send(samples);
  }

  /** After each new connection the room's last half hour comes anew: nothing is missing, and nothing stands there twice. */
  #begin(items) {
    if (!items.length) return;
    element("finals").replaceChildren();
    for (const item of items.slice(-SHOWN_MOST)) this.#add(item);
  }

  #show(said) {
    const partial = element("partial");
    if (said.type === "final") {
      this.#trouble("");
      this.#add(said);
    }
    partial.hidden = said.type === "final";
    fill(partial, said.type === "final" ? { text: "", translation: "" } : said);
  }

  #add(said) {
    const log = element("log"), list = element("finals"), item = document.createElement("li");
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    for (const name of ["translation", "original"]) {
      if (name === "original" && said.text === said.translation) continue;
      if (name === "translation" && !said.translation) continue;
      const line = document.createElement("p");
      line.className = name;
      line.dir = "auto";
      item.append(line);
    }
    fill(item, said);
    list.append(item);
    while (list.children.length > SHOWN_MOST) list.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    element("nothing").hidden = true;
  }

  #hear() {
    const wanted = element("play").checked && this.#link !== null;
    if (wanted) this.#spoken ??= new Spoken();
    else {
      this.#spoken?.close();
      this.#spoken = null;
    }
  }

  #level() {
    const db = this.#peak > 0 ? 20 * Math.log10(this.#peak) : FLOOR_DB, height = Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
    element("level").style.setProperty("--height", height.toFixed(3));
    element("level").setAttribute("aria-valuenow", Math.round(100 * height));
    this.#peak = 0;
  }

  async #copy() {
    await navigator.clipboard?.writeText(location.href).catch(() => {});
    element("copy").textContent = text("copied");
  }

  #state(name) {
    page.dataset.state = name;
    element("state").textContent = text(`state.${name}`);
    const open = this.#link !== null;
    element("start").hidden = open && this.#speaks;
    element("stop").hidden = !open;
    element("listen").hidden = open;
    element("source").disabled = open && this.#speaks;
  }

  #trouble(words) {
    element("trouble").textContent = words;
    element("trouble").hidden = !words;
  }
}

function fill(parent, said) {
  for (const [name, words, lang] of [["translation", said.translation, said.target_lang], ["original", said.text, said.lang]]) {
    const line = parent.querySelector(`.${name}`);
    if (!line) continue;
    line.textContent = words;
    if (lang) line.lang = lang;
  }
}

new Demo();
