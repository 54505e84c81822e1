// Clients: who has what is typed is told while one types; a further row for a number or an address;
// a list is narrowed at once. Without this script the forms work all the same.
import { redraw } from "/static/redraw.js";

const WAIT_MS = 400;
const TELLING = new Set(["phone", "email", "inn"]);

for (const form of document.querySelectorAll("form[data-same]")) {
  const into = form.querySelector("[data-into]");
  let timer = 0;
  let asked = 0;

  const look = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch("/contacts/same", { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.ok && mine === asked) redraw(into, await answer.text());
    } catch {
      // the server says it once more when the form is sent
    }
  };

  form.addEventListener("input", (event) => {
    further(event.target);
    if (!into || !TELLING.has(event.target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
  });
}

/** The last row is always empty: whoever fills it in gets a further one. */
function further(field) {
  const row = field.closest?.("[data-row]");
  if (!row || row.nextElementSibling || !field.value) return;
  const fresh = row.cloneNode(true);
  for (const one of fresh.querySelectorAll("input")) {
    one.value = "";
    one.defaultValue = "";
    one.removeAttribute("aria-invalid");
    one.removeAttribute("aria-describedby");
  }
  for (const one of fresh.querySelectorAll(".wrong, .hint")) one.remove();
  row.after(fresh);
}

for (const choice of document.querySelectorAll("select[data-at-once]")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}
