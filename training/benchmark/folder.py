"""A benchmark's report as a folder for people without the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from games.findings import simulated
from training.static_report import STYLE


def context(result: Mapping[str, Any], source: Callable[[str], str]) -> dict[str, Any]:
    """For the template `training/_benchmark.html`. `source` gives a picture's address."""
    from training.benchmark import writing

    bundled = result["base_model"] == "bundled"
    return {
        "result": result,
        "simulated": simulated(listener_kind=result["listener_kind"], stand_ins=[result["base"]] if bundled else [], scripted=[]),
        "parts": writing.parts(result),
        "legend": writing.LEGEND,
        "pictures": [(picture, source(picture.name)) for picture in writing.pictures(result)],
    }


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write `index.html`, the figures, `report.json`, `table.csv`, `table.tex` and `figures.pdf`; the path of the page."""
    from games import plots
    from training.benchmark import writing

    folder.mkdir(parents=True, exist_ok=True)
    drawn = {picture.name: writing.draw(result, picture.name) for picture in writing.pictures(result)}
    for name, figure in drawn.items():
        (folder / f"{name}.svg").write_bytes(plots.render(figure, "svg"))
    (folder / "figures.pdf").write_bytes(plots.as_pdf(list(drawn.values())))
    (folder / "report.json").write_text(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "table.csv").write_text(writing.as_csv(result), encoding="utf-8")
    (folder / "table.tex").write_text(writing.as_latex(result), encoding="utf-8")
    page = folder / "index.html"
    shown = {**context(result, lambda name: f"{name}.svg"), "style": SafeString(STYLE.read_text())}
    page.write_text(render_to_string("training/benchmark_alone.html", shown), encoding="utf-8")
    return page
