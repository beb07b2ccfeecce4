// One who speaks: where the sound comes from, how loud it is, in which language.
import { Capture } from "../audio/capture.js";
import { measure } from "../host/level.js";
import { text } from "../texts.js";

const FORMAT = { rateHz: 16_000, frameSamples: 4000 }; // a quarter of a second
const SAMPLE = "/demo/meetings/sample.wav", FLOOR_DB = -60;

/** Events: `frame` {samples}, `ended`: nothing more comes. */
export class Speaker extends EventTarget {
  #box; #capture = null;

  constructor(box) {
    super();
    this.#box = box;
    this.#part("source").addEventListener("change", () => this.#chose());
    this.#chose();
  }

  get id() { return this.#box.dataset.person; }
  get name() { return this.#box.querySelector("h2").textContent; }
  get lang() { return this.#part("lang").value; }
  get isOpen() { return this.#capture !== null; }

  /** Begin; false where there is nothing to begin with, which the page then says. */
  async open() {
    this.#complain("");
    this.#tell("");
    const source = this.#part("source").value, [file] = this.#part("file").files, capture = new Capture(FORMAT);
    if (source === "nothing") return true;
    if (source === "file" && !file) return this.#complain(text("file.none"));
    capture.addEventListener("frame", ({ detail: { samples } }) => this.#heard(capture, samples));
    capture.addEventListener("ended", () => this.#ended(capture));
    this.#capture = capture;
    try {
      if (source === "microphone") await capture.openMicrophone();
      else await capture.openFile(source === "file" ? file : SAMPLE, { audible: true });
    } catch (error) {
      this.#capture = null;
      return this.#complain(text(source === "microphone" ? `mic.${error.code ?? "busy"}` : "file.unreadable"));
    }
    this.#lock(true);
    this.#tell("speaks");
    return true;
  }

  close() {
    this.#capture?.close();
  }

  #heard(capture, samples) {
    if (capture !== this.#capture) return;
    this.#level(measure(samples).rms / 32768);
    this.dispatchEvent(new CustomEvent("frame", { detail: { samples } }));
  }

  #ended(capture) {
    if (capture !== this.#capture) return;
    this.#capture = null;
    this.#lock(false);
    this.#level(0);
    this.#tell("spoke");
    this.dispatchEvent(new CustomEvent("ended"));
  }

  #level(rms) {
    const height = rms > 0 ? Math.min(1, Math.max(0, 1 - (20 * Math.log10(rms)) / FLOOR_DB)) : 0, bar = this.#part("level");
    bar.style.setProperty("--height", height.toFixed(3));
    bar.setAttribute("aria-valuenow", Math.round(100 * height));
  }

  #lock(locked) {
    for (const name of ["source", "file"]) this.#part(name).disabled = locked;
  }

  #chose() {
    this.#part("file-field").hidden = this.#part("source").value !== "file";
    this.#complain("");
  }

  #tell(status) {
    this.#box.dataset.status = status;
    this.#part("status").textContent = status && text(status);
  }

  #complain(words) {
    this.#part("trouble").textContent = words;
    this.#part("trouble").hidden = !words;
    return !words;
  }

  #part(name) { return this.#box.querySelector(`[data-part="${name}"]`); }
}
