// What was said: finals by their time, and below them what may still change, a line for each who speaks.
import { text } from "../texts.js";

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const element = (id) => document.getElementById(id);

function part(name, className, words) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = words;
  return made;
}

export class Minutes {
  #names; #play; #interims = new Map();

  /** `names` by participant; `play` is given a final's sound, base64. */
  constructor(names, play) {
    this.#names = names;
    this.#play = play;
  }

  clear() {
    for (const id of ["finals", "interims"]) element(id).replaceChildren();
    this.#interims.clear();
    element("nothing").hidden = false;
  }

  /** A message of the server. */
  take(message) {
    element("nothing").hidden = true;
    const line = this.#line(message), shown = this.#interims.get(message.participant_id);
    if (message.type === "final") {
      shown?.remove();
      this.#interims.delete(message.participant_id);
      this.#place(line);
    } else {
      if (shown) shown.replaceWith(line);
      else element("interims").append(line);
      this.#interims.set(message.participant_id, line);
    }
  }

  #place(line) {
    const later = [...element("finals").children].find((each) => Number(each.dataset.ts) > Number(line.dataset.ts));
    element("finals").insertBefore(line, later ?? null);
    line.scrollIntoView({ block: "nearest" });
  }

  #line({ participant_id: id, ts, text: words, audio }) {
    const line = document.createElement("li"), name = this.#names.get(id) ?? id, head = part("span", "head", "");
    Object.assign(line.dataset, { person: id, ts });
    head.append(part("b", "", name), ` ${new Date(ts).toLocaleTimeString(document.documentElement.lang, CLOCK)}`);
    const face = part("span", "face", name.slice(0, 1)), said = part("p", "text", words);
    face.setAttribute("aria-hidden", "true");
    said.dir = "auto";
    line.append(face, head, said);
    if (audio) line.append(this.#button(audio));
    return line;
  }

  #button(audio) {
    const button = part("button", "quiet", "▶");
    button.type = "button";
    button.setAttribute("aria-label", text("play"));
    button.addEventListener("click", () => this.#play(audio));
    return button;
  }
}
