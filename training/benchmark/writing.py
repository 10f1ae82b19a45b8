"""A benchmark's result for people: lines for a page or terminal, CSV, LaTeX, figures. Plain data in, text out; knows nothing of Django.

The papers' own figures (`published.csv`) stand beside ours with their model and dataset named: other models, other questions, so no yardstick.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from games import plots

PUBLISHED = Path(__file__).parent / "published.csv"
COLUMNS = {
    "accuracy": "Accuracy",
    "abstention": "Abstained",
    "ece": "ECE",
    "brier": "Brier",
    "auroc": "AUROC",
    "true_accept_rate": "Right accepted",
    "false_accept_rate": "Wrong accepted",
    "pairwise_agreement": "Likelier question",
    "pairwise_consistency": "More consistent question",
}
PAIRWISE = "pairwise"
"""Not a kind of confidence but a task of its own, so a table of its own."""
KINDS = {
    "stated": "What the speaker states",
    "listener": "What a listener takes from it",
    "computed": "What is computed from it",
    PAIRWISE: "Which of two questions it is likelier to answer right",
}
LEGEND = "Means over the seeds with 95 % intervals over questions and seeds. * differs from the base, p < .05 after Holm's correction."
Result = Mapping[str, Any]


class Cell(NamedTuple):
    value: float | None
    low: float | None = None
    high: float | None = None
    differs: bool = False

    def __str__(self) -> str:
        """
        >>> str(Cell(0.754, 0.71, 0.79, True)), str(Cell(None))
        ('.75 [.71, .79]*', '–')
        """
        if self.value is None:
            return "–"
        span = f" [{short(self.low)}, {short(self.high)}]" if self.low is not None and self.high is not None else ""
        return f"{short(self.value)}{span}{'*' if self.differs else ''}"


class Line(NamedTuple):
    method: str
    source: str
    n: int
    cells: dict[str, Cell]
    published: list[str]


class Part(NamedTuple):
    """A table: one dataset, one split, one kind of confidence."""

    dataset: str
    split: str
    kind: str
    title: str
    columns: dict[str, str]
    lines: list[Line]


def short(value: float | None) -> str:
    """
    >>> short(0.754), short(1.0), short(-0.1)
    ('.75', '1.00', '-.10')
    """
    return "–" if value is None else f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"


def parts(result: Result) -> list[Part]:
    """The result's rows as tables that never mix kinds of confidence, nor what was learned from with what was not."""
    found = []
    splits = dict.fromkeys(row["split"] for row in result["rows"])
    for dataset, split in itertools.product(result["datasets"], splits):
        for kind, title in KINDS.items():
            rows = [row for row in result["rows"] if (row["dataset"], row["split"], _table_of(row)) == (dataset, split, kind)]
            columns = {name: head for name, head in COLUMNS.items() if any(name in row for row in rows)}
            if rows:
                found.append(Part(dataset, split, kind, title, columns, [_line(row, columns) for row in rows]))
    return found


def _table_of(row: Mapping[str, Any]) -> str:
    return PAIRWISE if row["source"] == PAIRWISE else str(row["confidence"])


def _line(row: Mapping[str, Any], columns: Mapping[str, str]) -> Line:
    cells = {name: _cell(name, row) for name in columns}
    return Line(row["method"], row["source"], row["n"], cells, list(published(row["method"], row["confidence"], columns)))


def _cell(name: str, row: Mapping[str, Any]) -> Cell:
    found = row.get(name)
    if found is None or found["value"] is None:
        return Cell(None)
    against = (row["against"] or {}).get(name) or {}
    p = against.get("p_holm", against.get("p"))
    return Cell(found["value"], found["low"], found["high"], p is not None and p < 0.05)


def published(method: str, kind: str, metrics: Collection[str] = tuple(COLUMNS)) -> Iterator[str]:
    """What the papers print of these metrics.


    >>> next(published("lacie", "listener"))
    'AUROC .74 (Mistral-7B, TriviaQA; LACIE (2405.21028), Table 1)'
    """
    for one in _published():
        if one["method"] == method and one["confidence"] == kind and one["metric"] in metrics:
            yield f"{COLUMNS[one['metric']]} {short(float(one['value']))} ({one['model']}, {one['dataset']}; {one['source']})"


