// Draws the curves of one training run (of a benchmark: the one that goes on), and again whenever its row changes ("job:changed", from games/live.js).
"use strict";

const curves = document.querySelector("[data-curves]");
const log = document.querySelector("[data-log]");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = new Map();
let asking = false;

function colours() {
  return dark.matches ? { line: "#7fd0d8", grid: "#39434e", text: "#a3b0bd" } : { line: "#1b626b", grid: "#dfe3e8", text: "#56616f" };
}

function chart(canvas) {
  const { line, grid, text } = colours();
  const scale = (title) => ({ title: { display: true, text: title, color: text }, ticks: { color: text }, grid: { color: grid } });
  return new Chart(canvas, {
    type: "line",
    data: { datasets: [{ data: [], borderColor: line, backgroundColor: line, borderWidth: 2, pointHitRadius: 8 }] },
    options: {
      animation: false, maintainAspectRatio: false, parsing: false, plugins: { legend: { display: false } },
      scales: { x: { type: "linear", ...scale("step") }, y: scale(canvas.dataset.title) },
    },
  });
}

const HEARD = { listener: "what a listener takes from it", stated: "what the speaker states", computed: "what is computed from it" };

function draw({ run, lines, log: text }) {
  if (run !== undefined && String(run ?? "") !== curves.dataset.run) {
    window.location.reload();
    return;
  }
  curves.hidden = lines.length === 0;
  for (const canvas of curves.querySelectorAll("canvas")) {
    const name = canvas.dataset.curve;
    const points = lines.filter((line) => Number.isFinite(line[name])).map((line) => ({ x: line.step, y: line[name] }));
    canvas.closest("figure").hidden = points.length === 0;
    if (points.length === 0) continue;
    if (!charts.has(name)) charts.set(name, chart(canvas));
    Object.assign(charts.get(name).data.datasets[0], { data: points, pointRadius: points.length < 20 ? 3 : 0 });
    charts.get(name).update();
    canvas.setAttribute("aria-label", `${name} by step: ${points[0].y.toFixed(3)} at step ${points[0].x}, ${points.at(-1).y.toFixed(3)} at step ${points.at(-1).x}`);
  }
  const looks = lines.filter((line) => line.heard);
  for (const note of curves.querySelectorAll("[data-heard]")) {
    note.textContent = looks.length ? `(${HEARD[looks[0].heard]}, ${looks.at(-1).answers} answers)` : "";
  }
  const last = lines.findLast((line) => Number.isFinite(line.loss));
  if (last) {
    const parts = ["loss", "margin"].filter((name) => Number.isFinite(last[name])).map((name) => `${name === "margin" ? "reward margin" : name} ${last[name].toFixed(3)}`);
    document.querySelector("[data-curves-note]").textContent = `${[`At step ${last.step}`, ...parts].join(", ")}.`;
  }
  if (!log) return;
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.textContent = text || "Nothing yet.";
  if (atEnd) log.scrollTop = log.scrollHeight;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(curves.dataset.curves, { headers: { Accept: "application/json" } });
    if (answer.ok && !answer.redirected) draw(await answer.json());
  } catch { /* the next change asks again */ } finally { asking = false; }
}

document.addEventListener("job:changed", refresh);
dark.addEventListener("change", () => {
  for (const one of charts.values()) one.destroy();
  charts.clear();
  refresh();
});
if (log) log.scrollTop = log.scrollHeight;
refresh();
