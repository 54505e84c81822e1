// The wall: what the server tells is news, the page asks for what is shown anew; the server renders
// and escapes it. Shifts begin and end without any news, so it asks now and then by itself, too.

import { follow, listen } from "./live.js";
import { redraw } from "./redraw.js";
import { tick, trustClock } from "./timers.js";

const GAP_MS = 2_000; // between two asks, however much happens
const REST_MS = 30_000; // and when nothing does

const part = document.getElementById("wall");
let asked = Date.now();
let next = null;
let rest = null;
let busy = false;

function soon() {
  next ??= setTimeout(ask, Math.max(0, asked + GAP_MS - Date.now()));
}

async function ask() {
  next = null;
  if (busy) return soon();
  busy = true;
  asked = Date.now();
  try {
    const answer = await fetch("/wall/part", { headers: { Accept: "text/html" } });
    if (answer.ok) draw(await answer.text());
    else if (answer.status === 401) location.reload();
  } catch {
    // the connection is lost, which the top of the page says; it is asked again
  }
  busy = false;
  clearTimeout(rest);
  rest = setTimeout(soon, REST_MS);
}

function draw(html) {
  redraw(part, html);
  trustClock(Number(part.querySelector("[data-now]").dataset.now));
  tick(part);
}

for (const event of ["changes", "news", "reload", "setup", "stale"]) listen(event, soon);
document.addEventListener("visibilitychange", () => document.hidden || soon());
addEventListener("online", soon);
rest = setTimeout(soon, REST_MS);
follow(Number(document.getElementById("screen").dataset.last));
