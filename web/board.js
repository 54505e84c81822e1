// The board: deals are dragged, lifted by keyboard or moved by a small form; the server decides, and
// what it refuses goes back with the reason beside it.

import Sortable from "./vendor/sortable.js";
import { oneByOne } from "./again.js";
import { fragment, redraw, redrawOne } from "./redraw.js";
import { serverNow, timer, trustClock } from "./timers.js";

const LOOK_MS = 20_000;
const MOST_TILES = 500;

const board = document.getElementById("board");
const said = document.getElementById("said");
const dialog = document.getElementById("move");
const leaving = document.getElementById("leaving");
const filters = document.getElementById("filters");
const together = document.getElementById("together");
const choose = document.getElementById("choose");
const JSON_WANTED = { Accept: "application/json" };

board.classList.add("scripted");
trustClock(Number(board.dataset.now));

const columnOf = (element) => element.closest(".column");
const listOf = (status) => document.querySelector(`.tiles[data-status="${CSS.escape(status)}"]`);
const tileOf = (element) => element?.closest?.(".tile");
const nameOf = (status) => listOf(status)?.closest(".column").dataset.name ?? status;
const openOf = (tile) => tile.querySelector(".tile-open");

function announce(text) {
  said.textContent = text;
}

function words(key, values) {
  return Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), board.dataset[key]);
}

async function ask(address, fields) {
  const answer = await fetch(address, { method: fields ? "POST" : "GET", body: fields, headers: JSON_WANTED });
  const type = answer.headers.get("Content-Type") ?? "";
  const body = type.startsWith("application/json") ? await answer.json() : {};
  return { ok: answer.ok, body };
}

// A deal goes somewhere. It lies there already; until the server has said yes it only seems so.

/** Where a deal came from, to put it back exactly there. */
function placeOf(tile) {
  return { list: tile.parentElement, next: tile.nextElementSibling };
}

async function attempt(tile, from, to) {
  const status = to.dataset.status;
  note(tile, ""); // what was said of the time before
  if (columnOf(to).hasAttribute("data-asks")) {
    openForm(tile.dataset.key, status, { tile, from });
    return;
  }
  const fields = new URLSearchParams({ to: status, version: tile.dataset.version });
  tile.classList.add("held");
  try {
    const { ok, body } = await ask(`/cards/${tile.dataset.key}/move`, fields);
    if (ok) arrived(tile, body);
    else if (body.asks) showForm(body.form, { tile, from });
    else refused(tile, from, body);
  } catch {
    refused(tile, from, {});
  } finally {
    tile.classList.remove("held");
  }
}

function arrived(tile, body) {
  const status = body.status;
  const list = listOf(status);
  const number = tile.dataset.number;
  if (columnOf(list).classList.contains("folded")) tile.remove();
  else {
    if (tile.parentElement !== list) list.prepend(tile);
    if (body.tile) replace(tile, body.tile);
  }
  announce([words("dropped", { number, status: nameOf(status) }), body.says].filter(Boolean).join(" "));
  if (body.says) note(document.getElementById(`tile-${tile.dataset.key}`), body.says);
  look();
}

/** Puts a deal back where it was, and says beside it why. */
function refused(tile, from, body) {
  let list = from.list;
  if (body.status && body.status !== list.dataset.status) list = listOf(body.status) ?? list;
  const next = from.next?.parentElement === list ? from.next : list === from.list ? null : list.firstElementChild;
  const held = tile.contains(document.activeElement);
  list.insertBefore(tile, next);
  if (held) openOf(tile).focus({ preventScroll: true });
  const shown = body.tile ? replace(tile, body.tile) : tile;
  const says = body.says || board.dataset.failed;
  note(shown, says);
  shown.classList.add("back");
  setTimeout(() => shown.classList.remove("back"), 600);
  shown.scrollIntoView({ block: "nearest", inline: "nearest" });
  announce(`${words("returned", { number: shown.dataset.number, status: nameOf(list.dataset.status) })} ${says}`);
  look();
}

function replace(tile, html) {
  const fresh = fragment(html).querySelector(".tile");
  if (fresh) redrawOne(tile, fresh);
  return tile;
}

function note(tile, says) {
  const place = tile?.querySelector(".tile-said");
  if (!place) return;
  place.textContent = says;
  place.hidden = !says;
}

// Dragging

let dragging = false;

