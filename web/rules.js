// Building a rule or a ladder, and the order of rules. The server draws the form anew after each
// change of its shape, exactly as it does for browsers without this script; what is typed meanwhile
// stays, and so does the focus. While somebody only types, just the sentence below follows.

import Sortable from "./vendor/sortable.js";

const LOOK_MS = 350;
const FIELDS = "input:not([type='hidden']), select, textarea, button";

const builder = document.getElementById("builder");
const rules = document.getElementById("rule-list");

async function page(address, body) {
  const answer = await fetch(address, { method: "POST", body, headers: { Accept: "text/html" } });
  const html = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { ok: answer.ok, html };
}

// The form

let line = Promise.resolve();
let waiting = 0;
let looking = 0;

function sent(form) {
  return new URLSearchParams(new FormData(form));
}

/** Which of several of the same name a field is. */
function nth(field) {
  return [...builder.querySelectorAll(`[name="${CSS.escape(field.name)}"]`)].indexOf(field);
}

function same(root, name, n) {
  return root.querySelectorAll(`[name="${CSS.escape(name)}"]`)[n];
}

/** One after another: each begins with what the one before has drawn. */
function ask(what, shape) {
  clearTimeout(looking);
  waiting += 1;
  line = line.catch(() => {}).then(() => reallyAsk(what, shape)).finally(() => (waiting -= 1));
  return line;
}

async function reallyAsk(what, shape) {
  if (!shape && waiting > 1) return; // the next one looks too
  const body = sent(builder);
  const before = new Map([...builder.elements].map((one) => [one, valueOf(one)]));
  body.append("do", what);
  const { html } = await page(builder.action, body);
  const editor = html.getElementById("editor");
  if (!editor) throw new Error("not the form");
  document.getElementById("preview").replaceChildren(...html.getElementById("preview").childNodes);
  if (shape) draw(editor, before, what);
  else for (const one of editor.querySelectorAll("[data-said]")) say(one);
}

function say(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old) return;
  if (old.textContent !== fresh.textContent) old.textContent = fresh.textContent;
  for (const field of document.querySelectorAll(`[aria-describedby="${CSS.escape(old.id)}"]`)) {
    if (!fresh.textContent) field.removeAttribute("aria-invalid");
  }
}

function valueOf(field) {
  return field.type === "checkbox" ? field.checked : field.value;
}

function draw(fresh, before, what) {
  const old = document.getElementById("editor");
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  const focus = held && { name: held.name, value: held.value, n: nth(held), id: held.closest("[id]")?.id };
  const had = new Set([...old.querySelectorAll(FIELDS)].map((one) => `${one.name} ${nth(one)}`));
  const meanwhile = [...before]
    .filter(([one, value]) => one.isConnected && one.type !== "hidden" && valueOf(one) !== value)
    .map(([one]) => ({ name: one.name, n: nth(one), value: one.value, checked: one.checked }));
  old.replaceWith(fresh);
  for (const one of meanwhile) {
    const field = same(fresh, one.name, one.n);
    if (field) Object.assign(field, { value: one.value, checked: one.checked });
  }
  refocus(fresh, focus, had, what);
}

/** What was added is where one goes on; else one stays where one was, or as near as there is. */
function refocus(fresh, focus, had, what) {
  if (/^(add|group|and|or|value|manager|message)\b/.test(what)) {
    const added = [...fresh.querySelectorAll("select, input, textarea")].find(
      (one) => one.type !== "hidden" && !had.has(`${one.name} ${nth(one)}`),
    );
    if (added) return added.focus();
  }
  if (!focus) return;
  const stays =
    focus.name === "do"
      ? fresh.querySelector(`button[value="${CSS.escape(focus.value)}"]:not(:disabled)`)
      : same(fresh, focus.name, focus.n);
  const near = document.getElementById(focus.id)?.querySelector(FIELDS);
  (stays ?? near ?? fresh.querySelector("select"))?.focus();
}

if (builder) {
  builder.addEventListener("click", (event) => {
    const button = event.target.closest("button[name='do']");
    if (!button || button.value === "save") return;
    event.preventDefault();
    ask(button.value, true).catch(() => go(button));
  });
  builder.addEventListener("change", (event) => {
    if (event.target.matches("[data-shape]")) ask("look", true).catch(() => {});
    else if (event.target.matches("select")) ask("look", false).catch(() => {});
  });
  builder.addEventListener("input", (event) => {
    if (event.target.matches("select, [type='checkbox']")) return;
    clearTimeout(looking);
    looking = setTimeout(() => ask("look", false).catch(() => {}), LOOK_MS);
  });
  // Chosen before this script was there, or kept by the browser over a reload.
  if ([...builder.elements].some(isAnother)) ask("look", true).catch(() => {});
}

function isAnother(field) {
  if (field.matches("select")) {
    const first = [...field.options].findIndex((one) => one.defaultSelected);
    return field.selectedIndex !== Math.max(0, first);
  }
  return field.matches("input:not([type='hidden'])") && field.value !== field.defaultValue;
}

/** The browser's own way, where ours has failed. */
function go(button) {
  const said = document.createElement("input");
  Object.assign(said, { type: "hidden", name: "do", value: button.value });
  builder.append(said);
  builder.submit();
}

// The list

const said = document.getElementById("moved-said");

let moving = Promise.resolve();

/** One after another, as they were asked for. */
function move(fields, focus) {
  moving = moving.catch(() => {}).then(() => reallyMove(fields, focus));
  return moving;
}

async function reallyMove(fields, focus) {
  const { ok, html } = await page(rules.dataset.move, new URLSearchParams(fields));
  const fresh = html.getElementById("rule-list");
  if (fresh) rules.replaceChildren(...fresh.children);
  said.hidden = ok;
  said.textContent = ok ? "" : (html.querySelector("main > .wrong[role='alert']:not([hidden])")?.textContent ?? rules.dataset.failed);
  const row = [...rules.children].find((one) => one.dataset.rule === fields.rule);
  const button = row?.querySelector(`button[value="${focus}"]:not(:disabled)`);
  (button ?? row?.querySelector("button:not(:disabled)"))?.focus();
}

if (rules?.querySelector(".grip")) {
  Sortable.create(rules, {
    handle: ".grip",
    forceFallback: true,
    fallbackTolerance: 4,
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
    ghostClass: "dragged",
    onEnd: ({ item, oldIndex, newIndex }) => {
      if (oldIndex === newIndex) return;
      const before = item.nextElementSibling?.dataset.rule ?? "";
      move({ rule: item.dataset.rule, before }).catch(() => location.reload());
    },
  });
  rules.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.name !== "do") return;
    event.preventDefault();
    const rule = new FormData(event.target).get("rule");
    move({ rule, do: button.value }, button.value).catch(() => location.reload());
  });
}
