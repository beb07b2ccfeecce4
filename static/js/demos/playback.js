// Plays frames as they come. A little is kept back: a network that is late now and then is not heard.
const KEPT_BACK_S = 0.12, TOO_LATE_S = 0.5, JOINED = 5;

export class Playback {
  #context; #rateHz; #waiting = []; #nextS = 0;

  constructor(rateHz) {
    this.#rateHz = rateHz;
    this.#context = new AudioContext({ sampleRate: rateHz, latencyHint: "interactive" });
  }

  add(samples) {
    this.#waiting.push(samples);
    if (this.#waiting.length === JOINED) this.#play(this.#waiting.splice(0)); // fewer seams
  }

  close() {
    this.#context.close();
  }

  #play(frames) {
    const length = frames.reduce((sum, frame) => sum + frame.length, 0);
    if (!length || this.#context.state === "closed") return;
    const buffer = new AudioBuffer({ length, sampleRate: this.#rateHz }), values = buffer.getChannelData(0);
    let at = 0;
    for (const frame of frames) for (const sample of frame) values[at++] = sample / 32768;
    const nowS = this.#context.currentTime;
    if (this.#nextS < nowS || this.#nextS > nowS + TOO_LATE_S) this.#nextS = nowS + KEPT_BACK_S;
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    source.start(this.#nextS);
    this.#nextS += buffer.duration;
  }
}