for (const list of document.querySelectorAll(".tiles")) {
  if (!together) break; // who only looks moves nothing
  Sortable.create(list, {
    group: "board",
    sort: false,
    draggable: ".tile",
    filter: ".tick, .tile-move, button, input",
    preventOnFilter: false,
    forceFallback: true,
    fallbackOnBody: true,
    fallbackTolerance: 5,
    delay: 220,
    delayOnTouchOnly: true,
    touchStartThreshold: 6,
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 130,
    scroll: true,
    onStart({ item }) {
      dragging = true;
      putDown(false);
      item.dragFrom = placeOf(item);
    },
    onMove({ to }) {
      mark(columnOf(to));
    },
    onEnd({ item, from, to }) {
      dragging = false;
      mark(null);
      // The browser clicks what was under the pointer: that must not open the deal.
      item.addEventListener("click", stop, { capture: true, once: true });
      setTimeout(() => item.removeEventListener("click", stop, { capture: true }), 50);
      if (from === to) return;
      attempt(item, item.dragFrom, to);
    },
  });
}

function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}

function mark(column) {
  for (const one of document.querySelectorAll(".column.target")) if (one !== column) one.classList.remove("target");
  column?.classList.add("target");
}

// By keyboard: Space lifts, arrows move, Enter puts down, Escape puts back; without a lifted deal
// arrows go from deal to deal.

let lifted = null; // { tile, from }

board.addEventListener("keydown", (event) => {
  const tile = event.target.matches(".tile-open") ? tileOf(event.target) : null;
  if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
  if (event.key === " " && together) {
    event.preventDefault();
    if (lifted) putDown(true);
    else lift(tile);
  } else if (lifted && event.key === "Enter") {
    event.preventDefault();
    putDown(true);
  } else if (lifted && event.key === "Escape") {
    event.preventDefault();
    putDown(false);
  } else if (lifted && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    event.preventDefault();
    carry(steps[event.key]);
  } else if (!lifted && event.key in steps) {
    event.preventDefault();
    if (event.key === "ArrowUp" || event.key === "ArrowDown") beside(tile, steps[event.key]);
    else across(tile, steps[event.key]);
  } else if ((event.key === "x" || event.key === "ч") && together) {
    choosing(true);
    toggle(tile);
  }
});

board.addEventListener("focusout", ({ relatedTarget }) => {
  if (lifted && relatedTarget && !lifted.tile.contains(relatedTarget)) putDown(false);
});

function lift(tile) {
  lifted = { tile, from: placeOf(tile) };
  tile.classList.add("lifted");
  mark(columnOf(tile));
  announce(board.dataset.lifted);
}

function carry(step) {
  const lists = [...document.querySelectorAll(".tiles")];
  const next = lists[lists.indexOf(lifted.tile.parentElement) + step];
  if (!next) return;
  const { tile, from } = lifted;
  lifted = null; // moving it takes the focus away for a moment
  if (next === from.list) next.insertBefore(tile, from.next);
  else next.prepend(tile);
  openOf(tile).focus({ preventScroll: true });
  lifted = { tile, from };
  mark(columnOf(next));
  columnOf(next).scrollIntoView({ block: "nearest", inline: "nearest" });
  announce(words("over", { status: nameOf(next.dataset.status) }));
}

function putDown(stays) {
  if (!lifted) return;
  const { tile, from } = lifted;
  lifted = null;
  tile.classList.remove("lifted");
  mark(null);
  const to = tile.parentElement;
  if (to === from.list) return;
  if (stays) {
    attempt(tile, from, to);
    return;
  }
  from.list.insertBefore(tile, from.next);
  openOf(tile).focus({ preventScroll: true });
  announce(words("returned", { number: tile.dataset.number, status: nameOf(from.list.dataset.status) }));
}

function beside(tile, step) {
  let next = tile;
  do next = step > 0 ? next.nextElementSibling : next.previousElementSibling;
  while (next && !next.matches(".tile"));
  if (next) openOf(next).focus();
}

function across(tile, step) {
  const lists = [...document.querySelectorAll(".column:not(.folded) .tiles")].filter((one) => one.querySelector(".tile"));
  const next = lists[lists.indexOf(tile.parentElement) + step];
  if (next) openOf(next.querySelector(".tile")).focus();
}

// The small form

let asked = null; // { tile, from } of the deal that waits for it

