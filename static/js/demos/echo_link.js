// The echo's socket (docs/wires/interpreter.md): frames out, frames back, and a new connection where one broke.
const HEADER_BYTES = 12, AGAIN_MS = 1000, UNSENT_BYTES = 65_536;

/** Events: `open`, `frame` {number, samples}, `broken`, `refused` {code} (coming back would not help now). */
export class EchoLink extends EventTarget {
  #format; #socket = null; #timer = 0; #number = 0; #ready = false; #closed = false;

  constructor({ rateHz, frameSamples }) {
    super();
    this.#format = { type: "config", sampleRate: rateHz, channelCount: 1, frameSize: frameSamples, format: "s16le" };
    this.#connect();
  }

  get isReady() { return this.#ready; }

  /** Send a frame; its number, or null where the network has not taken what was sent before. */
  send(samples) {
    if (!this.#ready || this.#socket.bufferedAmount > UNSENT_BYTES) return null;
    const message = new ArrayBuffer(HEADER_BYTES + samples.byteLength), view = new DataView(message);
    const number = this.#number++;
    view.setUint32(0, number, true);
    view.setFloat64(4, performance.now(), true);
    new Int16Array(message, HEADER_BYTES).set(samples); // little-endian, as every browser's machine is
    this.#socket.send(message);
    return number;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect() {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws-audio`);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => socket.send(JSON.stringify(this.#format)));
    socket.addEventListener("message", ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#took(data)));
    socket.addEventListener("close", ({ code }) => this.#ended(code));
    this.#socket = socket;
  }

  #told({ type }) {
    if (type !== "ack") return;
    this.#ready = true;
    this.dispatchEvent(new CustomEvent("open"));
  }

  #took(data) {
    const number = new DataView(data).getUint32(0, true), samples = new Int16Array(data, HEADER_BYTES);
    this.dispatchEvent(new CustomEvent("frame", { detail: { number, samples } }));
  }

  #ended(code) {
    this.#ready = false;
    if (this.#closed) return;
    this.dispatchEvent(new CustomEvent("broken"));
    if (code === 1008 || code === 1013) this.dispatchEvent(new CustomEvent("refused", { detail: { code } }));
    this.#timer = setTimeout(() => this.#connect(), code === 1013 ? 5 * AGAIN_MS : AGAIN_MS);
  }
}
