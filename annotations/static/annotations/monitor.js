// Keeps the monitor as the rows are: by websocket, and where none can connect by asking every few seconds.
// The part comes rendered from the server; what has the focus keeps it, and a table that was scrolled stays where it was.
"use strict";

const POLL_MS = 4000;
const RECONNECT_MS = 10000;
const monitor = document.getElementById("monitor");

function show(html) {
  const focused = monitor.contains(document.activeElement) ? document.activeElement : null;
  const key = focused && (focused.getAttribute("href") || focused.getAttribute("aria-label"));
  const scrolled = [...monitor.querySelectorAll(".overflow-auto")].map((box) => box.scrollLeft);
  monitor.innerHTML = html;
  monitor.querySelectorAll(".overflow-auto").forEach((box, n) => { box.scrollLeft = scrolled[n] || 0; });
  if (key) [...monitor.querySelectorAll("a, [tabindex]")].find((one) => [one.getAttribute("href"), one.getAttribute("aria-label")].includes(key))?.focus({ preventScroll: true });
}

async function poll() {
  if (monitor.dataset.by === "socket" || document.hidden) return;
  try {
    const answer = await fetch(monitor.dataset.live + window.location.search);
    if (answer.ok && !answer.redirected) show(await answer.text());
  } catch { /* the server is away for a moment: ask again */ }
}

function connect() {
  const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
  const socket = new WebSocket(scheme + window.location.host + monitor.dataset.socket + window.location.search);
  socket.addEventListener("open", () => { monitor.dataset.by = "socket"; });
  socket.addEventListener("message", (event) => show(JSON.parse(event.data).html));
  socket.addEventListener("close", () => {
    monitor.dataset.by = "poll";
    window.setTimeout(connect, RECONNECT_MS);
  });
}

connect();
window.setInterval(poll, POLL_MS);
