// The texts of this page's scripts, in the visitor's language (pages/texts.py).
const element = document.getElementById("texts");
const texts = element ? JSON.parse(element.textContent) : {};

/** A text with its {names} filled; the key itself where there is none. */
export function text(key, values = {}) {
  const found = texts[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** What to say about a refusal's code. */
export function errorText(code) {
  return texts[`error.${code}`] ?? texts["error.other"] ?? code;
}
