// Sound to blobs: one MediaRecorder from the start to the stop, its blobs in order.
const EVERY_MS = 250, BITS_PER_S = 48000;
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus"];

/** What this browser can record that the server decodes; "": nothing. */
export const recordedType = () => TYPES.find((type) => globalThis.MediaRecorder?.isTypeSupported(type)) ?? "";

export class Recorder {
  #recorder; #reading = Promise.resolve(); #stopped;

  /** Record `stream` from now on; `take` gets each blob's bytes. */
  constructor(stream, take) {
    this.#recorder = new MediaRecorder(stream, { mimeType: recordedType(), audioBitsPerSecond: BITS_PER_S });
    this.#recorder.addEventListener("dataavailable", ({ data }) => {
      const bytes = data.arrayBuffer(); // several may be read at once: they are taken in the order in which they came
      this.#reading = this.#reading.then(async () => take(await bytes));
    });
    this.#stopped = new Promise((resolve) => this.#recorder.addEventListener("stop", resolve, { once: true }));
    this.#recorder.start(EVERY_MS);
  }

  /** Record no more; resolves when the last blob was taken. */
  async stop() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    await this.#stopped;
    await this.#reading;
  }
}
