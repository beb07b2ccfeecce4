/**
 * What a reader of a room knows, message by message, and what of it is to be shown (docs/wires/captions.md). Pure: no socket,
 * no page. Fields have the wire's own names. What comes from outside is bounded.
 */
import { Sentences, byPlace, isCount, isLang } from "./sentences.js";

const WORDS_MOST = 10_000, TRACKS_MOST = 4, LANGS_MOST = 200;
const number = (value) => (Number.isFinite(value) ? value : null);
const word = (value) => (typeof value === "string" ? value.slice(0, WORDS_MOST) : "");

/** {language: version} of what may be sent as that, or received. */
export const versionsOf = (sent) =>
  Object.fromEntries(Object.entries(sent ?? {}).filter(([lang, at]) => isLang(lang) && isCount(at)).slice(0, TRACKS_MOST));

export class Model {
  room = ""; title = ""; lang = ""; source_lang = ""; state = ""; grace_left_s = null; next = null; delays = {};
  versions = {}; // of each track: everything up to here is known
  partial = null; draft = null; // the unfinished sentence, and its translation
  complete = false; // nothing older can be had
  #sentences = new Sentences(); #replaying = true; #resumed = false; #older = 0;

  /** The whole sentence that (part, index) is of, as it is to be shown; null: it is not here (any more). */
  sentenceAt(part, index) { return this.#sentences.at({ part, index }, this.lang); }

  /** All whole sentences, in the order of reading. */
  sentences() { return this.#sentences.all(this.lang); }

  /** Is nothing translated any more today, in the language that is read? */
  get isUntranslated() { return this.lang !== this.source_lang && Boolean(this.delays.stopped?.includes(this.lang)); }

  /** What was said until now, to be read on its own: by who reads later. */
  copySentences() { return this.#sentences.copy(); }

  /** Another language is read from now on; what was spoken stays. */
  changeLang(lang) {
    const version = this.versions[this.source_lang];
    Object.assign(this, { lang, draft: null, versions: version === undefined ? {} : { [this.source_lang]: version } });
    this.#sentences.dropTranslations();
  }

  /** The request for `count` sentences before the oldest. */
  older(count) {
    const { part, index } = this.#sentences.first ?? { part: 2 ** 31 - 1, index: 0 };
    this.#older = count;
    return { type: "history", before: { part, index }, count };
  }

  /** Take a message: "new", "old" (it changes nothing) or "gap" (it is not taken: what lies before it has to be asked for). */
  take(message) {
    const take = Object.hasOwn(this.#takes, message?.type) ? this.#takes[message.type] : () => "old";
    return take(message) ?? "new";
  }

  #takes = {
    hello: (message) => {
      [this.#replaying, this.#resumed] = [true, message.resumed === true];
      if (!this.#resumed) this.#sentences.clear();
      if (!this.#resumed) Object.assign(this, { versions: {}, complete: false, room: word(message.room) });
      Object.assign(this, { title: word(message.title), partial: null, draft: null });
      this.#takes.delays(message.delays ?? {});
      return this.#takes.state(message);
    },
    state: ({ state, source_lang, grace_left_s, next }) => {
      Object.assign(this, { state: word(state), grace_left_s: number(grace_left_s), next: next ?? null });
      if (isLang(source_lang)) this.source_lang = source_lang;
    },
    delays: ({ transcription_s, translation_s, stopped }) => {
      const langs = Array.isArray(stopped) ? stopped.filter(isLang).slice(0, LANGS_MOST) : [];
      this.delays = { transcription_s: number(transcription_s), translation_s: number(translation_s), stopped: langs };
    },
    versions: ({ versions }) => {
      [this.versions, this.#replaying] = [versionsOf(versions), false];
    },
    history: ({ count }) => {
      this.complete = count < this.#older || this.#sentences.full;
    },
    partial: (message) => {
      const { last } = this.#sentences, words = { confirmed: word(message.confirmed), tentative: word(message.tentative) };
      const isIn = last && byPlace(last, message) >= 0; // its words are in a sentence already
      this.partial = isIn || !(words.confirmed + words.tentative) ? null : { ...message, ...words };
    },
    draft: (message) => {
      const words = { confirmed: word(message.confirmed), tentative: word(message.tentative) };
      const isOver = message.lang !== this.lang || this.#sentences.has(message, message.lang);
      this.draft = isOver || !(words.confirmed + words.tentative) ? null : { ...message, ...words };
    },
    sentence: (message) => this.#keep(message),
    removed: (message) => this.#keep(message),
  };

  /** Versions count one by one, but not within a replay; one that begins anew is known only once it is whole. */
  #keep(row) {
    const { lang, version } = row, known = this.versions[lang] ?? 0;
    const isFollowed = isLang(lang) && (lang in this.versions || lang === this.lang || lang === this.source_lang);
    if (isFollowed && !this.#replaying && version > known + 1) return "gap";
    if (isFollowed && isCount(version) && (!this.#replaying || this.#resumed)) this.versions[lang] = Math.max(known, version);
    if (!this.#sentences.put(row)) return "old";
    if (this.partial && row.of_version === undefined && byPlace(this.partial, row) <= 0) this.partial = null;
    if (this.draft?.lang === lang && this.#sentences.has(this.draft, lang)) this.draft = null;
    return "new";
  }
}
