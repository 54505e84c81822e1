// Running timers: every <time data-since> on the page counts up from that moment by the server's
// clock, which `data-now` of #screen told when the page was made.

let ahead = 0;

export function trustClock(serverNow) {
  ahead = serverNow - Date.now();
}

export function serverNow() {
  return Date.now() + ahead;
}

export function timer(milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

export function tick(root = document) {
  for (const one of root.querySelectorAll("time[data-since]")) {
    const text = timer(serverNow() - Number(one.dataset.since));
    if (one.textContent !== text) one.textContent = text;
  }
}

const screen = document.getElementById("screen");
if (screen) {
  trustClock(Number(screen.dataset.now));
  tick();
  setInterval(tick, 1000);
}
