// The manager's day: small forms are sent without leaving the page, which is then drawn anew.

import { quiet } from "./quiet.js";
import { redraw } from "./redraw.js";

document.documentElement.classList.add("by-script");

const day = document.getElementById("day");

quiet(refresh);

/** Draws the day as the server has it now; what is typed and opened stays. */
async function refresh() {
  document.dispatchEvent(new CustomEvent("tasks-changed"));
  if (!day) return location.reload();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = fresh.getElementById("day");
    if (part) redraw(day, part.innerHTML);
  } catch {
    // the next look will show it
  }
}

// A choice of a person or a day is followed at once

document.addEventListener("change", (event) => {
  if (event.target.dataset.atOnce !== undefined) event.target.form.submit();
});

// What comes due while the page is open moves up by itself

if (day) {
  setInterval(() => document.hidden || refresh(), 60_000);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}
