// On every page of who is in: whether calls come in, who calls, the sound and the title. What comes
// from the server comes through one hub for all tabs (live-hub.js). A call never takes the focus and
// never lies over the field that is being typed in.
//
// A page that shows lists says so by `follow(after)` and hears of changes by `listen("changes", …)`;
// "news" {kinds, cards} tells everybody else what is to be asked for anew.

import { Hub } from "./live-hub.js";
import { tick, trustClock } from "./timers.js";

const PROTOCOL = 1;
const root = document.getElementById("live");
const link = document.getElementById("link");
const place = document.getElementById("pops");
const key = `callrouter-${PROTOCOL}-${root?.dataset.key}`;

const handlers = new Map();
let hub = () => {}; // sends to it
let lists = null;

/** Calls `handler(data)` for each such event: "changes", "reload", "setup", "news", "stale". */
export function listen(event, handler) {
  handlers.set(event, [...(handlers.get(event) ?? []), handler]);
}

/** This page shows lists, made when notice `after` was the newest. */
export function follow(after) {
  lists = after;
  hub(hello());
}

// The way to the hub

const hello = () => ({ ...look(), type: "hello", lists: lists !== null, after: lists ?? 0 });

function look() {
  return { type: "look", visible: !document.hidden, focused, sounds: canSound() };
}

let focused = document.hasFocus() ? Date.now() : 0;

function begin() {
  if ("SharedWorker" in window) {
    const worker = new SharedWorker("/static/live-worker.js", { type: "module", name: key });
    worker.port.addEventListener("message", ({ data }) => hear(data));
    worker.port.start();
    hub = (message) => worker.port.postMessage(message);
  } else if (navigator.locks && "BroadcastChannel" in window) {
    elect();
  } else {
    const own = new Hub((_tab, message) => queueMicrotask(() => hear(message)));
    hub = (message) => own.hear("own", message);
  }
  hub(hello());
  keepAwake();
}

/** The tab that holds the lock has the hub; when it goes, another one gets both. */
function elect() {
  const own = crypto.randomUUID();
  const channel = new BroadcastChannel(key);
  let mine = null;
  channel.addEventListener("message", ({ data: { to, from, message } }) => {
    if (to === "hub") mine?.hear(from, message);
    else if (to === own || to === "all") hear(message);
    else if (to === "new") hub(hello());
  });
  hub = (message) => {
    if (mine) mine.hear(own, message);
    else channel.postMessage({ to: "hub", from: own, message });
  };
  navigator.locks.request(`${key}-hub`, () => {
    mine = new Hub((tab, message) => {
      if (tab !== own) channel.postMessage({ to: tab ?? "all", message });
      if (tab === own || tab === null) queueMicrotask(() => hear(message));
    });
    hub(hello());
    channel.postMessage({ to: "new" });
    return new Promise(() => {});
  });
}

/** A page that holds a lock is not frozen while it is hidden: its sound has to come. */
function keepAwake() {
  navigator.locks?.request(`${key}-awake`, { mode: "shared" }, () => new Promise(() => {}));
}

function hear(message) {
  if (message.type === "link") showLink(message);
  else if (message.type === "pops") showPops(message);
  else if (message.type === "ring") ring(message.pop);
  else if (message.type === "news") {
    for (const handler of handlers.get(message.event) ?? []) handler(message.data);
    const detail = message.data;
    document.dispatchEvent(new CustomEvent(`callrouter:${message.event}`, { detail }));
  }
}

// Whether calls come in

let state = { link: "on", since: Date.now() };

function showLink({ link: now, since }) {
  state = { link: now, since };
  drawLink();
}

function drawLink() {
  link.classList.toggle("off", state.link !== "on");
  const says = link.lastElementChild;
  const text = { on: link.dataset.on, off: link.dataset.off, out: link.dataset.out }[state.link];
  const seconds = Math.floor((Date.now() - state.since) / 1000);
  const age = state.link === "off" && seconds >= 5 ? ` ${seconds} ${link.dataset.seconds}` : "";
  if (says.textContent !== text) says.textContent = text;
  link.querySelector(".link-age").textContent = age;
}

// Who calls

let pops = [];
const drawn = new WeakMap(); // what HTML each was made of

function showPops({ pops: found, now }) {
  if (now) trustClock(now);
  const here = document.querySelector("[data-pop]")?.dataset.pop; // this page is of that call
  pops = found.filter((one) => one.call !== here);
  const calls = new Set(pops.map((one) => one.call));
  for (const one of [...place.children]) if (!calls.has(one.dataset.call)) one.remove();
  for (const pop of pops) show(pop);
  tick(place);
  drawTitle();
  arrange();
}

function show(pop) {
  const old = [...place.children].find((one) => one.dataset.call === pop.call);
  if (old && drawn.get(old) === pop.html) {
    old.dataset.state = pop.state;
    return;
  }
  const fresh = document.createElement("article");
  fresh.className = "pop";
  fresh.dataset.call = pop.call;
  fresh.dataset.state = pop.state;
  fresh.innerHTML = pop.html; // the server's own, escaped there
  drawn.set(fresh, pop.html);
  if (old) {
    if (!old.contains(document.activeElement)) old.replaceWith(fresh);
  } else place.append(fresh);
}

