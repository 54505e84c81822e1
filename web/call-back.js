// "To call back": kept as it is now, and its small forms are sent without leaving the page.

import { oneByOne } from "./again.js";
import { quiet } from "./quiet.js";
import { redraw } from "./redraw.js";
import { tick } from "./timers.js";

const part = document.getElementById("owing");

const refresh = oneByOne(async () => {
  const answer = await fetch(part.dataset.list, { headers: { Accept: "text/html" } });
  if (answer.ok) redraw(part, await answer.text());
  tick();
});

quiet(refresh);

document.addEventListener("callrouter:news", ({ detail }) => {
  if (detail.kinds?.includes("obligation")) refresh();
});
setInterval(refresh, 60_000); // terms pass by themselves

// One menu at a time

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("#owing details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