async function openForm(card, status, whose = null, more = {}) {
  const query = new URLSearchParams({ part: "1", back: board.dataset.back, ...more });
  if (status) query.set("to", status);
  if (whose) query.set("version", whose.tile.dataset.version);
  try {
    const answer = await fetch(`/cards/${card}/move?${query}`, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    showForm(await answer.text(), whose);
  } catch {
    if (whose) refused(whose.tile, whose.from, {});
    else announce(board.dataset.failed);
  }
}

function showForm(html, whose) {
  asked = whose;
  draw(html);
  if (!dialog.open) dialog.showModal();
  const first = dialog.querySelector("[aria-invalid], button.primary, .move-ways a");
  first?.focus();
}

/** The same form again keeps what is typed in it; the server has it, too. */
function draw(html) {
  dialog.replaceChildren(fragment(html));
  for (const one of dialog.querySelectorAll("[data-meant]")) one.hidden = false;
  listen(dialog.querySelector("form"));
}

function listen(form) {
  form.elements.letter?.addEventListener("change", () => {
    const { to, letter, new_email: typed } = form.elements;
    openForm(form.dataset.card, to.value, asked, { letter: letter.value }).then(() => {
      const place = dialog.querySelector("[name='new_email']");
      if (place && typed) place.value = typed.value;
    });
  });
  const typed = form.elements.new_email;
  typed?.addEventListener("input", () => {
    const other = form.querySelector("input[name='email'][value='new']");
    if (other && typed.value) other.checked = true;
    clearTimeout(typed.timer);
    typed.timer = setTimeout(() => hint(form, typed), 350);
  });
}

async function hint(form, typed) {
  const place = form.querySelector("#email-said");
  const query = new URLSearchParams({ email: typed.value });
  const { ok, body } = await ask(`/cards/${form.dataset.card}/move/hint?${query}`);
  if (!ok) return;
  typed.removeAttribute("aria-invalid");
  place.replaceChildren();
  if (!body.meant) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.dataset.meant = body.meant;
  button.textContent = form.querySelector("[data-correct]").content.textContent;
  place.append(form.querySelector("[data-hint]").content.textContent.replace("{email}", body.meant), " ", button);
}

dialog.addEventListener("click", (event) => {
  const link = event.target.closest("a, button");
  if (!link) return;
  if (link.matches("[data-close]")) {
    event.preventDefault();
    dialog.close();
  } else if (link.matches("[data-to]")) {
    event.preventDefault();
    const card = dialog.querySelector("form").dataset.card;
    openForm(card, link.dataset.to);
  } else if (link.matches("[data-meant]")) {
    const form = link.closest("form");
    form.elements.new_email.value = link.dataset.meant;
    form.querySelector("#email-said").replaceChildren();
    form.elements.new_email.focus();
  } else if (link.matches("[data-preview]")) {
    event.preventDefault();
    preview(link);
  }
});

async function preview(link) {
  const form = link.closest("form");
  const place = form.querySelector(".move-preview");
  const address = new URL(link.href);
  const chosen = new FormData(form);
  for (const name of ["letter", "email"]) {
    if (chosen.get(name) && chosen.get(name) !== "new") address.searchParams.set(name, chosen.get(name));
  }
  address.searchParams.set("part", "1");
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    place.replaceChildren(fragment(await answer.text()));
    place.hidden = false;
    place.scrollIntoView({ block: "nearest" });
  } catch {
    place.textContent = board.dataset.failed;
    place.hidden = false;
  } finally {
    link.removeAttribute("aria-busy");
  }
}

dialog.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const buttons = form.querySelectorAll(".move-end button");
  for (const one of buttons) one.disabled = true;
  try {
    const { ok, body } = await ask(form.getAttribute("action"), fields);
    if (ok) {
      const whose = asked;
      const tile = whose?.tile ?? document.getElementById(`tile-${form.dataset.card}`);
      asked = null;
      dialog.close();
      if (tile) arrived(tile, body);
      else look();
      openOf(document.getElementById(`tile-${form.dataset.card}`) ?? document)?.focus({ preventScroll: true });
    } else if (body.form) {
      draw(body.form);
      announce(body.says);
      dialog.querySelector("[aria-invalid], [data-meant], button.primary")?.focus();
    } else throw new Error(body.says);
  } catch (error) {
    announce(error.message || board.dataset.failed);
    for (const one of buttons) one.disabled = false;
  }
});

