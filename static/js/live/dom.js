// Nothing is touched that has not changed, so that a screen reader and the keyboard stay where they are.
export const element = (id) => document.getElementById(id);

export function say(target, words) {
  if (target.textContent !== words) target.textContent = words;
}
export function show(target, shown) {
  if (target.hidden === shown) target.hidden = !shown;
}
export function copy(id) {
  return element(id).content.firstElementChild.cloneNode(true);
}
export function sign(use, level) {
  const href = `#sign-${level}`;
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}
/** The children of `parent` are those of `items`, in their order; `make` makes a missing one. */
export function keyed(parent, known, items, key, make, fill) {
  const wanted = new Set(items.map(key));
  for (const [name, child] of known) {
    if (wanted.has(name)) continue;
    child.remove();
    known.delete(name);
  }
  items.forEach((item, place) => {
    const name = key(item);
    if (!known.has(name)) known.set(name, make());
    const child = known.get(name);
    fill(child, item);
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}