@cache
def _published() -> list[dict[str, str]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_tables(result: Result) -> Iterator[Table]:
    """For the terminal."""
    for part in parts(result):
        table = Table(title=f"{part.title}: {part.dataset}, {part.split}", caption=LEGEND, caption_justify="left", box=box.SIMPLE)
        for head in ("method", *part.columns.values()):
            table.add_column(head, no_wrap=True)
        for line in part.lines:
            name = line.method if line.source in (line.method, "listener") else f"{line.method} ({line.source})"
            table.add_row(name, *map(str, line.cells.values()))
        yield table


def as_csv(result: Result) -> str:
    """One line for each row and metric, `kind` tells values from differences to the base."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["kind", "method", "dataset", "split", "confidence", "source", "seeds", "n", "metric", "value", "low", "high", "p", "p_holm"])
    for row in result["rows"]:
        facts = [row[name] for name in ("method", "dataset", "split", "confidence", "source", "seeds", "n")]
        for name in COLUMNS:
            if name in row:
                writer.writerow(["value", *facts, name, *_numbers(row[name])])
            if row["against"] and name in row["against"]:
                writer.writerow(["difference", *facts, name, *_numbers(row["against"][name])])
    return out.getvalue()


def _numbers(found: Mapping[str, Any]) -> list[Any]:
    return [found.get(name) for name in ("value", "low", "high", "p", "p_holm")]


def as_latex(result: Result) -> str:
    """The tables, to be \\input; needs booktabs."""
    return "\n\n".join(_tabular(part) for part in parts(result)) + "\n"


def _tabular(part: Part) -> str:
    head = " & ".join(["Method", *map(_tex, part.columns.values())])
    body = [" & ".join([_tex(line.method), *(_tex(str(cell)) for cell in line.cells.values())]) + r" \\" for line in part.lines]
    columns = "l" * (1 + len(part.columns))
    lines = [
        rf"% {part.title}, {part.dataset}, {part.split}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
    ]
    return "\n".join([*lines, r"\end{tabular}"])


def _tex(text: str) -> str:
    for plain, tex in (("\\", r"\textbackslash{}"), ("&", r"\&"), ("%", r"\%"), ("_", r"\_"), ("#", r"\#"), ("–", "--")):
        text = text.replace(plain, tex)
    return text


# Figures


class Picture(NamedTuple):
    name: str
    title: str
    alt: str


def pictures(result: Result) -> list[Picture]:
    """What `draw` draws: for each dataset and kind the reliability diagrams and the risk–coverage curves."""
    found = []
    for number, part in enumerate(parts(result)):
        if part.kind == PAIRWISE:
            continue
        about = f"{part.title.lower()}, {part.dataset}, {part.split}"
        values = "; ".join(f"{line.method} ECE {short(line.cells['ece'].value)}" for line in part.lines if "ece" in line.cells)
        found.append(Picture(f"reliability-{number}", f"Reliability: {about}", f"Share right against confidence for each method. {values}."))
        risks = "; ".join(f"{line.method} AUROC {short(line.cells['auroc'].value)}" for line in part.lines if "auroc" in line.cells)
        found.append(Picture(f"risk-{number}", f"Risk and coverage: {about}", f"Share wrong among the surest answers, against their share. {risks}."))
    return found


def draw(result: Result, name: str) -> Figure:
    """
    Raises:
        KeyError: no such picture.
    """
    kind, _, number = name.partition("-")
    there = parts(result)
    if kind not in ("reliability", "risk") or not number.isdecimal() or int(number) >= len(there):
        raise KeyError(name)
    part = there[int(number)]
    rows = [row for row in result["rows"] if (row["dataset"], row["split"], _table_of(row)) == (part.dataset, part.split, part.kind)]
    with mpl.rc_context(plots.STYLE):
        return _reliability(rows) if kind == "reliability" else _risk(rows)


MARKERS = "os^Dv<>Pp*hX"
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#777777")


def _reliability(rows: list[Mapping[str, Any]]) -> Figure:
    figure, axes = _axes(len(rows))
    axes.plot([0, 1], [0, 1], "--", color="#777777", linewidth=1)
    for number, row in enumerate(rows):
        bins = row["reliability"]
        axes.plot([one["probability"] for one in bins], [one["accuracy"]["value"] for one in bins], label=_label(row), **_style(number))
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="confidence", ylabel="share right")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _risk(rows: list[Mapping[str, Any]]) -> Figure:
    figure, axes = _axes(len(rows))
    for number, row in enumerate(rows):
        curve = row["risk_coverage"]
        axes.plot([one["coverage"] for one in curve], [one["risk"] for one in curve], label=_label(row), **{**_style(number), "markersize": 2})
    axes.set(xlim=(0, 1.03), ylim=(0, None), xlabel="share of answers given, the surest first", ylabel="share of them wrong")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _axes(rows: int) -> tuple[Figure, Any]:
    width, height = plots.INCHES
    figure = Figure(figsize=(width, height + 0.11 * rows), layout="constrained", facecolor="white")
    return figure, figure.subplots()


def _label(row: Mapping[str, Any]) -> str:
    return str(row["method"] if row["source"] in (row["method"], "listener") else f"{row['method']} ({row['source']})")


def _style(number: int) -> dict[str, Any]:
    return {
        "marker": MARKERS[number % len(MARKERS)],
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": "-" if number < len(COLOURS) else ":",
        "linewidth": 1.2,
        "markersize": 4,
    }
