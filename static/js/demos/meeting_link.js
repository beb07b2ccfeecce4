// A meeting's socket (docs/wires/meetings.md): sound of all who speak goes out, text comes back; a new one where it broke.
const HEADER_BYTES = 60, AGAIN_MS = 1000, AGAIN_MOST_MS = 8000, UNSENT_BYTES = 4 << 20, KEPT = 80;
const END = new Uint8Array(1);

/** Who speaks in which language, and what: one message. */
export function chunk(participant, lang, samples) {
  const message = new Uint8Array(HEADER_BYTES + samples.byteLength);
  new TextEncoder().encodeInto(`${participant}|${lang}`, message.subarray(0, HEADER_BYTES));
  message.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), HEADER_BYTES);
  return message;
}

/** Events: `status` (connecting, running, offline, refused: it was never open; both come back; ended), `said`, a message of the server. */
export class MeetingLink extends EventTarget {
  status = "";
  #address; #socket = null; #timer = 0; #tries = 0; #finishing = false; #kept = [];

  constructor() {
    super();
    const name = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#address = `${location.origin.replace(/^http/, "ws")}/streaming-whisper/ws/${name}?consent=1`;
    this.#open();
  }

  /** Sound of somebody. What cannot go now goes later, as much as is kept. */
  send(participant, lang, samples) {
    const message = chunk(participant, lang, samples);
    if (this.status !== "running") this.#kept = [...this.#kept.slice(1 - KEPT), message];
    else if (!this.#finishing && this.#socket.bufferedAmount < UNSENT_BYTES) this.#socket.send(message);
  }

  /** Nobody speaks any more; `ended` comes behind the last words. */
  finish() {
    if (this.#finishing) return;
    clearTimeout(this.#timer);
    this.#finishing = true;
    if (this.status === "running") this.#socket.send(END);
    else this.close();
  }

  close() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
    this.#become("ended");
  }

  #open() {
    const socket = (this.#socket = new WebSocket(this.#address));
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      this.#tries = 0;
      for (const message of this.#kept.splice(0)) socket.send(message);
      this.#become("running");
    };
    socket.onmessage = ({ data }) => socket === this.#socket && this.dispatchEvent(new CustomEvent("said", { detail: JSON.parse(data) }));
    socket.onclose = () => socket === this.#socket && this.#broken(wasOpen);
    if (!this.#tries) this.#become("connecting");
  }

  #broken(wasOpen) {
    if (this.#finishing) return this.close();
    this.#become(wasOpen ? "offline" : "refused");
    this.#timer = setTimeout(() => this.#open(), Math.min(AGAIN_MOST_MS, AGAIN_MS * 2 ** this.#tries++));
  }

  #become(status) {
    if (status === this.status) return;
    this.status = status;
    this.dispatchEvent(new CustomEvent("status", { detail: { status } }));
  }
}
