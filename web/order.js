// "Call": asks the PBX for a call without leaving the page, and says beside the button what came of it.

const sending = new WeakSet();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.order === undefined) return;
  event.preventDefault();
  if (sending.has(form)) return;
  sending.add(form);
  const button = form.querySelector("button");
  const said = form.querySelector(".call-said");
  button.setAttribute("aria-busy", "true");
  const { ok, says } = await order(form);
  button.removeAttribute("aria-busy");
  sending.delete(form);
  form.classList.toggle("refused", !ok);
  said.textContent = says;
});

async function order(form) {
  try {
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
    if (answer.status === 401) location.reload(); // the visit is over: the page says what to do
    return { ok: answer.ok, says: (await answer.json()).says };
  } catch {
    return { ok: false, says: form.dataset.failed };
  }
}
