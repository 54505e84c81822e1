// The list of the demo's letters follows what comes in. Who reads in it keeps his place.

import { redraw } from "./redraw.js";

const EVERY_MS = 5_000;
const main = document.getElementById("main");

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.pathname);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    redraw(main, page.getElementById("main").innerHTML);
  } catch {
    // the next look will do
  }
}

setInterval(look, EVERY_MS);
