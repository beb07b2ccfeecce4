/**
 * Sound of this device as frames that a socket can send: s16le, mono, at the rate that is asked for.
 *
 *     const capture = new Capture({ rateHz: 16000, frameSamples: 320 });
 *     capture.addEventListener("frame", ({ detail: { samples } }) => socket.send(samples)); // an Int16Array
 *     await capture.openMicrophone();          // or openFile(blob or address), or openElement(an <audio>)
 *     capture.close();
 *
 * A file plays at its own pace, as if somebody spoke. Call what opens from a click: browsers start no sound without one.
 */
import { openDevice } from "./devices.js";

let shared; // one for all of a page: browsers allow few, and files that play together stay together
const elements = new WeakMap(); // an element has one source for good

async function soundContext() {
  if (!shared) {
    const context = new AudioContext({ latencyHint: "interactive" }); // at the device's own rate: Firefox connects no others
    shared = { context, loaded: context.audioWorklet.addModule(new URL("./frames_worklet.js", import.meta.url)) };
  }
  await shared.loaded;
  await shared.context.resume();
  return shared.context;
}

/** Events: `frame` {samples, peak from 0 to 1}, `ended` (the file is over, the microphone was unplugged, or `close`). */
export class Capture extends EventTarget {
  #format; #node = null; #source = null; #stream = null;
  paused = false; // then frames are dropped

  constructor({ rateHz = 16_000, frameSamples = 320 } = {}) {
    super();
    this.#format = { rateHz, frameSamples };
  }

  get isOpen() { return this.#node !== null; }

  /** Hear this device, or the browser's default; `wanted` changes the constraints. Throws MicrophoneError (devices.js). */
  async openMicrophone(deviceId = "", wanted = {}) {
    const stream = await openDevice(deviceId, wanted);
    try {
      const context = await soundContext();
      this.#hear(context, context.createMediaStreamSource(stream), false);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
    this.#stream = stream;
    stream.getAudioTracks()[0].addEventListener("ended", () => stream === this.#stream && this.close());
  }

  /** Hear a file: a Blob, or an address. Throws where it cannot be fetched, or is no sound that this browser knows. */
  async openFile(file, { audible = false, loop = false } = {}) {
    const bytes = file instanceof Blob ? await file.arrayBuffer() : await fetched(file);
    const context = await soundContext();
    const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes), loop });
    this.#hear(context, source, audible);
    source.addEventListener("ended", () => source === this.#source && this.close());
    source.start();
  }

  /** Hear an <audio> or <video> of this page while it plays. */
  async openElement(element, { audible = true } = {}) {
    const context = await soundContext();
    if (!elements.has(element)) elements.set(element, context.createMediaElementSource(element));
    const source = elements.get(element);
    this.#hear(context, source, audible);
    element.addEventListener("ended", () => source === this.#source && this.close(), { once: true });
  }

  /** No more of it; the last frame, shorter than the others, and `ended` come behind. */
  close() {
    this.#source?.disconnect();
    this.#node?.port.postMessage("end");
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#node = this.#source = this.#stream = null;
  }

  #hear(context, source, audible) {
    this.close();
    const node = new AudioWorkletNode(context, "frames", { outputChannelCount: [1], processorOptions: this.#format });
    node.port.onmessage = ({ data }) => this.#take(node, data);
    source.connect(node).connect(context.destination); // it gives silence, and browsers ask only what is connected
    if (audible) source.connect(context.destination);
    [this.#node, this.#source] = [node, source];
  }

  #take(node, { samples, peak, ended }) {
    if (samples.length && !this.paused) this.dispatchEvent(new CustomEvent("frame", { detail: { samples, peak } }));
    if (!ended) return;
    node.port.close();
    node.disconnect();
    this.dispatchEvent(new CustomEvent("ended"));
  }
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${address}`);
  return answer.arrayBuffer();
}
