// "Calls now": puts what the server pushes into the page. The server renders and escapes all HTML.

import { fragment, redraw, redrawOne } from "./redraw.js";
import { tick, trustClock } from "./timers.js";

const MOST_OVER = 60;

const screen = document.getElementById("screen");
const open = document.getElementById("open");
const over = document.getElementById("over");
const parts = { team: document.getElementById("team"), owed: document.getElementById("owed") };
const link = document.getElementById("link");
const said = document.getElementById("said");
const dialSaid = document.getElementById("dial-said");

let mine = screen.dataset.mine; // the last call dialled here, and all of them
const own = new Set([mine]);

// Rows

function show({ id, html }) {
  const fresh = fragment(html).firstElementChild;
  const row = document.getElementById(`call-${id}`) ?? fresh;
  const place = fresh.dataset.open === "1" ? open : over;
  if (row === fresh || row.dataset.state !== fresh.dataset.state) announce(fresh);
  if (row !== fresh) redrawOne(row, fresh);
  if (row.parentElement !== place) settle(row, place);
  const why = row.querySelector("details[open]");
  if (why) explain(why);
  find(row);
}

/** Puts a row where it belongs; who stood on it goes with it. */
function settle(row, place) {
  const held = row.contains(document.activeElement) ? document.activeElement : null;
  insert(place, row);
  held?.focus({ preventScroll: true });
  row.classList.add("fresh");
}

/** Newest first. */
function insert(place, row) {
  const later = [...place.children].find((one) => Number(one.dataset.at) <= Number(row.dataset.at));
  place.insertBefore(row, later ?? null);
}

function count() {
  document.getElementById("open-count").textContent = open.children.length;
  while (over.children.length > MOST_OVER) over.lastElementChild.remove();
  document.getElementById("over-list").hidden = over.children.length === 0;
}

function announce(row) {
  const line = document.createElement("p");
  line.textContent = row.dataset.said;
  said.append(line);
  while (said.children.length > 5) said.firstElementChild.remove();
}

// What is opened: the whole why of a row is fetched, a menu is brought into view

async function explain(details) {
  try {
    const answer = await fetch(details.dataset.why, { headers: { Accept: "text/html" } });
    if (answer.ok) details.querySelector(".why-whole").innerHTML = await answer.text();
  } catch {
    // the link to the call's own page stays
  }
}

document.addEventListener(
  "toggle",
  (event) => {
    const details = event.target;
    if (!details.open) return;
    if (details.matches("[data-why]")) explain(details);
    if (details.matches(".menu")) details.querySelector(".sheet").scrollIntoView({ block: "nearest" });
  },
  true,
);

// A call of one's own

if (matchMedia("(max-width: 640px)").matches) document.getElementById("dial-own")?.removeAttribute("open");

for (const form of document.querySelectorAll("form[action='/call-yourself']")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dial(new URLSearchParams(new FormData(form, event.submitter)), event.submitter);
  });
}

async function dial(fields, button) {
  button.disabled = true;
  try {
    const answer = await fetch("/call-yourself", {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) throw new Error(answer.statusText);
    mine = (await answer.json()).call;
    own.add(mine);
    dialSaid.textContent = dialSaid.dataset.dialled;
    [...document.querySelectorAll(".call")].forEach(find);
  } catch {
    dialSaid.textContent = dialSaid.dataset.failed;
  } finally {
    button.disabled = false;
  }
}

let found = "";

/** Highlights the call that was dialled here, and brings it into view when it first appears. */
function find(row) {
  const ref = row.dataset.ref;
  if (!ref || !own.has(ref)) return;
  label(row);
  row.classList.toggle("mine", ref === mine);
  if (ref !== mine || found === mine) return;
  found = mine;
  if (dialSaid) dialSaid.textContent = "";
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  row.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "center" });
  row.focus({ preventScroll: true });
}

function label(row) {
  if (row.querySelector(".tag.own")) return;
  const tag = document.createElement("span");
  tag.className = "tag own";
  tag.textContent = screen.dataset.own;
  row.querySelector("h3").after(tag);
}

// The stream

function connect() {
  const stream = new EventSource(`/events?after=${screen.dataset.last}`);
  stream.addEventListener("open", () => online(true));
  stream.addEventListener("error", () => {
    online(false);
    // The browser comes back by itself, except when it was refused: then it is not let in any more.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  stream.addEventListener("changes", (event) => change(JSON.parse(event.data)));
  stream.addEventListener("reload", () => location.reload());
  stream.addEventListener("setup", () => screen.dataset.empty && location.reload());
}

function change({ calls, now, ...html }) {
  trustClock(now);
  if (screen.dataset.empty && calls.length) begin();
  calls.sort((one, other) => (one.id < other.id ? -1 : 1)).forEach(show);
  count();
  for (const [name, part] of Object.entries(parts)) {
    if (html[name] !== undefined && part) redraw(part, html[name]);
  }
  tick();
}

// Small forms in the parts that are pushed: sent without leaving the page

const sending = new WeakSet();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.quiet === undefined) return;
  event.preventDefault();
  if (sending.has(form)) return;
  sending.add(form);
  const refused = await send(form, new URLSearchParams(new FormData(form, event.submitter)));
  sending.delete(form);
  form.querySelector(".form-said").textContent = refused;
  if (!refused) done(form);
});

/** Sends a form; gives what was said against it, "" for nothing. */
async function send(form, fields) {
  try {
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json" },
    });
    if (answer.status === 401) location.reload(); // the visit is over: the page says what to do
    return answer.ok ? "" : ((await answer.json()).says ?? screen.dataset.refused);
  } catch {
    return screen.dataset.refused;
  }
}

function done(form) {
  form.reset();
  const menu = form.closest("details.menu");
  if (!menu?.open) return;
  const held = menu.contains(document.activeElement);
  menu.open = false;
  if (held) menu.querySelector("summary").focus();
}

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

/** The first call of all: the way to it has been gone. */
function begin() {
  delete screen.dataset.empty;
  document.querySelector(".way")?.remove();
  document.getElementById("open-list").hidden = false;
  document.getElementById("owed").hidden = false;
}

function online(yes) {
  link.classList.toggle("off", !yes);
  link.lastElementChild.textContent = yes ? link.dataset.on : link.dataset.off;
}

document.querySelectorAll(".call").forEach(find);
connect();
