// "Calls now": puts what the server pushes into the page. The server renders and escapes all HTML.

import { follow, listen } from "./live.js";
import { quiet } from "./quiet.js";
import { fragment, redraw, redrawOne } from "./redraw.js";
import { tick, trustClock } from "./timers.js";

const MOST_OVER = 60;

const screen = document.getElementById("screen");
const open = document.getElementById("open");
const over = document.getElementById("over");
const parts = { team: document.getElementById("team"), owed: document.getElementById("owed") };
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

quiet(); // what they change comes by itself

// What comes

listen("changes", change);
listen("reload", () => location.reload());
listen("setup", () => screen.dataset.empty && location.reload());
listen("stale", refresh);

function change({ calls, now, gone = [], ...html }) {
  trustClock(now);
  if (screen.dataset.empty && calls.length) begin();
  for (const id of gone) document.getElementById(`call-${id}`)?.remove(); // another's by now
  calls.sort((one, other) => (one.id < other.id ? -1 : 1)).forEach(show);
  count();
  for (const [name, part] of Object.entries(parts)) {
    if (html[name] !== undefined && part) redraw(part, html[name]);
  }
  tick();
}

/** Where no stream comes through, the page is asked for anew when there is news. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const calls = [...fresh.querySelectorAll(".call")];
  const html = {};
  for (const name of Object.keys(parts)) html[name] = fresh.getElementById(name)?.innerHTML;
  change({
    calls: calls.map((one) => ({ id: one.dataset.id, html: one.outerHTML })),
    now: Number(fresh.getElementById("screen").dataset.now),
    ...html,
  });
}

/** The first call of all: the way to it has been gone. */
function begin() {
  delete screen.dataset.empty;
  document.querySelector(".way")?.remove();
  document.getElementById("open-list").hidden = false;
  document.getElementById("owed").hidden = false;
}

document.querySelectorAll(".call").forEach(find);
follow(Number(screen.dataset.last));