/** Closed without a move: what was dragged goes back. */
dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  if (!asked) return;
  const { tile, from } = asked;
  asked = null;
  from.list.insertBefore(tile, from.next?.parentElement === from.list ? from.next : null);
  openOf(tile).focus({ preventScroll: true });
  announce(words("returned", { number: tile.dataset.number, status: nameOf(from.list.dataset.status) }));
  look(); // it may belong elsewhere by now
});

board.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const tile = tileOf(event.target);
  if (link?.matches(".tile-move")) {
    event.preventDefault();
    openForm(tile.dataset.key, "");
  } else if (link?.matches("[data-more]")) {
    event.preventDefault();
    fetchMore(link.closest(".more"));
  } else if (link?.matches(".fold")) {
    event.preventDefault();
    fold(columnOf(link), link);
  } else if (link?.matches("[data-tab]")) {
    event.preventDefault();
    const column = document.getElementById(`col-${link.dataset.tab}`);
    const fresh = column.classList.contains("folded") ? fold(column, column.querySelector(".fold")) : null;
    Promise.resolve(fresh).then(() => column.scrollIntoView({ inline: "center", block: "nearest", behavior: "smooth" }));
  } else if (tile && together && !event.target.matches(".tick") && (event.ctrlKey || event.metaKey || (chosen() && !link))) {
    event.preventDefault();
    choosing(true);
    toggle(tile);
  }
});

/** A closed status is a strip; unfolded it is read. Its address says so, for a reload. */
function fold(column, link) {
  const address = new URL(link.href);
  const names = new URLSearchParams(location.search).getAll("open");
  if (names.includes(column.dataset.status) || !column.classList.contains("folded")) {
    location.href = withOpen(names.filter((one) => one !== column.dataset.status));
    return null;
  }
  history.replaceState(null, "", withOpen([...names, column.dataset.status]));
  board.dataset.back = location.pathname + location.search;
  column.classList.remove("folded");
  address.search = "";
  return refresh(column);
}

function withOpen(names) {
  const query = new URLSearchParams(board.dataset.query);
  for (const one of names) query.append("open", one);
  return `/board?${query}`;
}

// What is further down comes as one scrolls there

const watcher = new IntersectionObserver(
  (entries) => {
    for (const one of entries) if (one.isIntersecting) fetchMore(one.target);
  },
  { rootMargin: "600px" },
);

function watch(root = board) {
  for (const one of root.querySelectorAll(".more")) watcher.observe(one);
}

async function fetchMore(sentinel) {
  if (sentinel.busy) return;
  sentinel.busy = true;
  try {
    const answer = await fetch(sentinel.querySelector("a").href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const list = sentinel.parentElement;
    const fresh = fragment(await answer.text());
    for (const one of fresh.querySelectorAll(".tile")) {
      if (document.getElementById(one.id)) one.remove(); // it moved here meanwhile
    }
    sentinel.replaceWith(fresh);
    watch(list);
    tick();
  } catch {
    sentinel.busy = false; // the link stays
  }
}

watch();

// What others do: the heads are asked for now and then, and whenever somebody says that a card
// changed; a column whose head changed is read again.

const look = oneByOne(async () => {
  const { ok, body } = await ask(`/board/heads?${board.dataset.query}`);
  if (ok) await showHeads(body);
});

async function showHeads({ now, columns, leaving: letters }) {
  trustClock(now);
  redraw(leaving, letters);
  for (const { key, count, amount, stamp } of columns) {
    const column = document.getElementById(`col-${key}`);
    if (!column) continue;
    for (const one of document.querySelectorAll(`[data-count="${CSS.escape(key)}"]`)) one.textContent = count;
    document.querySelector(`[data-sum="${CSS.escape(key)}"]`).textContent = amount;
    if (column.dataset.stamp === stamp || dragging || lifted || dialog.open) continue;
    column.dataset.stamp = stamp;
    if (!column.classList.contains("folded")) await refresh(column);
  }
  tick();
}

async function refresh(column) {
  const list = column.querySelector(".tiles");
  const many = Math.min(MOST_TILES, Math.max(50, list.querySelectorAll(".tile").length));
  const query = new URLSearchParams(board.dataset.query);
  query.set("status", column.dataset.status);
  query.set("limit", String(many));
  const answer = await fetch(`/board/column?${query}`, { headers: { Accept: "text/html" } });
  if (!answer.ok || dragging || lifted || dialog.open) return;
  const html = await answer.text();
  const notes = new Map([...list.querySelectorAll(".tile-said:not([hidden])")].map((one) => [tileOf(one).id, one.textContent]));
  const ticked = [...list.querySelectorAll(".tick:checked")].map((one) => one.value);
  redraw(list, html);
  for (const [id, text] of notes) note(document.getElementById(id), text);
  for (const one of list.querySelectorAll(".tick")) one.checked = ticked.includes(one.value);
  watch(list);
}

setInterval(() => {
  if (!document.hidden) look();
}, LOOK_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
let told = 0;
document.addEventListener("callrouter:card", () => {
  clearTimeout(told);
  told = setTimeout(look, 400);
});

// Countdowns of letters

function tick() {
  for (const one of board.querySelectorAll("time[data-until]")) {
    const left = Number(one.dataset.until) - serverNow();
    const text = timer(Math.max(0, left + 999));
    if (one.textContent !== text) one.textContent = text;
  }
  for (const one of leaving.querySelectorAll("li[data-until]")) {
    if (Number(one.dataset.until) > serverNow()) continue;
    one.remove();
    announce(board.dataset.leaving);
    setTimeout(look, 1500);
  }
}

tick();
setInterval(tick, 1000);

leaving.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const { body } = await ask(form.getAttribute("action"), new URLSearchParams(new FormData(form)));
    if (body.says) announce(body.says);
    await look();
    document.querySelectorAll(".column").forEach((one) => (one.dataset.stamp = ""));
    await look();
  } catch {
    announce(board.dataset.failed);
    button.disabled = false;
  }
});

