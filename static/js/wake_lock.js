// Keeps the screen on while something is read; the browser gives the lock back whenever the page is hidden.
let wanted = false;
let lock = null;

async function acquire() {
  if (!wanted || lock || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    lock.addEventListener("release", () => {
      lock = null;
    });
    if (!wanted) await allowSleep();
  } catch {
    lock = null; // battery saver, or not allowed: the page works all the same
  }
}

document.addEventListener("visibilitychange", acquire);

/** Whether this browser can do it at all. */
export const canKeepAwake = "wakeLock" in navigator;

/** From now on, whenever the page is visible. */
export async function keepAwake() {
  wanted = true;
  await acquire();
}

/** The screen may sleep again. */
export async function allowSleep() {
  wanted = false;
  await lock?.release();
}
