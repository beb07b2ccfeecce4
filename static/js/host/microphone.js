// A microphone that may be changed, paused and unplugged while one stream goes on: what records it never notices.
import { openDevice } from "../audio/devices.js";
import { LevelWatch, measure } from "./level.js";

const MEASURED_EVERY_MS = 125, WINDOW_SAMPLES = 8192; // 171 ms at 48 kHz: no sample between two looks is missed

/** Events: `level` {height, alarm}, `devices`, `unplugged`, `suspended` (the browser has stopped the sound), `running`. */
export class Microphone extends EventTarget {
  #context = null; #gate = null; #out = null; #analyser = null; #input = null; #source = null; #watch = null; #samples = null;
  deviceId = ""; paused = false;

  /** The stream to record: it lasts as long as this object. */
  get stream() { return this.#out?.stream ?? null; }

  /** Use this device, or the browser's default; the one before is let go. Throws MicrophoneError (audio/devices.js). */
  async open(deviceId = "") {
    const input = await openDevice(deviceId);
    this.#build();
    this.#context.resume(); // not awaited: a browser that waits for a touch lets this wait, too
    this.#release();
    this.#input = input;
    this.#source = this.#context.createMediaStreamSource(input);
    this.#source.connect(this.#analyser);
    this.#source.connect(this.#gate);
    const [track] = input.getAudioTracks();
    this.deviceId = track.getSettings().deviceId ?? deviceId;
    track.addEventListener("ended", () => input === this.#input && this.#unplugged());
    this.#watch.reset(performance.now());
  }

  /** The microphones of this device: [{id, name}]; names are known once one was allowed. */
  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId).map(({ deviceId, label }) => ({ id: deviceId, name: label }));
  }

  /** Silence goes out instead of sound. */
  pause(paused) {
    this.paused = paused;
    if (this.#gate) this.#gate.gain.value = paused ? 0 : 1;
    this.#watch?.reset(performance.now());
  }

  /** Let the device go. */
  close() {
    this.#release();
    this.#context?.suspend();
  }

  #build() {
    if (this.#context) return;
    this.#context = new AudioContext(); // at the device's own rate: Firefox connects no others
    this.#gate = this.#context.createGain();
    this.#gate.gain.value = this.paused ? 0 : 1;
    this.#out = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1, channelCountMode: "explicit" });
    this.#gate.connect(this.#out);
    const silence = new ConstantSourceNode(this.#context, { offset: 0 }); // without any source nothing would be recorded, not even silence
    silence.connect(this.#gate);
    silence.start();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: WINDOW_SAMPLES });
    this.#samples = new Float32Array(WINDOW_SAMPLES);
    this.#watch = new LevelWatch(performance.now());
    this.#context.addEventListener("statechange", () => this.#tell(this.#context.state === "running" ? "running" : "suspended"));
    navigator.mediaDevices.addEventListener("devicechange", () => this.#tell("devices"));
    for (const sign of ["visibilitychange", "pointerdown", "keydown"]) {
      document.addEventListener(sign, () => this.#input && this.#context.state !== "running" && this.#context.resume());
    }
    setInterval(() => this.#measure(), MEASURED_EVERY_MS);
  }

  #measure() {
    if (!this.#input || this.#context.state !== "running") return;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    this.#tell("level", this.#watch.note(measure(this.#samples), performance.now()));
  }

  #unplugged() {
    this.#release();
    this.#tell("unplugged");
  }

  #release() {
    this.#source?.disconnect();
    for (const track of this.#input?.getTracks() ?? []) track.stop();
    this.#input = this.#source = null;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
