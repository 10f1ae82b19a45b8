// Helps with a round; the form works without it. Keys A and R press the buttons; after a swap the new question has the focus and is
// announced; when sending fails, the choice is kept and sent again on request or as soon as the connection is back.
"use strict";

let chosen = null; // the button of a verdict that could not be sent
let sending = false;

const form = () => document.querySelector("[data-verdict]");

// A click, not form.requestSubmit(button): htmx sends the value of the button that was clicked.
function press(button) {
  if (!sending) button.click();
}

function explain(name) {
  const place = form()?.querySelector("[data-trouble]");
  if (!place) return;
  place.textContent = `Your answer (${name}) could not be sent, but it is kept here. Check your connection. `;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "again";
  again.textContent = "Send it again";
  again.addEventListener("click", () => chosen && press(chosen));
  place.append(again);
  place.hidden = false;
  again.focus();
}

document.addEventListener("keydown", (event) => {
  if (!form() || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
  const button = form().querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button) return;
  event.preventDefault();
  press(button);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  sending = true;
  chosen = event.detail.requestConfig.triggeringEvent?.submitter ?? chosen;
});

document.addEventListener("htmx:afterRequest", (event) => {
  sending = false;
  if (event.detail.successful) chosen = null;
  else if (chosen) explain(chosen.value === "accept" ? "Accept" : "Reject");
});

document.addEventListener("htmx:afterSwap", () => {
  const part = document.querySelector("[data-round]");
  part?.querySelector("h1")?.focus({ preventScroll: true });
  document.getElementById("heard").textContent = part?.dataset.progress ? `Saved. ${part.dataset.progress}` : "";
});

window.addEventListener("online", () => chosen && form() && press(chosen));
// A page that the back button brings from memory may be one round old: ask the server where this person is.
window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
