// How the room stands, asked now and then: what is against a start, who reads, how late the text is, what organisers write.
import { get, post } from "../api.js";
import { text } from "../texts.js";

const EVERY_MS = 3000, LATE_S = 10;
const element = (id) => document.getElementById(id);

/** Events: `state`. */
export class Watch extends EventTarget {
  state = null; #room; #here; #newest = 0; #at = 0; #asking = null;

  /** `here` gives {connection, isReading}: of this page. */
  constructor(room, here) {
    super();
    [this.#room, this.#here] = [room, here];
    setInterval(() => this.ask(), EVERY_MS);
    queueMicrotask(() => this.ask());
  }

  /** One's own connection in another window, which may be taken over. */
  get elsewhere() { return this.state?.connection || undefined; }

  graceLeftS() { return Math.max(0, (this.state?.grace_left_s ?? 0) - (performance.now() - this.#at) / 1000); }

  /** Ask now; never throws: the connection's own troubles are told elsewhere. */
  ask() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask() {
    const { connection } = this.#here();
    try {
      this.state = await get(`/api/host/${this.#room}?${new URLSearchParams({ connection, after: this.#newest })}`);
    } catch {
      return;
    }
    this.#at = performance.now();
    this.#showReaders();
    this.#showMessages(this.state.messages);
    this.dispatchEvent(new Event("state"));
  }

  #showReaders() {
    const { isReading } = this.#here(), { viewers, source_lang: spoken, delay_s: delay, screen_s: shown, translation_fails: fails, translation_stopped: stopped } = this.state;
    const others = viewers.map(({ lang, name, count }) => ({ name, count: count - (isReading && lang === spoken ? 1 : 0) })).filter(({ count }) => count > 0);
    const count = others.reduce((sum, each) => sum + each.count, 0);
    const langs = others.map((each) => (others.length > 1 ? `${each.name} ${each.count}` : each.name)).join(", ");
    const who = text(["viewers.none", "viewers.one"][count] ?? "viewers.many", { count });
    element("viewers").textContent = count ? text("viewers.langs", { who, langs }) : who;
    const seconds = (delay ?? 0).toLocaleString(document.documentElement.lang, { maximumFractionDigits: delay < LATE_S ? 1 : 0 });
    const late = delay ? text(delay > LATE_S ? "delay.long" : "delay", { seconds }) : text("delay.none");
    const screens = shown && text("delay.screens", { seconds: shown.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 }) });
    element("delay").textContent = screens ? `${late} · ${screens}` : late;
    element("typed").hidden = !this.state.is_typed;
    element("delay").classList.toggle("warn", delay > LATE_S);
    const untranslated = [["translation.fails", fails], ["translation.stopped", stopped]].filter(([, langs]) => langs.length);
    element("translation").textContent = untranslated.map(([key, langs]) => text(key, { langs: langs.join(", ") })).join(" · ");
  }

  #showMessages(messages) {
    const place = element("messages");
    for (const { id, text: words } of messages) {
      this.#newest = Math.max(this.#newest, id);
      const note = document.createElement("div"), said = document.createElement("p"), read = document.createElement("button");
      note.className = "notice warn message";
      said.textContent = words;
      said.dir = "auto";
      read.type = "button";
      read.textContent = text("message.read");
      read.addEventListener("click", () => {
        note.remove();
        place.hidden = !place.children.length;
        post(`/api/host/${this.#room}/seen`, { upto: id, connection: this.#here().connection }).catch(() => {});
      });
      note.append(said, read);
      place.append(note);
    }
    place.hidden = !place.children.length;
  }
}
