// Small forms, `data-quiet`: sent without leaving the page. What is said against one stands in it,
// and what was typed stays.

const sending = new WeakSet();

/** Sends them from now on; `done(form)` follows each that was taken, emptied and closed. */
export function quiet(done) {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.dataset.quiet === undefined) return;
    event.preventDefault();
    if (sending.has(form)) return;
    sending.add(form);
    const refused = await send(form, new URLSearchParams(new FormData(form, event.submitter)));
    sending.delete(form);
    const said = form.querySelector(".form-said");
    if (said) said.textContent = refused;
    if (refused) return;
    form.reset();
    close(form.closest("details.menu"));
    await done?.(form);
  });
}

/** Sends a form; gives what was said against it, "" for nothing. */
async function send(form, fields) {
  const failed = form.dataset.failed ?? document.getElementById("screen")?.dataset.refused ?? "";
  try {
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json" },
    });
    if (answer.status === 401) location.reload(); // the visit is over: the page says what to do
    return answer.ok ? "" : ((await answer.json()).says ?? failed);
  } catch {
    return failed;
  }
}

function close(menu) {
  if (!menu?.open) return;
  const held = menu.contains(document.activeElement);
  menu.open = false;
  if (held) menu.querySelector("summary").focus();
}
