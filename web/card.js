// A card's page. Without this file every form and link works by itself; here are drag and drop, the
// countdown of a letter, products while an item is typed, and what others do meanwhile.

import { oneByOne } from "./again.js";
import { listen } from "./live.js";
import { quiet } from "./quiet.js";
import { fragment, redrawOne } from "./redraw.js";
import { serverNow } from "./timers.js";

const root = document.getElementById("screen");
const card = root.dataset.card;
const PARTS = ["deal-head", "about", "contact", "tasks", "items", "letters"];
const OPEN = ".field-form, .items-form"; // what is being edited is left alone
const LOOK_MS = 3000;
const SEARCH_MS = 200;

// Notes and files

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.closest?.(".note-form");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
});

document.addEventListener("change", (event) => {
  if (event.target.matches(".files-form input[type='file']") && event.target.files.length) {
    event.target.form.requestSubmit();
  }
});

const brings = (event) => event.dataTransfer?.types.includes("Files");
let over = 0;

function drop(shown) {
  document.querySelector(".files-drop")?.classList.toggle("over", shown);
}

document.addEventListener("dragenter", (event) => {
  if (brings(event)) drop(++over > 0);
});
document.addEventListener("dragleave", (event) => {
  if (brings(event)) drop(--over > 0);
});
document.addEventListener("dragover", (event) => {
  if (brings(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  over = 0;
  drop(false);
  const form = document.querySelector(".files-form");
  if (!form || !event.dataTransfer.files.length) return;
  form.querySelector("input[type='file']").files = event.dataTransfer.files;
  form.requestSubmit();
});

// What was said, when it is opened: who reads it is kept

document.addEventListener(
  "toggle",
  async (event) => {
    const one = event.target;
    if (!one.matches?.("details.transcript") || !one.open || one.dataset.read) return;
    one.dataset.read = "1";
    const answer = await fetch(one.dataset.said);
    if (!answer.ok) return;
    const said = fragment(await answer.text()).getElementById("said-lines");
    if (said) one.querySelector("[data-kept]").replaceChildren(said);
  },
  true,
);

// Filters

document.addEventListener("htmx:afterSwap", () => {
  const shown = document.getElementById("timeline-page")?.dataset.shown;
  for (const one of document.querySelectorAll(".filters a")) {
    if (one.dataset.shown === shown) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
  count();
});

document.addEventListener("htmx:responseError", () => say(root.dataset.refused));
document.addEventListener("htmx:sendError", () => say(root.dataset.refused));

function say(text) {
  let said = document.getElementById("deal-said");
  if (!said) {
    said = document.createElement("p");
    said.id = "deal-said";
    said.className = "wrong";
    said.setAttribute("role", "alert");
    root.prepend(said);
  }
  said.textContent = text;
}

// Items

const columns = ["name", "article", "unit", "quantity", "price", "discount", "vat"];

function setUpItems() {
  const form = document.querySelector(".items-form:not([data-ready])");
  if (!form) return;
  form.dataset.ready = "1";
  const button = form.querySelector(".add-row");
  button.hidden = false;
  const rows = form.querySelector(".item-rows");
  const isEmpty = (row) => ![...row.querySelectorAll("input")].some((one) => one.value);
  while (rows.children.length > 1 && isEmpty(rows.lastElementChild) && isEmpty(rows.lastElementChild.previousElementSibling)) {
    rows.lastElementChild.remove(); // spare ones are for who has no button
  }
  button.addEventListener("click", () => addRow(form).querySelector("[name='item_name']").focus());
}

function addRow(form) {
  const rows = form.querySelector(".item-rows");
  const made = rows.lastElementChild.cloneNode(true);
  for (const wrong of made.querySelectorAll(".wrong, .found")) wrong.remove();
  for (const field of made.querySelectorAll("input, select")) {
    field.removeAttribute("aria-invalid");
    if (field.localName === "select") field.selectedIndex = 0;
    else field.value = "";
  }
  rows.append(made);
  return made;
}

let asked = 0;
let waiting = 0;

document.addEventListener("input", (event) => {
  if (event.target.name !== "item_name") return;
  const row = event.target.closest(".item-row");
  row.querySelector("[name='item_article']").value = ""; // another name is another thing
  clearTimeout(waiting);
  waiting = setTimeout(() => find(event.target), SEARCH_MS);
});

async function find(field) {
  const q = field.value.trim();
  const mine = ++asked;
  if (q.length < 2) return forget(field);
  const where = field.form.dataset.products;
  const answer = await fetch(`${where}?q=${encodeURIComponent(q)}`, { headers: { Accept: "application/json" } });
  if (!answer.ok || mine !== asked || document.activeElement !== field) return;
  offer(field, await answer.json());
}

function offer(field, products) {
  forget(field);
  if (!products.length) return;
  const list = document.createElement("ul");
  list.className = "found";
  for (const one of products) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.append(one.name);
    const more = document.createElement("span");
    more.className = "muted";
    more.textContent = ` ${[one.article, `${one.price} ₽`].filter(Boolean).join(" · ")}`;
    button.append(more);
    button.addEventListener("click", () => choose(field, one));
    item.append(button);
    list.append(item);
  }
  field.closest(".item-name").append(list);
}

function choose(field, product) {
  const row = field.closest(".item-row");
  const put = (name, value) => (row.querySelector(`[name='item_${name}']`).value = value);
  for (const name of columns) if (product[name] !== undefined) put(name, product[name]);
  const quantity = row.querySelector("[name='item_quantity']");
  if (!quantity.value) quantity.value = "1";
  quantity.focus(); // before the list goes: what has the focus must not be taken away
  quantity.select();
  forget(field);
}

function forget(field) {
  field.closest(".item-name")?.querySelector(".found")?.remove();
}

document.addEventListener("focusout", (event) => {
  const place = event.target.closest?.(".item-name");
  if (!place || place.contains(event.relatedTarget)) return;
  setTimeout(() => !place.contains(document.activeElement) && place.querySelector(".found")?.remove());
});

document.addEventListener("keydown", (event) => {
  const place = event.target.closest?.(".item-name");
  const found = place && [...place.querySelectorAll(".found button")];
  if (!found?.length) return;
  const at = found.indexOf(document.activeElement);
  const field = place.querySelector("input");
  if (event.key === "ArrowDown") (found[at + 1] ?? found[0]).focus();
  else if (event.key === "ArrowUp") (found[at - 1] ?? field).focus();
  else if (event.key === "Escape") {
    field.focus();
    forget(field);
  } else return;
  event.preventDefault();
});

document.addEventListener("htmx:load", setUpItems);
setUpItems();

// Letters that leave by themselves: how long they can still be taken back

function count() {
  for (const one of document.querySelectorAll(".countdown[data-until]")) {
    const left = Math.ceil((Number(one.dataset.until) - serverNow()) / 1000);
    const text = one.dataset.left.replace("{n}", String(Math.max(0, left)));
    if (one.textContent !== text) one.textContent = text;
  }
}

setInterval(count, 1000);
count();

setInterval(() => {
  const ends = [...document.querySelectorAll(".countdown[data-until]")].map((one) => Number(one.dataset.until));
  const waits = ends.length > 0 && Math.min(...ends) > serverNow();
  if (document.querySelector("#letters[data-moving]") && !waits && !document.hidden) look();
}, LOOK_MS);

// What others do to the card

const look = oneByOne(async () => {
  const shown = document.getElementById("timeline-page")?.dataset.shown ?? "all";
  const answer = await fetch(`/cards/${card}?shown=${shown}`);
  if (answer.ok) draw(fragment(await answer.text()));
});

function draw(fresh) {
  for (const id of PARTS) {
    const [old, made] = [document.getElementById(id), fresh.getElementById(id)];
    if (!old || !made || old.querySelector(OPEN) || old.querySelector(".htmx-request")) continue;
    redrawOne(old, made);
    window.htmx?.process(old);
  }
  lines(fresh);
  count();
}

/** New entries come on top; what was asked for further down stays. */
function lines(fresh) {
  const [list, made] = [document.getElementById("lines"), fresh.getElementById("lines")];
  if (!made || document.querySelector("#timeline .lines .note-form")) return;
  if (!list) {
    const page = document.getElementById("timeline-page");
    const whole = fresh.getElementById("timeline-page");
    if (page && whole) page.replaceChildren(...whole.childNodes);
    window.htmx?.process(page);
    return;
  }
  const there = new Map([...list.children].map((one) => [one.dataset.key, one]));
  const first = list.firstElementChild;
  for (const one of [...made.children]) {
    if (!one.dataset.key) continue;
    const old = there.get(one.dataset.key);
    if (old) redrawOne(old, one);
    else list.insertBefore(one, first);
  }
  window.htmx?.process(list);
}

// Tasks: small forms, after which the card is read again

quiet(() => {
  document.dispatchEvent(new CustomEvent("tasks-changed"));
  return look();
});

listen("news", ({ cards }) => {
  if (!cards || cards.includes(card)) look();
});
