/**
 * Reference client of the native captions wire (docs/wires/captions.md): follows a room, or a hall from talk to talk, and comes
 * back after every break without a gap and without a repeat. It knows no page; what it knows stands in `model`.
 *
 *     const captions = connect({ room: "A1" }, { lang: "de" });   // or { hall: "main" }
 *     captions.addEventListener("sentence", ({ detail: { part, index } }) => draw(captions.model.sentenceAt(part, index)));
 *
 * Events: each message by its type, `detail` the message, once the model has it; and `status`, detail {status, code}.
 * A `hello` that is not `resumed` means: draw everything anew.
 */
import { Model, versionsOf } from "./captions_model.js";

const MESSAGE_MOST = 1 << 20; // characters
const DEFAULTS = { after: {}, retryMs: 500, retryMostMs: 30_000, pingEveryMs: 25_000, pongWithinMs: 10_000 };

/** Follow {room} or {hall} in `lang`, behind the versions `after` ({en: 41}). Also: origin, and the times of DEFAULTS. */
export const connect = (place, options) => new Captions(place, options);

/** `status`: connecting, live, offline (it comes back by itself) or refused (it does not; `code` says why). */
export class Captions extends EventTarget {
  status = ""; code = ""; model = new Model();
  #path; #options; #socket = null; #retry = 0; #silence = 0; #tries = 0; #leaving = new AbortController();
  #asked = false; // what still comes is older than the answer, which begins with `hello`

  constructor({ room = "", hall = "" }, options) {
    super();
    this.#path = `/captions/${hall ? "hall/" : ""}${encodeURIComponent(hall || room)}`;
    this.#options = { origin: globalThis.location?.href, ...DEFAULTS, ...options };
    Object.assign(this.model, { room, lang: options.lang, versions: versionsOf(this.#options.after) });
    const { signal } = this.#leaving;
    for (const name of ["online", "offline"]) globalThis.addEventListener?.(name, this, { signal });
    globalThis.document?.addEventListener("visibilitychange", this, { signal }); // a phone woke up
    this.#open();
  }

  /** Go on in another language; what was spoken stays. */
  setLang(lang) {
    this.model.changeLang(lang);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ask({ type: "lang", lang, after: this.model.versions });
    else if (this.#socket) this.#open();
  }

  /** Ask for `count` sentences before the oldest that is known: they come as `sentence`, then `history`. */
  history(count) {
    this.#send(this.model.older(count));
  }

  /** Ask for the server's clock: the answer is the event `pong`. */
  ping() {
    this.#send({ type: "ping" });
  }

  /** Say when a sentence was on the screen: {lang, part, index, at_ms}. Only where `hello` said `report_s`. */
  shown(told) {
    this.#send({ type: "shown", ...told });
  }

  /** No more of it. */
  close() {
    this.#leaving.abort();
    this.#drop();
  }

  /** The network came or went: the browser may know it before the socket does. */
  handleEvent({ type }) {
    if (type === "offline" && this.status !== "refused") this.#ended(1006, "network");
    else if (this.status === "offline") this.#open();
    else if (this.#socket) this.#probe();
  }

  #open() {
    this.#drop();
    const { room, lang, versions } = this.model, after = Object.entries(versions).map((each) => each.join(":")).join();
    const url = new URL(`${this.#path}?${new URLSearchParams({ lang, room, after })}`, this.#options.origin);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url));
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data);
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#ended(code, reason);
    this.#asked = true;
    this.#expect(this.#options.pingEveryMs, () => this.#probe());
    this.#become("connecting");
  }

  /** 1008 and 4000 to 4999 are answers. All else is worth coming back for: ever later, and a whole hall not at once. A server that
   * drains sends its readers away a few at a time: they need not wait. */
  #ended(code, reason) {
    this.#drop();
    if ((code === 1008 && reason !== "too_many_messages") || code >= 4000) return this.#become("refused", reason || `${code}`);
    const most = Math.min(this.#options.retryMostMs, this.#options.retryMs * 2 ** this.#tries++);
    const soon = code === 1012 && reason === "draining";
    const ms = soon ? most * 0.2 : most * (0.5 + Math.random() * (code === 1012 || code === 1013 ? 2.5 : 0.5));
    this.#retry = setTimeout(() => this.#open(), ms);
    this.#become("offline", reason || `${code}`);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    for (const timer of [this.#retry, this.#silence]) clearTimeout(timer);
    socket?.close();
  }

  #become(status, code = "") {
    Object.assign(this, { status, code });
    this.dispatchEvent(new CustomEvent("status", { detail: { status, code } }));
  }

  /** A connection may die without a word: where nothing comes for long, ask; without an answer it is over. */
  #probe() {
    this.#send({ type: "ping" });
    this.#expect(this.#options.pongWithinMs, () => this.#ended(1006, "silent"));
  }

  #expect(ms, otherwise) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(otherwise, ms);
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #ask(message) {
    this.#asked = true;
    this.#send(message);
  }

  #receive(data) {
    this.#expect(this.#options.pingEveryMs, () => this.#probe());
    let message;
    try { message = data.length <= MESSAGE_MOST ? JSON.parse(data) : null; } catch { return; }
    if (message?.type === "pong") this.dispatchEvent(new CustomEvent("pong", { detail: message }));
    if (message?.type === "hello") this.#asked = false;
    if (this.#asked) return;
    const taken = this.model.take(message);
    if (taken === "gap") this.#ask({ type: "resume", after: this.model.versions });
    if (taken !== "new") return;
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
    if (message.type !== "versions" || this.status === "live") return;
    this.#tries = 0;
    this.#become("live");
  }
}