// Several at once

const chosen = () => board.classList.contains("choosing");

function choosing(on) {
  if (!together) return;
  board.classList.toggle("choosing", on);
  choose.setAttribute("aria-pressed", String(on));
  if (!on) for (const one of board.querySelectorAll(".tick:checked")) one.checked = false;
  count();
}

function toggle(tile) {
  const tickbox = tile.querySelector(".tick");
  tickbox.checked = !tickbox.checked;
  count();
}

function count() {
  const many = board.querySelectorAll(".tick:checked").length;
  document.getElementById("chosen").textContent = words("chosen", { n: many });
  const option = together.elements.to.selectedOptions[0];
  together.elements.letters.hidden = !option?.hasAttribute("data-letters");
  const list = option?.value && listOf(option.value);
  together.elements.loss_reason.hidden = !list || !columnOf(list).hasAttribute("data-closed");
}

if (together) {
  choose.hidden = false;
  document.getElementById("unchoose").hidden = false;
  choose.addEventListener("click", () => choosing(!chosen()));
  document.getElementById("unchoose").addEventListener("click", () => choosing(false));
  board.addEventListener("change", (event) => {
    if (event.target.matches(".tick") || event.target.form === together) count();
  });
  together.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(together, event.submitter));
    const place = document.getElementById("together-said");
    event.submitter.disabled = true;
    try {
      const { body } = await ask("/board/together", fields);
      place.replaceChildren(...outcome(body));
      for (const one of body.results ?? []) {
        const tick_ = one.done && document.querySelector(`#tile-${CSS.escape(one.card)} .tick`);
        if (tick_) tick_.checked = false;
      }
      count();
      await look();
    } catch {
      place.textContent = board.dataset.failed;
    } finally {
      event.submitter.disabled = false;
    }
  });
}

function outcome({ says, results }) {
  const lines = [];
  const line = (text, kind) => {
    const one = document.createElement("li");
    one.textContent = text;
    one.className = kind;
    lines.push(one);
  };
  if (says) line(says, "refused");
  for (const one of results ?? []) line(`${words("numbered", { number: one.number })}: ${one.says}`, one.done ? "done" : "refused");
  return lines;
}

// Filters work at once; the tabs of a phone say where one is

filters.addEventListener("change", ({ target }) => {
  if (target.matches("select, [type='checkbox']")) filters.requestSubmit();
});
filters.addEventListener("submit", () => {
  for (const one of filters.elements) if (one.name && !one.value) one.disabled = true; // short addresses
});
addEventListener("pageshow", () => {
  for (const one of filters.elements) one.disabled = false;
});

const seen = new IntersectionObserver(
  (entries) => {
    for (const one of entries) {
      const tab = document.querySelector(`[data-tab="${CSS.escape(one.target.dataset.status)}"]`);
      if (one.isIntersecting) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  },
  { root: document.getElementById("columns"), threshold: 0.6 },
);
for (const one of document.querySelectorAll(".column")) seen.observe(one);
