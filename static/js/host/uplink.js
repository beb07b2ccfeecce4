// Audio to the server, whatever the network does: each blob has a number and is kept until the server says that it was taken.
const KEPT_MS = 60_000, SILENT_AFTER_MS = 8000, OPENS_WITHIN_MS = 15_000, RETRY_MS = 500, RETRY_MOST_MS = 5000;
const NUMBER_BYTES = 4;
// Why the server closes a host's socket (docs/wires/conference.md), and what that means here. All else is worth coming back for.
const ENDS = [
  ["Authentification failed", "signed_out"], ["Required room config", "no_consent"], ["Multiple hosts", "elsewhere"], ["Another host", "elsewhere"],
  ["Unable to activate", "no_slot"], ["Audio recording not allowed", "do_not_record"], ["Room closed", "closed"],
  ["Source language", "language"], ["Target language", "language"],
];

const RESERVED = /^The host of room <.*> may come back: try again in (\d+) s$/;

const why = ({ code, reason }) => {
  if (code === 1000) return "elsewhere";
  if (code === 1003 && /^Room <.*> not found/.test(reason)) return "not_found";
  return ENDS.find(([text]) => reason.startsWith(text))?.[1] ?? "";
};

/**
 * Events: `status` (connecting, live, offline, reserved, ended; `code` says why it ended), `error` {code, message} of the server, `ready`
 * (somebody transcribes), `kept` when what is kept has changed.
 */
export class Uplink extends EventTarget {
  status = ""; code = ""; connectionId; lostMs = 0; reservedUntil = 0;
  #place; #socket = null; #kept = []; #next = 0; #timer = 0; #retry = 0; #tries = 0; #recorder; #taking = false; #dead = new AbortController();

  /** `place`: {room, lang, consent}; `connectionId`: of a connection of this browser's that this one goes on for. */
  constructor(place, connectionId = "") {
    super();
    this.#place = place;
    this.connectionId = connectionId;
    this.#recorder = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const { signal } = this.#dead;
    addEventListener("online", () => this.status === "offline" && this.#open(), { signal });
    addEventListener("offline", () => this.#socket && this.#broken(), { signal });
    this.#open();
  }

  /** How much sound waits here, in ms. */
  get keptMs() { return this.#kept.length ? performance.now() - this.#kept[0].at : 0; }

  /** A blob of the recorder: it goes now or later. Of what cannot go the last minute is kept. */
  push(bytes) {
    if (!bytes.byteLength) return;
    const framed = new Uint8Array(NUMBER_BYTES + bytes.byteLength), now = performance.now();
    new DataView(framed.buffer).setUint32(0, this.#next);
    framed.set(new Uint8Array(bytes), NUMBER_BYTES);
    this.#kept.push({ number: this.#next++, framed, at: now, sent: this.#taking });
    if (this.#taking) this.#socket.send(framed);
    while (now - this.#kept[0].at > KEPT_MS) {
      const { sent, at } = this.#kept.shift();
      if (!sent) this.lostMs += (this.#kept[0]?.at ?? now) - at;
    }
    this.#tell("kept");
  }

  /** Go on in another language or with another answer: the server begins a new part. */
  change(place) {
    this.#place = { ...this.#place, ...place };
    this.#open();
  }

  /** Ask for a new recogniser. */
  restart() {
    if (this.#taking) this.#socket.send(JSON.stringify({ signal: "restart_backend_engine" }));
  }

  /** Until the server has all that was pushed; false where it ended, or `signal` was given, before. */
  async drained(signal) {
    while (this.#kept.length && this.status !== "ended" && !signal?.aborted) {
      await new Promise((resolve) => {
        for (const type of ["kept", "status"]) this.addEventListener(type, resolve, { once: true });
        signal?.addEventListener("abort", resolve, { once: true });
      });
    }
    return !this.#kept.length;
  }

  /** Try again after an end. */
  retry() {
    if (this.status === "ended") this.#open();
  }

  /** No more of it. */
  close() {
    this.#dead.abort();
    this.#drop();
    this.#become("ended");
  }

  #open() {
    this.#drop();
    const { room, lang, consent } = this.#place;
    const query = new URLSearchParams({ consent, recorder: this.#recorder, connection: this.connectionId });
    const url = new URL(`/room/${encodeURIComponent(room)}/host/${lang}/${lang}?${query}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url));
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event);
    this.#expect(OPENS_WITHIN_MS);
    this.#become("connecting");
  }

  #closed(event) {
    const reserved = RESERVED.exec(event.reason);
    if (reserved) return this.#wait(1000 * reserved[1]);
    const code = why(event);
    if (!code) return this.#broken();
    this.#drop();
    this.#become("ended", code);
  }

  #broken() {
    this.#drop();
    const ms = Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** this.#tries++);
    this.#retry = setTimeout(() => this.#open(), ms * (0.7 + 0.6 * Math.random()));
    this.#become("offline");
  }

  /** The room is another host's, who has just gone and may come back. What is said meanwhile is kept. */
  #wait(ms) {
    this.#drop();
    this.reservedUntil = performance.now() + ms;
    this.#retry = setTimeout(() => this.#open(), ms + RETRY_MS * Math.random());
    this.#become("reserved");
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    this.#taking = false;
    for (const blob of this.#kept) blob.sent = false; // who knows
    socket?.close();
  }

  /** The server says something each second: where nothing comes, nothing goes either. */
  #expect(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#broken(), ms);
  }

  #receive(data) {
    this.#expect(SILENT_AFTER_MS);
    let message;
    try { message = JSON.parse(data); } catch { return; }
    const { info, error } = message ?? {};
    if (info?.connection_id) {
      this.connectionId = info.connection_id;
      this.#tell("connection");
    }
    if (info?.ready_to_recieve_audio) this.#tell("ready");
    if (Number.isSafeInteger(info?.audio_received)) this.#taken(info.audio_received);
    if (error) this.#tell("error", error);
  }

  /** Everything before this number is the server's. On a new connection what is not goes once more. */
  #taken(number) {
    while (this.#kept.length && this.#kept[0].number < number) this.#kept.shift();
    if (!this.#taking) {
      this.#taking = true;
      this.#tries = 0;
      for (const blob of this.#kept) {
        this.#socket.send(blob.framed);
        blob.sent = true;
      }
      this.#become("live");
    }
    this.#tell("kept");
  }

  #become(status, code = "") {
    Object.assign(this, { status, code });
    this.dispatchEvent(new CustomEvent("status", { detail: { status, code } }));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
