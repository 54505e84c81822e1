// A replay under way: drawn anew until it is over. Without this script its page says how to look.

import { redraw } from "./redraw.js";

const EVERY_MS = 2000;
const part = document.getElementById("replay");

if (part?.dataset.open === "1") setTimeout(look, EVERY_MS);

async function look() {
  if (!document.hidden) await drawn();
  if (part.dataset.open === "1") setTimeout(look, EVERY_MS);
}

async function drawn() {
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("replay");
    if (!fresh) return;
    redraw(part, fresh.innerHTML);
    part.dataset.open = fresh.dataset.open;
  } catch {
    // the next look will show it
  }
}
