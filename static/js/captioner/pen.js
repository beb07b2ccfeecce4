/**
 * A captioner's socket (docs/wires/captions.md, "A human captioner"): what is typed, and who has the pen. What was finished is kept,
 * also over a reload, until the server says that it is stored; so a broken connection loses nothing and sends nothing twice.
 *
 * Events: `status` {status, code}; `pen` {holder, alone}; `heard` {text}; `unsent` {count}; `stored`, `undone`, `corrected`, `refused`: the
 * server's message.
 */
const TYPING_EVERY_MS = 200, KEEP_EVERY_MS = 1000, RETRY_MS = 500, RETRY_MOST_MS = 8000, SILENT_MOST_MS = 10_000, LEASE_MS = 4000;
const AGAIN_MS = 1000, FINAL = new Set(["text_missing", "text_too_long"]);

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class Pen extends EventTarget {
  status = ""; code = ""; holder = "nobody"; alone = false;
  #url; #storage; #key; #socket = null; #tries = 0; #retry = 0; #silence = 0; #again = 0; #closed = false;
  #token = ""; #typedAt = 0; #typing = null; #typingTimer = 0; #typingAt = 0; #keepTimer = 0;
  #unsent = new Map(); // by id: {text, began, ended}, in the order of writing

  constructor(room, { storage = globalThis.sessionStorage, origin = globalThis.location?.href } = {}) {
    super();
    this.#url = new URL(`/captions/${encodeURIComponent(room)}/type`, origin);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    [this.#storage, this.#key] = [storage, `typed:${room}`];
    try {
      this.#unsent = new Map(JSON.parse(storage.getItem(this.#key) ?? "[]"));
    } catch { /* nothing was kept */ }
    globalThis.addEventListener?.("online", () => this.#retrySoon(0));
    globalThis.addEventListener?.("offline", () => this.#socket && this.#ended(1006, "network")); // known before the socket knows
    this.#open();
  }

  get unsent() { return [...this.#unsent.values()].map(({ text }) => text); }

  /** What is in the box now; `began`: Date.now() of its first key. */
  typing(text, began) {
    [this.#typing, this.#typedAt] = [{ text, began }, Date.now()];
    const wait = this.#typingAt + TYPING_EVERY_MS - Date.now();
    if (wait <= 0) this.#sendTyping();
    else if (!this.#typingTimer) this.#typingTimer = setTimeout(() => this.#sendTyping(), wait);
  }

  /** A finished sentence; its id, by which it can be taken back. */
  write(text, began) {
    const id = newId();
    this.#dropTyping();
    this.#typedAt = Date.now();
    this.#unsent.set(id, { text, began, ended: Date.now() });
    this.#note();
    this.#sendWritten(id);
    return id;
  }

  /** Take a sentence back: what was never sent is gone at once (its text), else `undone` brings it. */
  undo(id) {
    const kept = this.#unsent.get(id);
    this.#send({ type: "undo", id });
    if (kept && this.status !== "live") {
      this.#unsent.delete(id);
      this.#note();
    }
    return kept && this.status !== "live" ? kept.text : null;
  }

  correct(place, text) { return this.#send({ type: "correct", ...place, text }); }

  /** Open the room: what is typed is shown, and nothing is heard. */
  openRoom({ lang, store, public: isPublic }) { return this.#send({ type: "open", lang, store, public: isPublic }); }

  /** Close the room that was opened so. */
  closeRoom() { return this.#send({ type: "close" }); }

  /** The recogniser stays quiet though nothing is typed. */
  keep(isKept) {
    clearInterval(this.#keepTimer);
    const keep = () => this.#send({ type: "keep" }) && (this.#typedAt = Date.now());
    if (isKept) this.#keepTimer = setInterval(keep, KEEP_EVERY_MS);
    if (isKept) keep();
  }

  /** The recogniser goes on at once. */
  release() {
    this.#dropTyping();
    this.#send({ type: "release" });
  }

  close() {
    this.#closed = true;
    this.#drop();
  }

  #open() {
    this.#drop();
    const socket = (this.#socket = new WebSocket(this.#url));
    socket.onopen = () => {
      if (this.#token && Date.now() - this.#typedAt < LEASE_MS) this.#send({ type: "take", token: this.#token });
      for (const id of this.#unsent.keys()) this.#sendWritten(id);
    };
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#ended(code, reason);
    this.#expectSomething();
    this.#become("connecting");
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    for (const timer of [this.#retry, this.#silence, this.#again]) clearTimeout(timer);
    socket?.close();
  }

  #ended(code, reason) {
    this.#drop();
    this.holder = "nobody";
    if (code === 1008 && reason !== "too_many_messages") return this.#become("refused", reason);
    const ms = Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** this.#tries++);
    this.#retrySoon(ms * (0.5 + Math.random()));
    this.#become("offline", reason || String(code));
  }

  #retrySoon(ms) {
    clearTimeout(this.#retry);
    if (!this.#closed && this.status !== "refused" && (!this.#socket || ms > 0)) this.#retry = setTimeout(() => this.#open(), ms);
  }

  #expectSomething() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#ended(1006, "silent"), SILENT_MOST_MS);
  }

  #become(status, code = "") {
    Object.assign(this, { status, code });
    this.#tell("status", { status, code });
  }

  #receive(message) {
    this.#expectSomething();
    if (this.status !== "live") {
      this.#tries = 0;
      this.#become("live");
    }
    if (message.type === "pen") {
      const isFree = message.holder === "nobody" && this.holder === "other";
      Object.assign(this, { holder: message.holder, alone: message.alone });
      this.#token = message.token ?? this.#token;
      if (isFree) this.#sendAgain(0);
    } else if (message.type === "stored") {
      this.#unsent.delete(message.id);
      this.#note();
    } else if (message.type === "refused" && message.of === "write") {
      if (FINAL.has(message.error)) {
        message.text = this.#unsent.get(message.id)?.text;
        this.#unsent.delete(message.id);
        this.#note();
      } else if (message.retry) this.#sendAgain(AGAIN_MS);
    }
    this.#tell(message.type, message);
  }

  #sendAgain(ms) {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => [...this.#unsent.keys()].forEach((id) => this.#sendWritten(id)), ms);
  }

  #sendWritten(id) {
    const { text, began, ended } = this.#unsent.get(id), now = Date.now();
    this.#send({ type: "write", id, text, began_ms_ago: Math.max(0, now - began), ended_ms_ago: Math.max(0, now - ended) });
  }

  #sendTyping() {
    clearTimeout(this.#typingTimer);
    this.#typingTimer = 0;
    if (!this.#typing) return;
    const { text, began } = this.#typing;
    [this.#typing, this.#typingAt] = [null, Date.now()];
    this.#send({ type: "typing", text, began_ms_ago: Math.max(0, Date.now() - began) });
  }

  #dropTyping() {
    clearTimeout(this.#typingTimer);
    [this.#typingTimer, this.#typing] = [0, null];
  }

  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #note() {
    this.#storage.setItem(this.#key, JSON.stringify([...this.#unsent]));
    this.#tell("unsent", { count: this.#unsent.size });
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
