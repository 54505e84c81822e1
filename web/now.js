// "Calls now": puts what the server pushes into the page. The server renders and escapes all HTML.

import { tick, trustClock } from "./timers.js";

const MOST_OVER = 60;

const screen = document.getElementById("screen");
const open = document.getElementById("open");
const over = document.getElementById("over");
const team = document.getElementById("team");
const link = document.getElementById("link");
const said = document.getElementById("said");
const dialSaid = document.getElementById("dial-said");

let mine = screen.dataset.mine; // the last call dialled here, and all of them
const own = new Set([mine]);

// Rows

function fragment(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content.firstElementChild;
}

function show({ id, html }) {
  const row = fragment(html);
  const old = document.getElementById(`call-${id}`);
  if (!old || old.dataset.state !== row.dataset.state) announce(row);
  if (old) keepOpen(old, row);
  const rowHeld = old !== null && old === document.activeElement;
  const focused = old?.contains(document.activeElement);
  const place = row.dataset.open === "1" ? open : over;
  if (old?.parentElement === place) {
    old.replaceWith(row);
  } else {
    old?.remove();
    insert(place, row);
    row.classList.add("fresh");
  }
  if (focused) (rowHeld ? row : row.querySelector("summary"))?.focus({ preventScroll: true });
  find(row);
}

/** Newest first. */
function insert(place, row) {
  const later = [...place.children].find((one) => Number(one.dataset.at) <= Number(row.dataset.at));
  place.insertBefore(row, later ?? null);
}

function keepOpen(old, row) {
  const [before, after] = [old.querySelector("details"), row.querySelector("details")];
  if (!before?.open || !after) return;
  after.open = true;
  after.querySelector(".why-whole").innerHTML = before.querySelector(".why-whole").innerHTML;
  explain(after);
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

// The whole why of a row, fetched when it is opened

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
    if (event.target.matches?.("details[data-why]") && event.target.open) explain(event.target);
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

function change({ calls, team: html, now }) {
  trustClock(now);
  if (screen.dataset.empty && calls.length) begin();
  calls.sort((one, other) => (one.id < other.id ? -1 : 1)).forEach(show);
  count();
  if (html && team) team.innerHTML = html;
  tick();
}

/** The first call of all: the way to it has been gone. */
function begin() {
  delete screen.dataset.empty;
  document.querySelector(".way")?.remove();
  document.getElementById("open-list").hidden = false;
}

function online(yes) {
  link.classList.toggle("off", !yes);
  link.lastElementChild.textContent = yes ? link.dataset.on : link.dataset.off;
}

document.querySelectorAll(".call").forEach(find);
connect();
