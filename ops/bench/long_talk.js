/* In place of the server's sockets: a talk that has said so many sentences already and says more when it is told to
 * (docs/wires/captions.md), spoken in English and translated into German. Everything else is the page's own code. */
(said) => {
  const NEWEST = 20;
  const WORDS = "captions change that and not for them alone whoever came late sees what was said while the hall was full of people".split(" ");
  const textOf = (index) => Array.from({ length: 6 + (index * 7) % 18 }, (_, at) => WORDS[(index * 5 + at * 3) % WORDS.length]).join(" ") + ".";
  const open = new Set();
  const row = (index) => ({ type: "sentence", lang: "en", version: index + 1, part: 1, index, start_ms: 5000 * index, end_ms: 5000 * index + 4600, speaker: -1, text: textOf(index), ends: true });
  const translated = (index) => ({ ...row(index), lang: "de", text: `de ${textOf(index)}`, of_version: index + 1 });
  const tell = (message) => open.forEach((socket) => socket.tell(message));

  // As from a network: a message is a task of its own, and between two the page may paint.
  const waiting = [], { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const [socket, make] = waiting.shift();
    if (waiting.length) port2.postMessage(0);
    if (open.has(socket)) socket.tell(make());
  };
  const send = (socket, make) => {
    if (waiting.push([socket, make]) === 1) port2.postMessage(0);
  };

  class Socket {
    static OPEN = 1;
    readyState = 0;

    constructor(address) {
      this.after = Number(/en:(\d+)/.exec(new URL(address).searchParams.get("after"))?.[1] ?? NaN);
      setTimeout(() => this.begin());
    }

    begin() {
      if (this.readyState === 3) return;
      this.readyState = 1;
      open.add(this);
      const resumed = !Number.isNaN(this.after), from = resumed ? this.after : Math.max(0, said - NEWEST);
      send(this, () => ({ type: "hello", room: "LIVE", title: "A long talk", lang: "de", resumed, versions: { en: said, de: said }, delays: {}, state: "live", source_lang: "en" }));
      this.give(from, said);
      send(this, () => ({ type: "versions", versions: { en: said, de: said } }));
    }

    give(from, to) {
      for (let index = from; index < to; index += 1) {
        send(this, () => row(index));
        send(this, () => translated(index));
      }
    }

    tell(message) { this.onmessage?.({ data: JSON.stringify(message) }); }

    send(text) {
      const asked = JSON.parse(text);
      if (asked.type === "ping") setTimeout(() => this.tell({ type: "pong" }));
      if (asked.type === "history") setTimeout(() => this.older(asked));
    }

    older({ before, count }) {
      const from = Math.max(0, before.index - count);
      this.give(from, before.index);
      send(this, () => ({ type: "history", count: before.index - from }));
    }

    close() {
      this.readyState = 3;
      open.delete(this);
    }
  }

  window.WebSocket = Socket;
  window.talk = {
    isFollowed: () => open.size > 0,
    said: () => said,
    /** Of the next sentence the first `words` words. */
    saying(words) {
      const all = textOf(said).split(" ");
      const [confirmed, tentative] = [all.slice(0, words - 1).join(" "), ` ${all.slice(words - 1, words + 1).join(" ")}`];
      tell({ type: "partial", lang: "en", part: 1, index: said, start_ms: 5000 * said, confirmed, tentative });
      tell({ type: "draft", lang: "de", part: 1, index: said, start_ms: 5000 * said, of_chars: confirmed.length, confirmed: `de ${confirmed}`, tentative });
    },
    /** It is finished, and translated. */
    says() {
      const index = said;
      said += 1;
      tell(row(index));
      tell(translated(index));
    },
    /** The network is gone for a moment. */
    breaks() {
      for (const socket of [...open]) {
        socket.close();
        socket.onclose?.({ code: 1006, reason: "" });
      }
    },
  };
}
