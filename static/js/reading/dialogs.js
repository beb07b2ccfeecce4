/** The page's sheets: languages, the reader's style, sharing. */

import { refusesTracking } from "./screen_delay.js";
import { plain } from "./text.js";
import { text } from "../texts.js";

const id = (name) => document.getElementById(name);

function opens(button, sheet, before = () => {}) {
  id(button).addEventListener("click", () => {
    before();
    id(sheet).showModal();
  });
  id(sheet).addEventListener("click", (event) => {
    if (event.target === id(sheet)) id(sheet).close(); // its backdrop
  });
}

/** The picker: every language of the room in its own name and in the page's. */
export function languages({ captions, about, choose }) {
  const show = () => {
    const wanted = plain(id("lang-query").value.trim());
    const found = about().langs.filter(({ code, native, name }) => plain(`${code} ${native} ${name}`).includes(wanted));
    id("lang-list").replaceChildren(...found.map(row));
    id("no-lang").hidden = found.length > 0;
  };
  const row = ({ code, native, name, dir }) => {
    const [item, button, own, other] = ["li", "button", "span", "span"].map((tag) => document.createElement(tag));
    [own.lang, own.dir, own.textContent] = [code, dir, native];
    other.className = "name";
    other.textContent = code === about().source_lang ? text("spoken_here") : name === native ? "" : name;
    button.type = "button";
    button.setAttribute("aria-current", String(code === captions.model.lang));
    button.append(own, other);
    button.addEventListener("click", () => {
      const label = id("lang-name");
      [label.lang, label.textContent] = [code, native];
      id("langs").close();
      if (code !== captions.model.lang) choose(code);
    });
    item.append(button);
    return item;
  };
  opens("open-langs", "langs", () => {
    id("lang-query").value = "";
    show();
  });
  id("lang-query").addEventListener("input", show);
  id("lang-query").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    id("lang-list").querySelector("button")?.click();
  });
}

/** The address, its QR code, and the device's own way of sending it. */
export function share() {
  const address = () => {
    const here = new URL(id("address").value);
    here.search = location.search;
    return here.href;
  };
  opens("open-share", "share", () => {
    id("address").value = address();
    id("qr").src = id("qr").dataset.src + location.search;
    id("copied").textContent = "";
  });
  id("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(id("address").value);
      id("copied").textContent = text("copied");
    } catch {
      id("address").select();
      id("copied").textContent = text("copy_by_hand");
    }
  });
  id("send").hidden = !navigator.share;
  id("send").addEventListener("click", () => {
    navigator.share({ title: document.title, url: id("address").value }).catch(() => {});
  });
}

/** How the text looks: each control writes one entry of the style. */
export function styleSheet({ style, change }) {
  const groups = [...document.querySelectorAll("fieldset[data-style]")];
  const fields = [...document.querySelectorAll("input[data-style]")];
  id("measure").disabled = refusesTracking();
  id("measure-refused").hidden = !refusesTracking();
  const show = () => {
    for (const group of groups) {
      for (const button of group.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(String(style()[group.dataset.style]) === button.value));
      }
    }
    for (const field of fields) {
      const value = style()[field.dataset.style];
      if (field.type === "checkbox") field.checked = value && !field.disabled;
      else if (document.activeElement !== field || field.type === "range") field.value = value;
    }
  };
  const set = (name, value) => {
    change(name, value);
    show();
  };
  for (const group of groups) {
    group.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) set(group.dataset.style, group.dataset.style === "lines" ? Number(button.value) : button.value);
    });
  }
  for (const field of fields) {
    field.addEventListener("input", () => set(field.dataset.style, field.type === "checkbox" ? field.checked : Number(field.value)));
  }
  for (const button of document.querySelectorAll("button[data-step]")) {
    button.addEventListener("click", () => {
      const field = id(button.dataset.for);
      field[button.dataset.step > 0 ? "stepUp" : "stepDown"]();
      set(field.dataset.style, Number(field.value));
    });
  }
  id("reset").addEventListener("click", () => {
    const first = readingStyle.checked({});
    for (const [name, value] of Object.entries(first)) if (!["view", "measure"].includes(name) && style()[name] !== value) change(name, value);
    show();
  });
  opens("open-style", "style", show);
  show();
}
