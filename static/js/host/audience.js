// What the audience reads now, from the same wire; and mending a sentence where it stands.
import { connect } from "../captions.js";
import { keyOf, placeOf, spaceAfter } from "../reading/text.js";

const SHOWN_MOST = 40;
const byPlace = (one, other) => one.part - other.part || one.index - other.index;

/** Fills `list` with the newest sentences of the spoken language; `mend(place, text)` and `remove(place)` return promises. */
export class Audience {
  #list; #texts; #actions; #captions = null; #rows = new Map(); #versions = new Map(); #partial; #lang = "";

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
    for (const type of ["partial", "sentence", "removed"]) captions.addEventListener(type, () => this.#showPartial(captions.model.partial));
  }

  #clear() {
    for (const { item } of this.#rows.values()) item.remove();
    this.#rows.clear();
    this.#versions.clear();
  }

  /** A translation is none of this list's: `of_version` says that it is one. Pieces of a sentence are one line. */
  #put(row) {
    if (row.of_version !== undefined) return;
    this.#versions.set(keyOf(row.part, row.index), row.version);
    for (const index of [row.index, row.index + 1]) this.#look(row.part, index, index === row.index);
    this.#trim();
  }

  /** What stands at this place now: a sentence that begins there or before, or nothing. */
  #look(part, index, isNew) {
    const key = keyOf(part, index), sentence = this.#captions.model.sentenceAt(part, index);
    const own = sentence && keyOf(sentence.part, sentence.index);
    if (own !== key && this.#rows.has(key)) {
      this.#rows.get(key).item.remove();
      this.#rows.delete(key);
    }
    if (!sentence?.original || (!isNew && own !== key)) return;
    const known = this.#rows.get(own), item = known?.item ?? this.#insert(sentence);
    const row = { ...sentence, text: sentence.original, lang: sentence.original_lang, version: this.#newest(sentence) };
    const entry = { row, item, editing: known?.editing ?? false };
    this.#rows.set(own, entry);
    if (!entry.editing) this.#show(entry);
  }

  /** The newest version of its pieces: which text a correction is of. */
  #newest({ part, index, last_index }) {
    let version = 0;
    for (let at = index; at <= last_index; at++) version = Math.max(version, this.#versions.get(keyOf(part, at)) ?? 0);
    return version;
  }

  #insert(row) {
    const item = document.createElement("li");
    const later = [...this.#rows.values()].filter((other) => byPlace(other.row, row) > 0).sort((one, other) => byPlace(one.row, other.row));
    this.#list.insertBefore(item, later[0]?.item ?? this.#partial);
    return item;
  }

  #trim() {
    while (this.#rows.size > SHOWN_MOST) {
      const key = Math.min(...this.#rows.keys()), { item, editing } = this.#rows.get(key);
      if (editing) return;
      item.remove();
      this.#rows.delete(key);
      for (const old of this.#versions.keys()) if (old < Math.min(...this.#rows.keys())) this.#versions.delete(old);
    }
  }

  #show(entry) {
    entry.editing = false;
    const words = document.createElement("span"), rest = document.createElement("span"), button = document.createElement("button");
    words.textContent = entry.row.text;
    words.lang = entry.row.lang;
    words.dir = "auto";
    button.type = "button";
    button.className = "quiet mend";
    button.textContent = this.#texts("correct");
    button.setAttribute("aria-label", this.#texts("correct_this", { text: entry.row.text }));
    button.addEventListener("click", () => this.#edit(entry.row));
    const atEnd = this.#isAtEnd();
    rest.className = "rest";
    entry.item.replaceChildren(words, rest, button);
    if (atEnd) this.#toEnd();
  }

  /** In a line of its own, or behind the sentence that goes on with it. */
  #showPartial(partial) {
    const atEnd = this.#isAtEnd();
    for (const rest of this.#list.querySelectorAll(".rest:not(:empty)")) rest.replaceChildren();
    const before = partial && this.#captions.model.sentenceAt(...Object.values(placeOf(keyOf(partial.part, partial.index) - 1)));
    const goesOn = before?.ends === false ? this.#rows.get(keyOf(before.part, before.index)) : undefined;
    const place = goesOn?.item.querySelector(".rest") ?? this.#partial;
    this.#partial.hidden = !partial || place !== this.#partial;
    const tentative = document.createElement("span");
    tentative.className = "tentative";
    tentative.textContent = partial?.tentative ?? "";
    place.lang = this.#captions.model.source_lang || this.#lang;
    place.dir = "auto";
    place.replaceChildren(goesOn ? spaceAfter(before.lang) : "", partial?.confirmed ?? "", tentative);
    if (atEnd) this.#toEnd();
  }

  #edit(row) {
    const key = keyOf(row.part, row.index), entry = this.#rows.get(key);
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
    const shown = { part: row.part, index: row.index, version: row.version, ...(row.last_index > row.index && { upto: row.last_index }) };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = field.value.trim();
      attempt(async () => text !== entry.row.text && (await this.#actions.mend({ ...shown, text })));
    });
    cancel.addEventListener("click", done);
    remove.addEventListener("click", () => confirm(this.#texts("sure.remove")) && attempt(() => this.#actions.remove({ part: row.part, index: row.index, version: this.#versions.get(key) ?? row.version })));
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
