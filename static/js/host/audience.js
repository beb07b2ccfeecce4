// What the audience reads now, from the same wire; and mending a sentence where it stands.
import { connect } from "../captions.js";

const SHOWN_MOST = 40;
const byPlace = (one, other) => one.part - other.part || one.index - other.index;

/** Fills `list` with the newest sentences of the spoken language; `mend(place, text)` and `remove(place)` return promises. */
export class Audience {
  #list; #texts; #actions; #captions = null; #rows = new Map(); #partial; #lang = "";

  constructor(list, texts, actions) {
    [this.#list, this.#texts, this.#actions] = [list, texts, actions];
    this.#partial = document.createElement("li");
    this.#partial.className = "partial";
    this.#partial.hidden = true;
    list.append(this.#partial);
  }

  /** Whether this preview itself counts as a reader. */
  get isReading() { return this.#captions?.status === "live"; }

  follow(room, lang) {
    if (this.#captions && this.#lang === lang) return;
    this.#captions?.close();
    this.#lang = lang;
    const captions = (this.#captions = connect({ room }, { lang }));
    captions.addEventListener("hello", ({ detail }) => detail.resumed || this.#clear());
    for (const type of ["sentence", "removed"]) captions.addEventListener(type, ({ detail }) => this.#put(detail));
    for (const type of ["partial", "sentence"]) captions.addEventListener(type, () => this.#showPartial(captions.model.partial));
  }

  #clear() {
    for (const { item } of this.#rows.values()) item.remove();
    this.#rows.clear();
  }

  /** A translation is none of this list's: `of_version` says that it is one. */
  #put(row) {
    const key = `${row.part}:${row.index}`, known = this.#rows.get(key);
    if (row.of_version !== undefined || (known && (known.row.lang !== row.lang || known.row.version >= row.version))) return;
    if (row.type === "removed") {
      known?.item.remove();
      this.#rows.delete(key);
      return;
    }
    const item = known?.item ?? this.#insert(row);
    const entry = { row, item, editing: known?.editing ?? false };
    this.#rows.set(key, entry);
    if (!entry.editing) this.#show(entry);
    this.#trim();
  }

  #insert(row) {
    const item = document.createElement("li");
    const later = [...this.#rows.values()].filter((other) => byPlace(other.row, row) > 0).sort((one, other) => byPlace(one.row, other.row));
    this.#list.insertBefore(item, later[0]?.item ?? this.#partial);
    return item;
  }

  #trim() {
    while (this.#rows.size > SHOWN_MOST) {
      const [key, { item, editing }] = this.#rows.entries().next().value;
      if (editing) return;
      item.remove();
      this.#rows.delete(key);
    }
  }

  #show(entry) {
    entry.editing = false;
    const words = document.createElement("span"), button = document.createElement("button");
    words.textContent = entry.row.text;
    words.lang = entry.row.lang;
    words.dir = "auto";
    button.type = "button";
    button.className = "quiet mend";
    button.textContent = this.#texts("correct");
    button.setAttribute("aria-label", this.#texts("correct_this", { text: entry.row.text }));
    button.addEventListener("click", () => this.#edit(entry.row));
    const atEnd = this.#isAtEnd();
    entry.item.replaceChildren(words, button);
    if (atEnd) this.#toEnd();
  }

  #showPartial(partial) {
    const atEnd = this.#isAtEnd();
    this.#partial.hidden = !partial;
    const tentative = document.createElement("span");
    tentative.className = "tentative";
    tentative.textContent = partial?.tentative ?? "";
    this.#partial.lang = this.#captions.model.source_lang || this.#lang;
    this.#partial.dir = "auto";
    this.#partial.replaceChildren(partial?.confirmed ?? "", tentative);
    if (atEnd) this.#toEnd();
  }

  #edit(row) {
    const key = `${row.part}:${row.index}`, entry = this.#rows.get(key);
    if (!entry) return;
    entry.editing = true;
    const form = document.createElement("form"), field = document.createElement("textarea");
    const actions = document.createElement("div"), said = document.createElement("p");
    form.className = "mending stack";
    field.value = entry.row.text;
    field.rows = 2;
    field.lang = entry.row.lang;
    field.dir = "auto";
    field.maxLength = 2000;
    field.setAttribute("aria-label", this.#texts("correct_this", { text: entry.row.text }));
    said.className = "notice bad";
    said.setAttribute("role", "alert");
    said.hidden = true;
    const make = (name, className, type) => Object.assign(document.createElement("button"), { type, className, textContent: this.#texts(name) });
    const save = make("save", "primary", "submit"), cancel = make("cancel", "", "button"), remove = make("remove", "danger", "button");
    actions.className = "row";
    actions.append(save, cancel, remove);
    form.append(field, said, actions);
    const done = () => {
      const now = this.#rows.get(key);
      if (!now) return;
      this.#show(now);
      now.item.querySelector("button")?.focus();
    };
    const attempt = async (act) => {
      for (const button of [save, cancel, remove]) button.disabled = true;
      try {
        await act();
        done();
      } catch (error) {
        said.textContent = error.message;
        said.hidden = false;
      } finally {
        for (const button of [save, cancel, remove]) button.disabled = false;
      }
    };
    const seen = row.version;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = field.value.trim();
      attempt(async () => text !== entry.row.text && (await this.#actions.mend({ part: row.part, index: row.index, version: seen, text })));
    });
    cancel.addEventListener("click", done);
    remove.addEventListener("click", () => confirm(this.#texts("sure.remove")) && attempt(() => this.#actions.remove({ part: row.part, index: row.index, version: seen })));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") done();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    entry.item.replaceChildren(form);
    field.focus();
  }

  #isAtEnd() {
    return this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 80;
  }

  #toEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}
