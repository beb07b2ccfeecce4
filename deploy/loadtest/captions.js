// Viewers of one room's native captions (docs/wires/captions.md), each on a socket of its own, while its host speaks:
//
//   k6 run -e SERVER=wss://captions.example.org -e ROOM=A1 -e VIEWERS=1000 deploy/loadtest/captions.js
//
// LANG_CODE (en), RAMP_S (30: they come spread over that time), HOLD_S (60: they stay, after that), PING_EVERY_S (5). What to look at:
// captions_ready_ms, from connecting to everything said so far; captions_pong_ms, the way there and back beside the
// captions; captions_gaps and captions_lost, which must be 0. Captions come whenever they are said: how late is measured
// on the server (`manage.py bench_fanout`).

import { WebSocket } from 'k6/websockets';
import { Counter, Trend } from 'k6/metrics';

const SERVER = __ENV.SERVER || 'ws://127.0.0.1:8000';
const ROOM = __ENV.ROOM || 'A1';
const LANG = __ENV.LANG_CODE || 'en';
const VIEWERS = Number(__ENV.VIEWERS || 50);
const RAMP_S = Number(__ENV.RAMP_S || 30);
const HOLD_S = Number(__ENV.HOLD_S || 60);
const PING_EVERY_MS = 1000 * Number(__ENV.PING_EVERY_S || 5); // they may send two messages a second
const MESSAGES = JSON.parse(open('./messages.json')).captions;

const ready = new Trend('captions_ready_ms', true);
const pong = new Trend('captions_pong_ms', true);
const events = new Counter('captions_events');
const partials = new Counter('captions_partials');
const gaps = new Counter('captions_gaps'); // a version was jumped over: asked for again, as every client does
const lost = new Counter('captions_lost'); // sockets that ended before their time

export const options = {
  scenarios: {
    viewers: { executor: 'per-vu-iterations', vus: VIEWERS, iterations: 1, maxDuration: `${RAMP_S + HOLD_S + 60}s` },
  },
  thresholds: {
    captions_gaps: ['count==0'],
    captions_lost: ['count==0'],
    captions_ready_ms: ['p(95)<3000'],
    captions_pong_ms: ['p(95)<500'],
  },
};

export default function () {
  setTimeout(() => watch(), (RAMP_S * 1000 * (__VU - 1)) / VIEWERS);
}

function watch() {
  const began = Date.now();
  const socket = new WebSocket(`${SERVER}/captions/${ROOM}?lang=${LANG}`);
  let versions = null; // of each track, once the beginning has come whole
  let asked = 0;
  let pinging = null;
  let done = false;

  socket.addEventListener('open', () => {
    setTimeout(() => {
      done = true;
      socket.close();
    }, HOLD_S * 1000);
    pinging = setInterval(() => {
      asked = Date.now();
      socket.send(JSON.stringify(MESSAGES.ping));
    }, PING_EVERY_MS);
  });

  socket.addEventListener('message', (event) => {
    const message = JSON.parse(event.data);
    switch (message.type) {
      case 'hello':
        if (!message.resumed) versions = null;
        break;
      case 'versions':
        if (versions === null) ready.add(Date.now() - began);
        versions = { ...versions, ...message.versions };
        break;
      case 'sentence':
      case 'removed':
        events.add(1);
        follow(message);
        break;
      case 'partial':
        partials.add(1);
        break;
      case 'pong':
        pong.add(Date.now() - asked);
        break;
    }
  });

  socket.addEventListener('close', () => {
    clearInterval(pinging);
    if (!done) lost.add(1);
  });

  function follow(message) {
    if (versions === null) return; // the beginning skips numbers, and is known only when it is whole
    const known = versions[message.lang] || 0;
    if (message.version > known + 1) {
      gaps.add(1);
      socket.send(JSON.stringify({ ...MESSAGES.resume, after: { [message.lang]: known } }));
      versions = null;
    } else {
      versions[message.lang] = Math.max(known, message.version);
    }
  }
}
