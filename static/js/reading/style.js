/** The reader's style, kept in this browser (EN 301 549, 7.1.4). A classic script: it dresses the page before its first paint. */
globalThis.readingStyle = (() => {
  const STORE = "souffleur.reading";
  const choice = (...values) => ({ first: values[0], check: (value) => values.includes(value) });
  const range = (first, least, most) => ({ first, check: (value) => typeof value === "number" && value >= least && value <= most });

  /** What may be chosen, and what a reader begins with. */
  const STYLE = {
    view: choice("captions", "transcript"),
    pace: choice("fast", "steady"),
    lines: choice(4, 3, 2),
    size: range(1, 0.6, 4),
    leading: range(1.4, 1.1, 2.2),
    letters: range(0, 0, 0.2),
    font: choice("sans", "serif", "mono", "wide"),
    contrast: choice("page", "dark", "light", "yellow"),
    original: choice("off", "under", "beside", "instead"),
    offset_s: range(0, 0, 180),
    announce: choice(false, true),
    awake: choice(true, false),
    measure: choice(true, false), // see screen_delay.js
  };

  /** `kept` where it may be, else the beginning. */
  const checked = (kept) =>
    Object.fromEntries(Object.entries(STYLE).map(([name, { first, check }]) => [name, check(kept?.[name]) ? kept[name] : first]));

  function load() {
    try {
      return checked(JSON.parse(localStorage.getItem(STORE) ?? "{}"));
    } catch {
      return checked({}); // private browsing, or not ours
    }
  }

  function save(style) {
    try {
      localStorage.setItem(STORE, JSON.stringify(style));
    } catch {
      /* private browsing: it holds as long as the page */
    }
  }

  function apply(style) {
    const root = document.documentElement;
    for (const name of ["view", "font", "contrast", "original"]) root.dataset[name] = style[name];
    for (const name of ["lines", "size", "leading"]) root.style.setProperty(`--reading-${name}`, style[name]);
    root.style.setProperty("--reading-letters", `${style.letters}em`);
  }

  apply(load());
  return { load, save, apply, checked };
})();
