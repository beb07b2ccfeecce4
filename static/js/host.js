// The host's page: a microphone, a recorder, a line to the server that loses nothing, and what the audience reads.
import { post } from "./api.js";
import { Audience } from "./host/audience.js";
import { Microphone } from "./host/microphone.js";
import { Recorder, recordedType } from "./host/recorder.js";
import { Setup } from "./host/setup.js";
import { Uplink } from "./host/uplink.js";
import { Watch } from "./host/watch.js";
import { text } from "./texts.js";
import { allowSleep, keepAwake } from "./wake_lock.js";

const element = (id) => document.getElementById(id);
const data = JSON.parse(element("host-data").textContent);
const SENDS_LAST_MS = 60_000, TICK_MS = 1000, OFFLINE_LONG_MS = 60_000;
const FATAL = new Set(["no_consent", "no_slot", "language", "elsewhere", "closed", "signed_out", "do_not_record", "not_found"]);

const microphone = new Microphone();
const setup = new Setup(data, microphone);
const watch = new Watch(data.room, () => ({ connection: uplink?.connectionId ?? connectionId() ?? "", isReading: audience.isReading }));
const audience = new Audience(element("lines"), text, {
  mend: (place) => post(`/api/host/${data.room}/sentence`, place),
  remove: (place) => post(`/api/host/${data.room}/sentence`, place),
});
const title = document.title;
let phase = "setup"; // setup, air, paused, stopping, stopped
let uplink = null, recorder = null, startedAt = 0, heardMs = 0, offlineAt = 0, engineReady = false, trouble = { code: "", until: 0 };

// --- what is remembered while this window lives: a page that is loaded again is the same host
const remembered = `host:${data.room}`;
const connectionId = () => sessionStorage.getItem(remembered);

// --- states
function become(next) {
  phase = next;
  const isOnAir = ["air", "paused", "stopping"].includes(next), begun = next !== "setup";
  element("host").dataset.phase = next;
  element("panel").hidden = element("audience").hidden = !begun;
  element("start-box").hidden = element("setup-slot").hidden = begun;
  element("more").hidden = !isOnAir;
  element("air-buttons").hidden = !isOnAir;
  element("stopped-buttons").hidden = next !== "stopped";
  element("pause").querySelector("span").textContent = text(next === "paused" ? "resume" : "pause");
  element("pause").disabled = element("stop").disabled = next === "stopping";
  if (begun) setup.block(watch.state, false); // what was against a start, or to be known before it
  if (isOnAir) keepAwake();
  else allowSleep();
  setup.moveTo(isOnAir ? element("air-slot") : element("setup-slot"), isOnAir ? element("meter-on-air") : element("meter-slot"));
  show();
}

/** The one sentence that says how it stands, and the one below it. */
function show() {
  const offlineMs = offlineAt ? performance.now() - offlineAt : 0;
  const known = watch.state;
  let key = { setup: "", paused: "paused", stopping: "stopping", stopped: "stopped" }[phase] ?? "air";
  let hint = key && text(`state.${key}_hint`);
  if (phase === "air" && uplink?.status === "connecting" && !offlineAt) [key, hint] = ["starting", text("state.starting_hint")];
  else if (phase === "air" && !offlineAt && !engineReady) [key, hint] = ["waiting", text("state.waiting_hint")];
  if (["air", "paused"].includes(phase) && offlineAt) {
    key = "offline";
    hint = text("state.offline_hint", { seconds: Math.min(60, Math.round(uplink.keptMs / 1000)) });
    if (offlineMs > OFFLINE_LONG_MS) hint = text("state.offline_long", { minutes: Math.floor(offlineMs / 60_000) });
    const left = data.grace_s - offlineMs / 1000;
    if (offlineMs > 15_000 && left > 0) hint += ` ${text("grace.left", { time: minutes(left) })}`;
  }
  if (["air", "paused"].includes(phase) && uplink?.status === "reserved") {
    key = "reserved";
    hint = text("state.reserved_hint", { seconds: Math.max(1, Math.ceil((uplink.reservedUntil - performance.now()) / 1000)) });
  }
  if (phase === "stopped" && ["closed", "closing"].includes(known?.state)) [key, hint] = ["ended", text("state.ended_hint")];
  else if (phase === "stopped" && known?.grace_left_s) hint = text("state.stopped_grace", { time: minutes(watch.graceLeftS()) });
  element("host").dataset.state = key;
  say("state", key && text(`state.${key}`));
  document.title = key ? `${text(`state.${key}`)} · ${title}` : title; // for whoever looks at another tab
  say("state-hint", hint);
  element("end").hidden = key === "ended";
  showTrouble();
}

function say(id, words) {
  const found = element(id);
  if (found.textContent !== words) found.textContent = words;
  return found;
}

/** One trouble at a time, the gravest first. */
function showTrouble() {
  const isOnAir = phase === "air" || phase === "paused";
  let words = "";
  if (uplink?.code && FATAL.has(uplink.code) && phase !== "setup") words = text(`ended.${uplink.code}`);
  else if (uplink?.lostMs && isOnAir) words = text("alarm.lost", { seconds: Math.ceil(uplink.lostMs / 1000) });
  else if (trouble.until > performance.now()) words = trouble.words;
  else if (phase === "air" && setup.alarm) words = setup.alarm;
  say("trouble", words).hidden = !words;
}

