// How much there is to do today, beside the name of that page in the menu.

import { listen } from "./live.js";

const link = document.querySelector('nav.pages a[href="/today"]');

async function count() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/today/count", { headers: { Accept: "application/json" } });
    if (answer.ok) show(await answer.json());
  } catch {
    // the number that stood there stays
  }
}

function show({ n, late, says }) {
  const badge = link.querySelector(".nav-count") ?? document.createElement("span");
  if (!n) return badge.remove();
  badge.className = late ? "nav-count late" : "nav-count";
  badge.textContent = n > 99 ? "99+" : String(n);
  badge.title = says;
  if (!badge.isConnected) link.append(" ", badge);
}

if (link) {
  count();
  setInterval(count, 120_000);
  document.addEventListener("visibilitychange", count);
  document.addEventListener("tasks-changed", count);
  listen("news", ({ kinds }) => kinds.some((kind) => kind !== "call") && count());
}
