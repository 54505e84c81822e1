// "Connect your PBX": asks for what came every two seconds while it is looked at, sends the test
// without leaving the page, copies. The server renders and escapes all HTML.

import { fragment, redraw } from "./redraw.js";

const PAUSE_MS = 2000;

const page = document.getElementById("connect");
const news = document.getElementById("news");
const trial = document.getElementById("trial");
const test = document.getElementById("test");
const link = document.getElementById("link");

// What came

let looking = false;

async function look() {
  if (looking || document.hidden) return;
  looking = true;
  try {
    const answer = await fetch(page.dataset.news, { headers: { Accept: "text/html" } });
    if (answer.status === 401) location.reload(); // the visit is over: the page says what to do
    if (answer.ok) redraw(news, await answer.text());
    online(answer.ok);
  } catch {
    online(false);
  } finally {
    looking = false;
  }
}

function online(yes) {
  link.classList.toggle("off", !yes);
  link.lastElementChild.textContent = yes ? link.dataset.on : link.dataset.off;
}

// The test

async function send(button) {
  button.disabled = true;
  try {
    const headers = { Accept: "application/json" };
    const answer = await fetch(test.getAttribute("action"), { method: "POST", headers });
    if (!answer.ok) throw new Error(answer.statusText);
    trial.replaceChildren(fragment((await answer.json()).html));
  } catch {
    trial.textContent = trial.dataset.failed;
  } finally {
    button.disabled = false;
  }
  look();
}

// Copying

function offerCopy(button) {
  button.hidden = false;
  const said = button.textContent;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    if (!(await copied(code))) return;
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = said), 1500);
  });
}

/** By the clipboard, which browsers give to https only; else by what is selected. */
async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent.trim());
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}

document.querySelectorAll("button.copy").forEach(offerCopy);
if (page) {
  test.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.submitter);
  });
  setInterval(look, PAUSE_MS);
  document.addEventListener("visibilitychange", look);
}
