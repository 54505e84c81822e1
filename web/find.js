// The search box of every page: `/` leads to it, what is typed is looked for at once. The server
// renders and escapes all HTML.

import { fragment } from "./redraw.js";

const PAUSE_MS = 120; // after the last letter

const box = document.getElementById("find");
const list = document.getElementById("find-list");

let asked = null; // the request on its way
let waiting = 0;
let shown = ""; // what the list answers

const hits = () => [...list.querySelectorAll("a[role='option']")];
const chosen = () => list.querySelector("[aria-selected='true']");

function open(yes) {
  list.hidden = !yes;
  box.setAttribute("aria-expanded", String(yes));
  if (!yes) choose(null);
}

function choose(hit) {
  chosen()?.removeAttribute("aria-selected");
  if (hit) {
    hit.setAttribute("aria-selected", "true");
    hit.scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", hit.id);
  } else {
    box.removeAttribute("aria-activedescendant");
  }
}

async function look() {
  const typed = box.value.trim();
  asked?.abort();
  if (!typed) {
    shown = "";
    open(false);
    return;
  }
  asked = new AbortController();
  try {
    const answer = await fetch(`/search/found?q=${encodeURIComponent(typed)}`, {
      headers: { Accept: "text/html" },
      signal: asked.signal,
    });
    if (answer.status === 401) location.reload(); // the visit is over: the page says what to do
    if (!answer.ok) return;
    list.replaceChildren(fragment(await answer.text()));
    shown = typed;
    if (document.activeElement === box) open(true);
    choose(null);
  } catch {
    // typed on, or no connection: Enter still asks the page
  }
}

box?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, PAUSE_MS);
});

box?.addEventListener("focus", () => {
  if (box.value.trim() && box.value.trim() === shown) open(true);
  else if (box.value.trim()) look();
});

box?.addEventListener("blur", () => open(false));

// A click must not take the focus first, or the list is gone before it is a click.
list?.addEventListener("mousedown", (event) => event.preventDefault());

box?.addEventListener("keydown", (event) => {
  const all = hits();
  const at = all.indexOf(chosen());
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (list.hidden) return void look();
    const next = event.key === "ArrowDown" ? at + 1 : at < 0 ? all.length - 1 : at - 1;
    choose(all[next] ?? null);
  } else if (event.key === "Enter" && at >= 0 && !list.hidden) {
    event.preventDefault();
    location.assign(all[at].href);
  } else if (event.key === "Escape") {
    event.preventDefault();
    if (!list.hidden) open(false);
    else box.blur();
  }
});

// `/` from anywhere, except where somebody types

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !box) return;
  const at = event.target;
  if (at.isContentEditable || at.closest?.("input, textarea, select, dialog[open]")) return;
  event.preventDefault();
  box.focus();
  box.select();
});

// On a narrow screen the menu is scrolled to where one is

document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
