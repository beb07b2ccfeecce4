// Runs beside the page, on the browser's audio thread: whatever it hears becomes frames of 16 bit samples, mono.
import { Resampler } from "./resample.js";

const mono = (channels) => {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, n) => channels.reduce((sum, channel) => sum + channel[n], 0) / channels.length);
};

/** Options: rateHz, frameSamples. Posts {samples, peak}; asked to `end`, the last, shorter frame, with `ended`. */
class Frames extends AudioWorkletProcessor {
  #resampler; #frame; #filled = 0; #peak = 0; #over = false;

  constructor({ processorOptions: { rateHz, frameSamples } }) {
    super();
    this.#resampler = new Resampler(sampleRate, rateHz);
    this.#frame = new Int16Array(frameSamples);
    this.port.onmessage = () => this.#end();
  }

  process([channels]) {
    if (channels?.length && !this.#over) for (const value of this.#resampler.feed(mono(channels))) this.#add(value);
    return !this.#over;
  }

  #add(value) {
    const held = Math.max(-1, Math.min(1, value));
    this.#peak = Math.max(this.#peak, Math.abs(held));
    this.#frame[this.#filled++] = Math.round(held * 32767);
    if (this.#filled === this.#frame.length) this.#post(false);
  }

  #end() {
    this.#over = true;
    this.#post(true);
  }

  #post(ended) {
    const samples = this.#frame.slice(0, this.#filled);
    this.port.postMessage({ samples, peak: this.#peak, ended }, [samples.buffer]);
    this.#filled = this.#peak = 0;
  }
}

registerProcessor("frames", Frames);
