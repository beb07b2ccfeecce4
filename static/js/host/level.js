// How loud it is, and what is wrong with it. Pure: samples and clocks come in.
const FLOOR_DB = -60, CLIPPED = 0.985;
const LIMITS = { silentMs: 8000, quietMs: 12000, shownMs: 4000, silentDb: -58, quietDb: -40 };

const decibels = (value) => (value > 0 ? 20 * Math.log10(value) : -Infinity);

/** Peak and mean of a stretch of samples (-1 to 1), and how many stay at the limit behind two others: a cut-off wave. */
export function measure(samples) {
  let [peak, sum, clipped, run] = [0, 0, 0, 0];
  for (const sample of samples) {
    const size = Math.abs(sample);
    if (size > peak) peak = size;
    run = size >= CLIPPED ? run + 1 : 0;
    if (run > 2) clipped += 1;
    sum += size * size;
  }
  return { peak, clipped, rms: Math.sqrt(sum / Math.max(samples.length, 1)) };
}

/** Follows a microphone: each `note` gives a height from 0 to 1 and an alarm: "", clipping, muted, silent, quiet. */
export class LevelWatch {
  #limits; #heardAt; #loudAt; #signalAt; #clippedAt = -Infinity; #clips = 0;

  constructor(nowMs, limits = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.reset(nowMs);
  }

  /** Begin anew: another microphone, or the end of a pause. */
  reset(nowMs) {
    this.#heardAt = this.#loudAt = this.#signalAt = nowMs;
    this.#clippedAt = -Infinity;
    this.#clips = 0;
  }

  note({ peak, rms, clipped }, nowMs) {
    const { silentMs, quietMs, shownMs, silentDb, quietDb } = this.#limits, db = decibels(rms);
    if (peak > 0) this.#signalAt = nowMs;
    if (db > silentDb) this.#heardAt = nowMs;
    if (db > quietDb) this.#loudAt = nowMs;
    this.#clips = clipped > 3 ? this.#clips + 1 : Math.max(0, this.#clips - 0.1);
    if (this.#clips >= 3) [this.#clippedAt, this.#clips] = [nowMs, 0]; // one pop is no alarm
    const height = Math.min(1, Math.max(0, (db - FLOOR_DB) / -FLOOR_DB));
    let alarm = "";
    if (nowMs - this.#clippedAt < shownMs) alarm = "clipping";
    else if (nowMs - this.#signalAt >= silentMs) alarm = "muted"; // not even noise: a switch, or a wrong device
    else if (nowMs - this.#heardAt >= silentMs) alarm = "silent";
    else if (nowMs - this.#loudAt >= quietMs) alarm = "quiet";
    return { height, alarm };
  }
}
