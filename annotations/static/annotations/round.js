// Helps with a round; the form works without it. Keys A and R; sliders without a preset value; buttons that open when the answer can have been read;
// focus and announcements after a swap; and an answer that could not be sent is kept, also over a reload, until it has been.
"use strict";

const KEPT = "kept-answer"; // in localStorage: {path, person, fields} of the one answer that is on its way
const RETRY_MS = 5000;
const REFUSALS = [400, 409, 425]; // their body is the round as it stands now, with what is wrong
const locks = new Set(); // why the form cannot be sent yet: "wait", "live"
let words = {};
let sending = null;
let clocks = [];
let retry = 0;

const form = () => document.querySelector("[data-verdict]");
const say = (text, seconds) => text.replace("{seconds}", Math.max(0, Math.ceil(seconds)));

// What is kept

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT));
  } catch {
    return null; // storage is switched off, or not ours to read
  }
}

function keep(answer) {
  try {
    if (answer) localStorage.setItem(KEPT, JSON.stringify(answer));
    else localStorage.removeItem(KEPT);
  } catch {
    // then it is kept on this page alone
  }
}

function sendKept() {
  const answer = kept();
  const target = form();
  if (sending || !answer || answer.path !== location.pathname || !target) return;
  if (answer.fields.person !== target.elements.person.value) return; // somebody else's, in the same browser
  if (answer.fields.position !== target.elements.position.value) return keep(null); // it has arrived meanwhile
  for (const [name, value] of Object.entries(answer.fields)) {
    for (const field of target.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type === "radio") field.checked = field.value === value;
      else if (field.localName !== "button") field.value = value;
    }
  }
  target.querySelectorAll("[data-slider]").forEach(showValue);
  trouble(words.kept);
  press(target.querySelector(`button[name="verdict"][value="${CSS.escape(answer.fields.verdict)}"]`) ?? target.querySelector("[type=submit]"));
}

// A click, not form.requestSubmit(button): htmx sends the value of the button that was clicked.
function press(button) {
  if (button && !sending && !locks.size) button.click();
}

function trouble(text, action) {
  const place = form()?.querySelector("[data-trouble]");
  if (!place) return;
  const first = place.hidden || !place.querySelector("button");
  place.textContent = text;
  place.hidden = false;
  if (!action) return;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "again";
  again.textContent = words.again;
  again.addEventListener("click", action);
  place.append(again);
  if (first) again.focus();
}

// A round as it comes

function start() {
  clocks.forEach(clearInterval);
  clocks = [];
  locks.clear();
  const target = form();
  if (!target) return;
  words = { ...target.querySelector("[data-say]").dataset };
  target.querySelectorAll("[data-slider]").forEach(slider);
  const wait = Number(target.dataset.wait);
  const left = Number(target.dataset.left);
  if (wait) count(target.querySelector("[data-clock]"), wait + 0.15, (place) => place.dataset.clock, () => unlock("wait"));
  if (left) count(target.querySelector("[data-limit]"), left, (place) => place.dataset.limit);
  if (wait) locks.add("wait");
  if (document.querySelector("[data-live]")) locks.add("live");
  lock();
}

function count(place, seconds, text, then) {
  const end = performance.now() + seconds * 1000;
  const tick = () => {
    const rest = (end - performance.now()) / 1000;
    place.textContent = rest > 0 ? say(text(place), rest) : (place.dataset.over ?? "");
    if (rest > 0) return;
    clearInterval(clock);
    then?.();
  };
  const clock = setInterval(tick, 250);
  clocks.push(clock);
}

function lock() {
  for (const field of form()?.querySelectorAll("button[type=submit], [data-key]") ?? []) field.disabled = locks.size > 0;
}

function unlock(reason) {
  locks.delete(reason);
  lock();
  if (!locks.size) sendKept();
}

// A number to type becomes a slider that stands nowhere until it is moved; pressing it in its middle counts as moving it there.
function slider(box) {
  const number = box.querySelector("[type=number]");
  const range = box.querySelector("[type=range]");
  number.type = "hidden";
  number.parentElement.hidden = true;
  range.hidden = false;
  const take = () => {
    number.value = range.value;
    showValue(box);
  };
  for (const name of ["input", "click"]) range.addEventListener(name, take);
  showValue(box);
}

function showValue(box) {
  const [number, range] = box.querySelectorAll("input");
  range.classList.toggle("set", number.value !== "");
  box.querySelector("output").textContent = number.value;
  if (number.value === "") return;
  range.value = number.value;
  range.setAttribute("aria-valuetext", number.value);
}

// What the person does

document.addEventListener("keydown", (event) => {
  const typing = "textarea, select, input:not([type=radio], [type=range])";
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(typing)) return;
  const button = document.querySelector(`.verdict [data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button || button.disabled) return;
  event.preventDefault();
  if (button.type !== "radio") return press(button);
  button.checked = true;
  form().querySelector(".then :is(input, textarea, button):not([hidden], [type=hidden])")?.focus();
});

// Before htmx sees it: a slider that nobody has moved is not an answer.
document.addEventListener("submit", (event) => {
  const empty = [...event.target.querySelectorAll("[data-slider]")].find((box) => box.querySelector("[type=hidden]")?.value === "");
  if (!empty) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  trouble(words.fill);
  empty.querySelector("[type=range]").focus();
}, true);

// What the line does

// By its address: the form that asked is gone from the page when its answer has come.
const isVerdict = (event) => event.detail.requestConfig.path.endsWith("/answer/");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isVerdict(event)) return;
  clearTimeout(retry);
  const { csrfmiddlewaretoken: _, ...fields } = Object.fromEntries(event.detail.requestConfig.formData);
  sending = { path: location.pathname, fields };
  keep(sending);
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!REFUSALS.includes(event.detail.xhr.status)) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!isVerdict(event)) return;
  const status = event.detail.xhr.status;
  sending = null;
  if (event.detail.successful || REFUSALS.includes(status)) return keep(null);
  trouble(words.notSent, sendKept);
  if (!status || status >= 500) retry = setTimeout(sendKept, RETRY_MS);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const part = document.querySelector("[data-round]");
  if (event.detail.target.id !== "round-host") return part?.querySelector("h1")?.focus({ preventScroll: true }); // a message was closed
  const { saved } = words;
  start();
  const missing = part?.querySelector("[aria-invalid] input:not([hidden], [type=hidden])");
  (missing ?? part?.querySelector("h1"))?.focus({ preventScroll: !missing });
  const isSaved = event.detail.successful !== false && event.detail.xhr.status === 200;
  document.getElementById("heard").textContent = isSaved && part?.dataset.progress ? `${saved} ${part.dataset.progress}` : "";
});

document.addEventListener("live:complete", () => unlock("live"));
window.addEventListener("online", sendKept);
// A page that the back button brings from memory may be one round old: ask the server where this person is.
window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
document.addEventListener("DOMContentLoaded", () => {
  start();
  sendKept();
});
