/** In place of a screen whose hall or talk is not there: looks until it is, and then becomes it. */

const LOOK_EVERY_MS = 5000;

async function look() {
  const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.reload();
  else setTimeout(look, LOOK_EVERY_MS);
}

setTimeout(look, LOOK_EVERY_MS);
