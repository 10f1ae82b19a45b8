// Writes the answer of a round as it comes, word by word. Where no websocket comes through, the page is loaded again when the answer is whole; where one
// has gone silent, a little later.
"use strict";

{
  const SILENT_MS = 4000;
  let socket = null;
  let whole = 0;

  const follow = () => {
    socket?.close();
    clearTimeout(whole);
    const place = document.querySelector("[data-live]");
    if (!place) return;
    place.textContent = "";
    const position = document.querySelector("[data-verdict] [name=position]").value;
    const mine = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}${location.pathname}live/${position}/`);
    mine.addEventListener("message", (event) => {
      const said = JSON.parse(event.data);
      if (mine !== socket) return;
      if (said.piece) place.append(said.piece);
      if (!said.done) return;
      clearTimeout(whole);
      place.removeAttribute("aria-busy"); // now a screen reader reads it, whole
      document.dispatchEvent(new CustomEvent("live:complete"));
    });
    const end = performance.now() + Number(place.dataset.live) * 1000;
    const reloadAfter = (ms) => {
      clearTimeout(whole);
      whole = setTimeout(() => location.reload(), Math.max(0, end - performance.now()) + ms);
    };
    mine.addEventListener("close", () => mine === socket && place.hasAttribute("aria-busy") && reloadAfter(500));
    socket = mine;
    reloadAfter(SILENT_MS);
  };

  document.addEventListener("DOMContentLoaded", follow);
  document.addEventListener("htmx:afterSwap", (event) => event.detail.target.id === "round-host" && follow());
}
