// Before the start: which microphone, which language, which answers; and the level while it is used.
import { text } from "../texts.js";

const element = (id) => document.getElementById(id);
const REMEMBERED = "host:microphone", SWITCHED_FIRST_MS = 10_000, SWITCHED_SHOWN_MS = 30_000;

/** Events: `alarm` when what is wrong with the sound changes. */
export class Setup extends EventTarget {
  #microphone; #blocks = ["microphone", "language", "consent"].map(element); #blocked = true; #kept;
  #levelAlarm = ""; #gone = ""; #switched = { words: "", at: -Infinity }; #replacing = null;
  isOpen = false;

  constructor(data, microphone) {
    super();
    this.#microphone = microphone;
    this.#kept = `host:${data.room}:answers`;
    this.#recall();
    element("mic-allow").addEventListener("click", () => this.openMicrophone().catch(() => {}));
    element("device").addEventListener("change", ({ target }) => this.#choose(target.value));
    element("consent").addEventListener("submit", (event) => event.preventDefault());
    element("consent").addEventListener("change", () => this.#answered());
    element("lang").addEventListener("change", () => this.#remember());
    microphone.addEventListener("level", ({ detail }) => this.#level(detail));
    microphone.addEventListener("devices", () => this.#changed());
    microphone.addEventListener("unplugged", () => this.#unplugged());
    this.#answered();
    this.#openIfAllowed();
  }

  get lang() { return element("lang").value; }

  /** {keep_text, public}; undefined where nothing was answered. */
  get answers() {
    const form = new FormData(element("consent")), keep = form.get("keep"), open = form.get("public");
    const keepText = keep ? keep === "yes" : undefined;
    return { keep_text: keepText, public: keepText === false ? false : open ? open === "yes" : undefined };
  }

  /** What is wrong with the sound, the gravest first; "" if nothing is. Another microphone is told first: it may explain the rest. */
  get alarm() {
    const { words, at } = this.#switched, age = performance.now() - at;
    const isNew = age < (this.#levelAlarm ? SWITCHED_FIRST_MS : SWITCHED_SHOWN_MS);
    return this.#gone || (isNew ? words : this.#levelAlarm);
  }

  get isComplete() { return !this.#blocked && !this.#missing().length; }

  /** Ask for the microphone. Throws an error whose message is for people. */
  async openMicrophone(id = localStorage.getItem(REMEMBERED) ?? "") {
    this.complain("");
    try {
      await this.#microphone.open(id).catch((error) => (id && error.code === "no_device" ? this.#microphone.open() : Promise.reject(error)));
    } catch (error) {
      const words = text(`mic.${error.code ?? "busy"}`);
      this.complain(words);
      throw new Error(words);
    }
    this.isOpen = true;
    this.#gone = "";
    this.#offer();
    await this.#list();
    this.showMissing();
  }

  /** The device was let go. */
  closed() {
    this.isOpen = false;
    this.#gone = "";
  }

  complain(words) {
    element("mic-error").textContent = words;
    element("mic-error").hidden = !words;
  }

  /** The same controls, before the start and while on air. */
  moveTo(place, meterPlace) {
    if (this.#blocks[0].parentElement !== place) place.append(...this.#blocks);
    if (element("meter").parentElement !== meterPlace) meterPlace.append(element("meter"));
  }

  /** What the server says against a start. */
  block(state, isBefore) {
    const reason = isBefore ? (state?.blocker ?? "") : "";
    const known = state?.host === "you_elsewhere" ? "you_elsewhere" : state?.reserved_s ? "reserved" : (state?.notice ?? "");
    const notice = isBefore && !reason ? known : "";
    this.#blocked = Boolean(reason) || !state;
    this.#say("blocked", reason && text(`blocked.${reason}`));
    this.#say("notice", notice && text(`notice.${notice}`, { seconds: state?.reserved_s }));
    const isFinal = reason === "do_not_record";
    if (isBefore) for (const id of ["setup-slot", "start-box"]) element(id).hidden = isFinal;
    element("other-talks").hidden = !isFinal;
    this.showMissing();
  }

  showMissing() {
    const missing = this.#missing();
    element("start").setAttribute("aria-disabled", String(this.#blocked || missing.length > 0));
    const words = missing.length ? text("missing", { what: missing.map((each) => text(`missing.${each}`)).join(", ") }) : text("start.ready");
    element("missing").textContent = this.#blocked ? "" : words;
  }

  /** To where something is missing. */
  focusMissing() {
    const places = { mic: "#mic-allow", keep: "input[name=keep]", public: "input[name=public]" };
    if (this.#blocked) element("blocked").scrollIntoView({ block: "center" });
    else document.querySelector(places[this.#missing()[0]])?.focus();
  }

  #say(id, words) {
    if (element(id).textContent !== words) element(id).textContent = words;
    element(id).hidden = !words;
  }

  #missing() {
    const { keep_text: keep, public: open } = this.answers;
    return [[this.isOpen, "mic"], [keep !== undefined, "keep"], [open !== undefined, "public"]].filter(([is]) => !is).map(([, name]) => name);
  }

  async #openIfAllowed() {
    const known = await navigator.permissions?.query({ name: "microphone" }).catch(() => null);
    if (known?.state === "granted") await this.openMicrophone().catch(() => {});
  }

  async #choose(id) {
    localStorage.setItem(REMEMBERED, id);
    await this.openMicrophone(id).catch(() => {});
  }

  async #list() {
    const devices = await this.#microphone.devices(), select = element("device");
    const options = devices.map(({ id, name }, at) => {
      const option = document.createElement("option");
      option.value = id;
      option.textContent = name || text("mic.unnamed", { number: at + 1 });
      option.selected = id === this.#microphone.deviceId;
      return option;
    });
    select.replaceChildren(...options);
  }

  /** To ask for a microphone, or to choose one of them. */
  #offer() {
    element("mic-ask").hidden = this.isOpen;
    element("mic-use").hidden = !this.isOpen;
  }

  async #unplugged() {
    this.isOpen = false;
    this.#gone = text("alarm.unplugged");
    this.#level({ height: 0, alarm: "" });
    await this.#replace();
    this.#offer();
    this.showMissing();
  }

  /** Another one is used if there is any; else the first that is plugged in. */
  #replace() {
    this.#replacing ??= this.#openAnother().finally(() => (this.#replacing = null));
    return this.#replacing;
  }

  async #openAnother() {
    try {
      await this.openMicrophone("");
      const name = element("device").selectedOptions[0]?.textContent ?? "";
      this.#switched = { words: text("alarm.switched", { name }), at: performance.now() };
    } catch (error) {
      if (error.message !== text("mic.no_device")) this.#gone = error.message;
    }
    this.#tell();
  }

  #changed() {
    if (this.isOpen) this.#list();
    else if (this.#gone) this.#replace();
  }

  #level({ height, alarm }) {
    const bar = element("bar");
    bar.style.setProperty("--height", height.toFixed(3));
    bar.setAttribute("aria-valuenow", String(Math.round(height * 100)));
    bar.dataset.alarm = alarm;
    this.#note(alarm && text(`alarm.${alarm}`));
    const says = text(alarm ? `alarm.${alarm}` : height > 0.3 ? "alarm.good" : "alarm.listen");
    const isBefore = element("meter").parentElement === element("meter-slot");
    if (alarm || height > 0.3 || !isBefore) this.#say("level-says", isBefore ? says : ""); // a pause between words changes nothing
    element("level-says").dataset.alarm = alarm;
  }

  #note(words) {
    if (words === this.#levelAlarm) return;
    this.#levelAlarm = words;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("alarm"));
  }

  #answered() {
    element("public-question").hidden = this.answers.keep_text === false;
    for (const input of element("public-question").querySelectorAll("input")) input.disabled = this.answers.keep_text === false;
    this.#remember();
    this.showMissing();
  }

  /** For a page that is loaded again in this window, not for the next person. */
  #remember() {
    sessionStorage.setItem(this.#kept, JSON.stringify({ ...this.answers, lang: this.lang }));
  }

  #recall() {
    const kept = JSON.parse(sessionStorage.getItem(this.#kept) ?? "{}");
    const named = { keep: kept.keep_text, public: kept.public };
    for (const [name, value] of Object.entries(named)) {
      if (value !== undefined) element("consent").querySelector(`input[name=${name}][value=${value ? "yes" : "no"}]`).checked = true;
    }
    if (kept.lang && element("lang").querySelector(`option[value="${CSS.escape(kept.lang)}"]`)) element("lang").value = kept.lang;
  }
}
