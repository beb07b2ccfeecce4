// Plays speech as it comes, one after the other; what would be heard too late is left out.
const LATE_S = 8;

export class Spoken {
  #context = new AudioContext(); #until = 0; played = 0;

  /** MP3. Decoding keeps their order: each waits for the one before. */
  add(mp3) {
    this.#order = this.#order.then(() => this.#play(mp3)).catch(() => {}); // one that cannot be decoded is not heard
    return this.#order;
  }

  #order = Promise.resolve();

  /** Silence, at once. */
  close() {
    this.#context.close();
  }

  async #play(mp3) {
    const buffer = await this.#context.decodeAudioData(mp3);
    const nowS = this.#context.currentTime, beginS = Math.max(nowS, this.#until);
    if (beginS - nowS > LATE_S || this.#context.state === "closed") return;
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    source.start(beginS);
    this.#until = beginS + buffer.duration;
    this.played += 1;
  }
}
