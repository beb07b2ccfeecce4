// From one sample rate to another: a windowed sinc, its weights in a table for each phase of the ratio. Pure.
const ZERO_CROSSINGS = 16, PASSED = 0.94; // of the lower rate's band

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Weights of `2 * half` samples around each of `phases` places between two samples. */
function table(phases, half, band) {
  return Array.from({ length: phases }, (_, phase) => {
    const weights = Float32Array.from({ length: 2 * half }, (_, n) => {
      const at = n - half + 1 - phase / phases;
      const window = Math.abs(at) < half ? 0.42 + 0.5 * Math.cos((Math.PI * at) / half) + 0.08 * Math.cos((2 * Math.PI * at) / half) : 0;
      return sinc(at * band) * window;
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum); // what does not change keeps its height
  });
}

/** Samples of a stream in, cut anywhere; samples at the other rate out, later by about a millisecond. */
export class Resampler {
  #phases; #step; #half; #table; #kept; #at;

  constructor(fromHz, toHz) {
    const divisor = gcd(fromHz, toHz), ratio = Math.max(1, fromHz / toHz);
    this.#phases = toHz / divisor;
    this.#step = fromHz / divisor;
    this.#half = Math.ceil(ZERO_CROSSINGS * ratio);
    this.#table = fromHz === toHz ? null : table(this.#phases, this.#half, PASSED / ratio);
    this.#kept = new Float32Array(this.#half - 1); // silence before the first sample
    this.#at = (this.#half - 1) * this.#phases; // of the next sample, in phases, from the first that is kept
  }

  feed(samples) {
    if (!this.#table) return samples;
    const all = new Float32Array(this.#kept.length + samples.length);
    all.set(this.#kept);
    all.set(samples, this.#kept.length);
    const last = (all.length - this.#half - 1) * this.#phases;
    const made = new Float32Array(Math.max(0, Math.floor((last - this.#at) / this.#step) + 1));
    for (let n = 0; n < made.length; n += 1, this.#at += this.#step) {
      const phase = this.#at % this.#phases, from = (this.#at - phase) / this.#phases - this.#half + 1, weights = this.#table[phase];
      let sum = 0;
      for (let k = 0; k < weights.length; k += 1) sum += weights[k] * all[from + k];
      made[n] = sum;
    }
    const done = Math.max(0, Math.floor(this.#at / this.#phases) - this.#half + 1);
    this.#kept = all.slice(done);
    this.#at -= done * this.#phases;
    return made;
  }
}
