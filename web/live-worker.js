// The hub of a browser in a SharedWorker: one for all tabs of a visit.

import { Hub } from "./live-hub.js";

const ports = new Map();
const hub = new Hub((tab, message) => {
  if (tab !== null) ports.get(tab)?.postMessage(message);
  else for (const port of ports.values()) port.postMessage(message);
});

let count = 0;

self.addEventListener("connect", (event) => {
  const [port] = event.ports;
  const id = ++count;
  ports.set(id, port);
  port.addEventListener("message", ({ data }) => {
    hub.hear(id, data);
    if (data.type === "bye") ports.delete(id);
    else ports.set(id, port); // a tab that came back from the browser's cache
  });
  port.start();
});
