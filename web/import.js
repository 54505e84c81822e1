// Imports: while something is being worked on, the page asks for it every second and a half.

import { redraw } from "./redraw.js";

const PAUSE_MS = 1500;

const part = document.getElementById("import-part");

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(part.dataset.news, { headers: { Accept: "application/json" } });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) return;
    const said = await answer.json();
    if (said.moving === false && part.hasAttribute("data-reload")) return location.reload();
    redraw(part, said.html);
  } catch {
    // the server is away for a moment: it is asked again
  }
}

if (part?.hasAttribute("data-moving")) setInterval(look, PAUSE_MS);
