// The desk of a template: a letter's preview follows what is typed, problems lead to their line.
//
// The server forms the letter; the frame that shows it may run nothing and is replaced each time, so
// that the browser's way back stays short.

const PAUSE_MS = 700;

const desk = document.getElementById("desk");
const text = document.getElementById("text");
const look = document.getElementById("look");

let waiting = 0;

function show() {
  const old = document.getElementById("preview");
  const fresh = old.cloneNode(false);
  fresh.removeAttribute("src");
  old.replaceWith(fresh);
  desk.requestSubmit(look);
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(show, PAUSE_MS);
}

if (desk.hasAttribute("data-live")) {
  desk.addEventListener("input", soon);
  show();
}

/** Selects a line of the text and brings it to sight. */
function leadTo(n) {
  const lines = text.value.split("\n");
  const from = lines.slice(0, n - 1).reduce((sum, one) => sum + one.length + 1, 0);
  text.focus();
  text.setSelectionRange(from, from + (lines[n - 1] ?? "").length);
  const height = parseFloat(getComputedStyle(text).lineHeight) || 20;
  text.scrollTop = Math.max(0, (n - 4) * height);
}

for (const button of document.querySelectorAll("button[data-line]")) {
  button.addEventListener("click", () => leadTo(Number(button.dataset.line)));
}
