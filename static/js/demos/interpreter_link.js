// The interpreter's socket (docs/wires/interpreter.md): sound out, texts and speech in, and a new connection where one broke.
const AGAIN_MS = 1000, HEARTBEAT_MS = 5000, UNSENT_BYTES = 262_144;
const FINAL_CLOSES = new Set([1008, 1011]); // coming back would not help

/** Events: `open`, `broken`, `said` {type: partial or final, …}, `history` {items}, `speech` {mp3}, `trouble` {code}. */
export class InterpreterLink extends EventTarget {
  #config; #socket = null; #again = 0; #beats = 0; #ready = false; #closed = false;

  constructor(config) {
    super();
    this.#config = { type: "config", ...config };
    this.#connect();
  }

  /** Change what the server knows: another target, for instance. */
  configure(config) {
    Object.assign(this.#config, config);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#say(this.#config);
  }

  /** Send s16le; what the network has not taken is not piled up. */
  send(samples) {
    if (this.#ready && this.#socket.bufferedAmount < UNSENT_BYTES) this.#socket.send(samples);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#again);
    clearInterval(this.#beats);
    this.#socket?.close();
  }

  #connect() {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/audio`);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#tell("speech", { mp3: data })));
    socket.addEventListener("close", ({ code }) => this.#ended(code));
    this.#socket = socket;
  }

  #opened() {
    this.#say(this.#config);
    this.#beats = setInterval(() => this.#say({ type: "heartbeat", ts_ms: Date.now() }), HEARTBEAT_MS);
  }

  #told(message) {
    if (message.type === "ack") {
      if (this.#ready) return;
      this.#ready = true;
      this.#say({ type: "history_request" });
      this.#tell("open");
    } else if (message.type === "partial" || message.type === "final") this.#tell("said", message);
    else if (message.type === "history") this.#tell("history", message);
    else if (message.type === "warning") this.#tell("trouble", { code: message.code });
    else if (message.type === "error") this.#tell("trouble", { code: `error.${message.message}` });
  }

  #ended(code) {
    this.#ready = false;
    clearInterval(this.#beats);
    if (this.#closed) return;
    this.#tell("broken");
    if (code === 1008) this.#tell("trouble", { code: "error.too_many" });
    if (!FINAL_CLOSES.has(code)) this.#again = setTimeout(() => this.#connect(), code === 1013 ? 5 * AGAIN_MS : AGAIN_MS);
  }

  #say(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
