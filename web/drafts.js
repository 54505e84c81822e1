// What is typed is kept in the browser until it was sent: in textarea[data-draft] and in every field
// of form[data-draft], under the value of data-draft (else the page's address) and the field's name.
//
// Sent is: the page that came by a redirect after the form (303); an answer of htmx that was good; or
// the script that sends the form itself says so: form.dispatchEvent(new Event("sent", {bubbles: true})).

const root = document.getElementById("live");
const MINE = `draft:${root?.dataset.person}:`;
const SENDING = "draft-sending";
const KEEP_MS = 30 * 24 * 3600_000;

const FIELDS = "textarea[data-draft], form[data-draft] textarea, form[data-draft] input[type='text'], form[data-draft] input:not([type])";

function keyOf(field) {
  const said = field.dataset.draft || field.form?.dataset.draft || location.pathname;
  return `${MINE}${said}:${field.name || field.id}`;
}

function fieldsOf(form) {
  return [...document.querySelectorAll(FIELDS)].filter((one) => one.form === form);
}

function keep(field) {
  const key = keyOf(field);
  if (field.value === field.defaultValue) localStorage.removeItem(key);
  else put(key, JSON.stringify({ text: field.value, over: field.defaultValue, at: Date.now() }));
}

function put(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    // the browser keeps nothing, or is full: the page works without
  }
}

function restore(field) {
  const key = keyOf(field);
  const kept = read(key);
  if (!kept) return;
  if (Date.now() - kept.at > KEEP_MS || kept.text === field.value) {
    localStorage.removeItem(key);
    return;
  }
  if (field.value !== field.defaultValue) return; // something newer is being typed
  field.value = kept.text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  note(field, key);
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

/** Says that it was restored; a click takes it away again. */
function note(field, key) {
  const said = document.createElement("p");
  said.className = "draft-note muted";
  said.append(root.dataset.restored, " ");
  const forget = document.createElement("button");
  forget.type = "button";
  forget.className = "small";
  forget.textContent = root.dataset.forget;
  forget.addEventListener("click", () => {
    field.value = field.defaultValue;
    localStorage.removeItem(key);
    said.remove();
    field.focus();
  });
  said.append(forget);
  field.after(said);
}

function forget(form) {
  for (const field of fieldsOf(form)) {
    localStorage.removeItem(keyOf(field));
    if (field.nextElementSibling?.matches(".draft-note")) field.nextElementSibling.remove();
  }
}

/** A form that was sent is done with when its redirect has come; a refusal comes without one. */
function settle() {
  const keys = JSON.parse(sessionStorage.getItem(SENDING) ?? "[]");
  if (!keys.length) return;
  sessionStorage.removeItem(SENDING);
  const [came] = performance.getEntriesByType("navigation");
  const good = !came?.responseStatus || came.responseStatus < 400;
  if (came?.redirectCount > 0 && good) for (const key of keys) localStorage.removeItem(key);
}

function begin() {
  settle();
  for (const field of document.querySelectorAll(FIELDS)) restore(field);
  document.addEventListener("input", (event) => event.target.matches?.(FIELDS) && keep(event.target));
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const signsOut = new URL(event.target.action, location.href).pathname === "/sign-out";
    if (signsOut) return forgetAll();
    const keys = fieldsOf(event.target).map(keyOf);
    if (keys.length) sessionStorage.setItem(SENDING, JSON.stringify(keys));
  });
  document.addEventListener("sent", (event) => forget(event.target));
  // Before the form goes: once another stands in its place nobody would find its fields.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const form = detail.requestConfig?.elt?.closest?.("form");
    if (form && detail.xhr.status < 400 && detail.requestConfig.verb !== "get") forget(form);
  });
  // What comes into the page later: forms that are opened or drawn anew.
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.matches(FIELDS)) restore(node);
        for (const field of node.querySelectorAll(FIELDS)) restore(field);
      }
    }
  }).observe(document.body, { childList: true, subtree: true });
}

/** On a shared computer nothing stays behind. */
function forgetAll() {
  for (const key of Object.keys(localStorage)) if (key.startsWith("draft:")) localStorage.removeItem(key);
}

if (root) begin();
