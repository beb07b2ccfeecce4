// Microphones that are echoed (docs/wires/interpreter.md), 20 ms of sound at a time:
//
//   k6 run -e SERVER=wss://captions.example.org -e CLIENTS=50 deploy/loadtest/echo.js
//
// RAMP_S (10), HOLD_S (30). What to look at: echo_back_ms, from sending a frame to having it back; echo_missing, which must
// be 0: frames that never came, or not in their order. ECHO_MAX_CLIENTS bounds how many a web process takes.

import { WebSocket } from 'k6/websockets';
import { Counter, Trend } from 'k6/metrics';

const SERVER = __ENV.SERVER || 'ws://127.0.0.1:8000';
const CLIENTS = Number(__ENV.CLIENTS || 20);
const RAMP_S = Number(__ENV.RAMP_S || 10);
const HOLD_S = Number(__ENV.HOLD_S || 30);
const CONFIG = JSON.parse(open('./messages.json')).echo.config;
const FRAME_MS = (1000 * CONFIG.frameSize) / CONFIG.sampleRate;
const HEADER_BYTES = 12; // uint32 number, float64 time in ms, little-endian
const LAST_FRAMES_WITHIN_MS = 30000;

const back = new Trend('echo_back_ms', true);
const frames = new Counter('echo_frames');
const missing = new Counter('echo_missing');
const lost = new Counter('echo_lost'); // sockets that ended before their time

export const options = {
  scenarios: {
    microphones: { executor: 'per-vu-iterations', vus: CLIENTS, iterations: 1, maxDuration: `${RAMP_S + HOLD_S + 60}s` },
  },
  thresholds: { echo_missing: ['count==0'], echo_lost: ['count==0'], echo_back_ms: ['p(95)<200'] },
};

export default function () {
  setTimeout(() => speak(), (RAMP_S * 1000 * (__VU - 1)) / CLIENTS);
}

function speak() {
  const socket = new WebSocket(`${SERVER}/ws-audio`);
  socket.binaryType = 'arraybuffer';
  let sent = 0;
  let came = 0;
  let speaking = null;
  let finished = false; // speaking: what is under way still comes back
  let giveUp = null;
  let done = false;

  socket.addEventListener('open', () => socket.send(JSON.stringify(CONFIG)));

  socket.addEventListener('message', (event) => {
    if (typeof event.data === 'string') {
      if (JSON.parse(event.data).type === 'ack' && speaking === null) begin();
      return;
    }
    const frame = new DataView(event.data);
    if (frame.getUint32(0, true) === came) {
      came += 1;
      back.add(Date.now() - frame.getFloat64(4, true));
      if (finished && came === sent) end();
    }
  });

  socket.addEventListener('close', () => {
    clearInterval(speaking);
    missing.add(sent - came);
    if (!done) lost.add(1);
  });

  function begin() {
    const frame = noise();
    const header = new DataView(frame);
    speaking = setInterval(() => {
      header.setUint32(0, sent, true);
      header.setFloat64(4, Date.now(), true);
      socket.send(frame.slice(0));
      sent += 1;
      frames.add(1);
    }, FRAME_MS);
    setTimeout(() => {
      clearInterval(speaking);
      finished = true;
      if (came === sent) end();
      else giveUp = setTimeout(end, LAST_FRAMES_WITHIN_MS);
    }, HOLD_S * 1000);
  }

  function end() {
    clearTimeout(giveUp);
    done = true;
    socket.close();
  }
}

function noise() {
  const frame = new ArrayBuffer(HEADER_BYTES + 2 * CONFIG.frameSize);
  const samples = new Int16Array(frame, HEADER_BYTES);
  for (let at = 0; at < samples.length; at += 1) samples[at] = (Math.random() - 0.5) * 2000;
  return frame;
}
