// Keeps every [data-job] panel as its row is: by websocket, and where none can connect by asking every two seconds.
// Other scripts hear of a change by the event "job:changed" on the panel. When the job ends the page is loaded again: the server adds the results.
"use strict";

const POLL_MS = 2000;
const RECONNECT_MS = 10000;

function show(panel, job) {
  const part = (name) => panel.querySelector(`[data-job-${name}]`);
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  put(part("state"), job.state);
  part("state").dataset.state = job.state;
  put(part("count"), job.total ? `${job.done} of ${job.total}` : "");
  put(part("attempt"), `attempt ${job.attempt}`);
  part("attempt").hidden = job.attempt < 2;
  part("bar").value = job.percent;
  put(part("message"), job.message);
  put(part("error"), job.error);
  part("error").hidden = !job.error;
  for (const [name, allowed] of [["stop", job.can_stop], ["resume", job.can_resume]]) {
    if (part(name)) part(name).hidden = !allowed;
  }
  panel.dispatchEvent(new CustomEvent("job:changed", { detail: job, bubbles: true }));
  if (job.is_over && panel.dataset.over === "no") {
    panel.dataset.over = "yes";
    window.location.reload();
  }
}

async function poll(panel) {
  if (panel.dataset.over === "yes" || panel.dataset.by !== "poll") return;
  try {
    const answer = await fetch(panel.dataset.status, { headers: { Accept: "application/json" } });
    if (answer.ok && !answer.redirected) show(panel, await answer.json());
  } catch { /* the server is away for a moment: ask again */ }
}

function connect(panel) {
  if (panel.dataset.over === "yes") return;
  const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
  const socket = new WebSocket(scheme + window.location.host + panel.dataset.socket);
  socket.addEventListener("open", () => { panel.dataset.by = "socket"; });
  socket.addEventListener("message", (event) => show(panel, JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    panel.dataset.by = "poll";
    window.setTimeout(connect, RECONNECT_MS, panel);
  });
}

for (const panel of document.querySelectorAll("[data-job]")) {
  connect(panel);
  window.setInterval(poll, POLL_MS, panel);
}
