"""A comparison's report: what its page shows, and the same as a folder for people without the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from games import figures, report
from games.findings import findings, simulated
from training.models import Comparison

STYLE = Path(__file__).parent / "static/training/report.css"


def context(comparison: Comparison, source: Callable[[str], str]) -> dict[str, Any]:
    """For the template `training/_report.html`; nothing but the comparison while there is no result. `source` gives a figure's address."""
    result = comparison.result
    if not result:
        return {"comparison": comparison}
    return {
        "comparison": comparison,
        "result": result,
        "lines": report.lines(result),
        "findings": _by_speaker(findings(result)),
        "figures": [(figure, source(figure.name)) for figure in figures.figures(result)],
        "simulated": simulated(
            listener_kind=result.get("listener_kind", ""), stand_ins=result.get("stand_ins", []), scripted=result.get("scripted", [])
        ),
        "examples": result.get("examples", []),
    }


def _by_speaker(sentences: list[str]) -> list[tuple[str, list[str]]]:
    """The first sentence of each speaker, and its others without the name that each begins with. A number keeps its sign on its line."""
    whole = [sentence.replace(" %", "\u00a0%") for sentence in sentences]
    groups = [list(said) for _, said in groupby(whole, key=lambda sentence: sentence.partition(": ")[0])]
    return [(first, [sentence.partition(": ")[2] for sentence in others]) for first, *others in groups]


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write `index.html`, its figures, `result.json`, `table.csv` and `figures.pdf` into the folder; the path of the page."""
    from games import plots  # matplotlib takes a second to import

    folder.mkdir(parents=True, exist_ok=True)
    result = comparison.result
    names = [figure.name for figure in figures.figures(result)]
    for name in names:
        (folder / f"{name}.svg").write_bytes(plots.render(plots.draw(result, name), "svg"))
    (folder / "figures.pdf").write_bytes(plots.as_pdf([plots.draw(result, name) for name in names]))
    (folder / "result.json").write_text(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "table.csv").write_text(report.as_csv(result), encoding="utf-8")
    page = folder / "index.html"
    shown = {**context(comparison, lambda name: f"{name}.svg"), "style": SafeString(STYLE.read_text())}
    page.write_text(render_to_string("training/report_alone.html", shown), encoding="utf-8")
    return page