function complain(words, forMs = 20_000) {
  trouble = { words, until: performance.now() + forMs };
  showTrouble();
}

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

// --- starting, pausing, stopping
async function consented() {
  return (await post(`/api/host/${data.room}/consent`, { ...setup.answers, ...data.wording })).consent;
}

async function start() {
  element("start").disabled = element("again").disabled = true;
  try {
    const consent = await consented();
    if (!setup.isOpen) await setup.openMicrophone();
    connect({ room: data.room, lang: setup.lang, consent });
    recorder ??= new Recorder(microphone.stream, (bytes) => uplink?.push(bytes));
    [startedAt, engineReady, trouble] = [performance.now(), false, { until: 0 }];
    microphone.pause(false);
    become("air");
    scrollTo(0, 0);
    element("pause").focus({ preventScroll: true });
    audience.follow(data.room, setup.lang);
  } catch (error) {
    if (phase === "stopped") complain(error.message);
    else setup.complain(error.message);
  } finally {
    element("start").disabled = element("again").disabled = false;
    setup.showMissing();
  }
}

function connect(place) {
  if (uplink && uplink.status !== "closed") {
    uplink.change(place);
    return;
  }
  uplink = new Uplink(place, watch.elsewhere ?? connectionId() ?? "");
  uplink.addEventListener("connection", () => sessionStorage.setItem(remembered, uplink.connectionId));
  uplink.addEventListener("ready", () => {
    engineReady = true;
    show();
  });
  uplink.addEventListener("error", ({ detail }) => refused(detail));
  uplink.addEventListener("status", ({ detail: { status, code } }) => {
    if (status === "live" || status === "reserved") offlineAt = 0;
    if (status === "offline") offlineAt ||= performance.now();
    if (status === "ended" && phase !== "stopping" && phase !== "stopped") halt(code);
    show();
  });
  uplink.addEventListener("kept", showTrouble);
}

function refused({ code, message }) {
  if (code === "operator_message") return watch.ask();
  const known = text(`server.${code}`);
  complain(known === `server.${code}` ? message : known);
}

/** The server has ended it: nothing more is recorded, and the page says why. */
async function halt(code) {
  await hush();
  const isToAnswer = ["no_consent", "language"].includes(code);
  if (!isToAnswer) release();
  become(isToAnswer ? "setup" : "stopped");
  if (isToAnswer) setup.complain(text(`ended.${code}`));
  watch.ask();
}

function release() {
  microphone.close();
  setup.closed();
}

async function hush() {
  heardMs += startedAt ? performance.now() - startedAt : 0;
  startedAt = offlineAt = 0;
  const ending = recorder;
  recorder = null;
  await ending?.stop();
}

async function stop() {
  become("stopping");
  await hush();
  const isAll = await uplink.drained(AbortSignal.timeout(SENDS_LAST_MS));
  if (isAll) uplink = void uplink.close();
  release();
  become("stopped");
  element("again").focus({ preventScroll: true });
  scrollTo(0, 0);
  if (!isAll) complain(text("alarm.not_sent"), 600_000);
  watch.ask();
}

function pause() {
  microphone.pause(phase === "air");
  if (phase === "air") heardMs += performance.now() - startedAt;
  startedAt = phase === "air" ? 0 : performance.now();
  become(phase === "air" ? "paused" : "air");
}

async function end() {
  if (!confirm(text("sure.end"))) return;
  try {
    await post(`/api/host/${data.room}/end`);
    sessionStorage.removeItem(remembered);
    await watch.ask();
    show();
  } catch (error) {
    complain(error.message);
  }
}

async function withdraw() {
  if (!confirm(text("withdraw.sure"))) return;
  const button = element("withdraw");
  button.disabled = true;
  try {
    await post(`/api/host/${data.room}/withdraw`);
    sessionStorage.removeItem(remembered);
    say("withdrawn", text("withdraw.done"));
    await watch.ask();
    show();
  } catch (error) {
    say("withdrawn", error.message);
  } finally {
    button.disabled = false;
  }
}

async function apply() {
  const button = element("apply");
  button.disabled = true;
  try {
    const consent = await consented();
    uplink.change({ lang: setup.lang, consent });
    audience.follow(data.room, setup.lang);
    say("applied", text("applied"));
  } catch (error) {
    say("applied", error.message);
  } finally {
    button.disabled = false;
  }
}

element("start").addEventListener("click", () => (setup.isComplete ? start() : setup.focusMissing()));
element("again").addEventListener("click", start);
element("pause").addEventListener("click", pause);
element("stop").addEventListener("click", stop);
element("end").addEventListener("click", end);
element("withdraw").addEventListener("click", withdraw);
element("apply").addEventListener("click", apply);
element("restart").addEventListener("click", () => uplink?.restart());
addEventListener("beforeunload", (event) => ["air", "paused", "stopping"].includes(phase) && event.preventDefault());
watch.addEventListener("state", () => {
  setup.block(watch.state, phase === "setup");
  show();
});
setup.addEventListener("alarm", showTrouble);
microphone.addEventListener("suspended", () => phase === "air" && complain(text("alarm.suspended"), 3_600_000));
microphone.addEventListener("running", () => (trouble.until = 0));
setInterval(() => {
  say("clock", minutes((heardMs + (startedAt ? performance.now() - startedAt : 0)) / 1000));
  show();
}, TICK_MS);
if (!recordedType()) setup.complain(text("mic.unsupported"));