place?.addEventListener("click", (event) => {
  const pop = event.target.closest(".pop");
  if (pop && event.target.closest("[data-dismiss]")) hub({ type: "dismiss", call: pop.dataset.call });
  if (pop && event.target.closest("[data-fold]")) {
    place.classList.toggle("small");
    arrange();
  }
});

/** Where nothing that is typed in is covered: bottom right, else another corner, else folded. */
function arrange() {
  if (!place) return;
  const folded = place.classList.contains("small");
  place.classList.remove("at-top", "at-left", "tight");
  const field = typedIn();
  if (!field || !pops.length) return;
  for (const classes of [[], ["at-top"], ["at-left"], ["at-top", "at-left"], ["tight"], ["tight", "at-top"]]) {
    place.classList.remove("at-top", "at-left", "tight");
    place.classList.add(...classes);
    if (!covers(field)) break;
  }
  place.classList.toggle("small", folded);
}

function typedIn() {
  const one = document.activeElement;
  const types = "textarea, select, [contenteditable], input:not([type='button'], [type='submit'])";
  return one?.matches(types) && !place.contains(one) ? one : null;
}

function covers(field) {
  const a = field.getBoundingClientRect();
  const b = place.getBoundingClientRect();
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

for (const event of ["focusin", "input"]) document.addEventListener(event, arrange);
for (const event of ["resize", "scroll"]) addEventListener(event, arrange, { passive: true });
window.visualViewport?.addEventListener("resize", arrange);

// The title says it as well

let title = document.title;
let blink = false;

function drawTitle() {
  const ringing = pops.filter((one) => one.state === "ringing");
  blink = ringing.length ? !blink : false;
  const wanted = blink ? `(${ringing.length}) ${ringing[0].said}` : title;
  if (document.title !== wanted) document.title = wanted;
}

// The sound: browsers allow it after the first click on a page

const QUIET = "callrouter-quiet";
let audio = null;

const canSound = () => audio?.state === "running" && !localStorage.getItem(QUIET);

async function wakeSound() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  if (audio?.state === "suspended") await audio.resume().catch(() => {});
  drawBell();
  hub(look());
}

for (const event of ["pointerdown", "keydown"]) {
  document.addEventListener(event, () => audio?.state !== "running" && wakeSound(), { passive: true });
}

/** Two short tones, twice. */
function sound() {
  if (!canSound()) return;
  const begins = audio.currentTime + 0.02;
  for (const [n, pitch] of [660, 880, 660, 880].entries()) {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    const at = begins + n * 0.22 + (n > 1 ? 0.2 : 0);
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.22, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.21);
  }
  root.dataset.sounded = Number(root.dataset.sounded ?? 0) + 1;
}

/** This tab is the one to say it. */
function ring(pop) {
  hub({ type: "rang", call: pop.call });
  sound();
  if (document.hasFocus() || !("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const note = new Notification(pop.title, { body: pop.said, tag: pop.call, icon: "/static/icon.svg" });
    note.addEventListener("click", () => {
      window.focus();
      location.href = pop.url;
    });
    shown.set(pop.call, note);
    root.dataset.notified = Number(root.dataset.notified ?? 0) + 1;
  } catch {
    // a phone's browser shows notifications only from a service worker
  }
}

const shown = new Map();

function withdraw() {
  for (const [call, note] of shown) {
    if (pops.some((one) => one.call === call && one.state === "ringing")) continue;
    note.close();
    shown.delete(call);
  }
}

// The bell: what is on, and how to turn it

const bell = document.getElementById("bell");

function drawBell() {
  if (!bell) return;
  const quiet = Boolean(localStorage.getItem(QUIET));
  const sounds = quiet ? "off" : audio?.state === "running" ? "on" : "waits";
  const may = "Notification" in window ? Notification.permission : "none";
  for (const one of bell.querySelectorAll("[data-when]")) {
    one.hidden = !one.dataset.when.split(" ").some((word) => word === `sound-${sounds}` || word === `may-${may}`);
  }
  bell.classList.toggle("silent", sounds !== "on");
}

bell?.addEventListener("click", async (event) => {
  const act = event.target.closest("button")?.dataset.act;
  if (act === "sound-off") localStorage.setItem(QUIET, "1");
  if (act === "sound-on") localStorage.removeItem(QUIET);
  if (act === "sound-on" || act === "try") {
    await wakeSound();
    sound();
  }
  if (act === "allow") await Notification.requestPermission();
  drawBell();
  hub(look());
});

addEventListener("storage", (event) => event.key === QUIET && (drawBell(), hub(look())));

// One menu at a time

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// What the tab is doing

if (root) {
  begin();
  drawBell();
  setInterval(() => {
    if (state.link === "off") drawLink();
    if (pops.length) {
      tick(place);
      drawTitle();
    }
    withdraw();
  }, 1000);
  setInterval(() => hub({ type: "here" }), 30_000);
  addEventListener("focus", () => {
    focused = Date.now();
    hub(look());
  });
  document.addEventListener("visibilitychange", () => hub(look()));
  addEventListener("pagehide", () => hub({ type: "bye" }));
  addEventListener("pageshow", (event) => event.persisted && hub(hello()));
  addEventListener("offline", () => hub({ type: "line", on: false }));
  addEventListener("online", () => hub({ type: "line", on: true }));
}
