// Says what hours mean while they are typed. Without it the page says so when it is saved.

const PAUSE = 350;

function put(week, found) {
  week.replaceChildren();
  if (found.wrong) {
    const wrong = document.createElement("span");
    wrong.className = "wrong";
    wrong.textContent = found.wrong;
    week.append(wrong);
    return;
  }
  if (!found.days.length) return;
  const zone = document.createElement("span");
  zone.className = "week-zone";
  zone.textContent = week.dataset.zone.replace("{zone}", found.zone);
  const days = document.createElement("span");
  days.className = "week-days";
  for (const one of found.days) {
    const day = document.createElement("span");
    day.className = one.open ? "week-day" : "week-day shut";
    const name = document.createElement("b");
    name.textContent = one.day;
    const open = document.createElement("span");
    open.textContent = one.open || week.dataset.closed;
    day.append(name);
    if (one.holiday) {
      const holiday = document.createElement("i");
      holiday.textContent = week.dataset.holiday;
      day.append(holiday);
    }
    day.append(open);
    days.append(day);
  }
  week.append(zone, days);
}

for (const week of document.querySelectorAll("[data-hours-for]")) {
  const field = document.getElementById(week.dataset.hoursFor);
  if (!field) continue;
  const office = document.querySelector('select[name="office"]');
  let waiting = 0;
  let asked = 0;
  const ask = async () => {
    const mine = ++asked;
    const what = new URLSearchParams(location.search);
    what.set("text", field.value);
    what.set("office", office ? office.value : "");
    const answer = await fetch(`/setup/hours?${what}`, { headers: { Accept: "application/json" } });
    if (answer.ok && mine === asked) put(week, await answer.json());
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => ask().catch(() => {}), PAUSE);
  };
  field.addEventListener("input", soon);
  office?.addEventListener("change", soon);
}
