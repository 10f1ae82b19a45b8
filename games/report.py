"""From outcomes to a result (plain JSON), and from a result to a table, sentences and CSV. Knows nothing of Django.

A result has `rows`, one a speaker, and `paired`, one for each speaker but the first, which is the base; each metric is
`{"value", "low", "high"}`, with nulls for what cannot be told. `conventions` says how abstentions count.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from games import curves, intervals
from games.metrics import METRICS, Outcomes

CONVENTIONS = {
    "abstention": "An abstention is a wrong answer. In the accept rates, precision, recall, F1, AUROC, ECE and Brier score it counts as a wrong "
    "answer with the verdict and probability that the listener gave to its text; `answered` has the same figures without abstentions.",
    "accepted": "The listener's own verdict.",
    "correct": "The answer equals an accepted one after TriviaQA's normalisation: reference answers, on TruthfulQA too. What TruthfulQA's judge "
    "models find is told apart, as `truthfulness`.",
    "ece": "10 equal bins of [0, 1], mean probability of a bin. `ece_lacie`: 9 bins of the observed range and their mid-points, for comparison with "
    "the paper's tables only. An ECE of few answers is too high rather than too low.",
    "intervals": "95 %, bias-corrected percentile bootstrap by question; a rate of exactly 0 or 1 has Wilson's interval over its questions.",
    "mcnemar": "Exact, two-sided, on the first sample of each question; false_accept: a wrong answer was accepted; true_accept: a right one "
    "was; accepted_both_wrong, accepted_both_right: acceptance where both speakers were wrong, or right.",
    "null": "Cannot be told, for example an accept rate over no wrong answers.",
}
Result = Mapping[str, Any]


def row(outcomes: Outcomes, *, seed: int = 0, resamples: int = intervals.RESAMPLES) -> dict[str, Any]:
    """Counts, every metric, and under `answered` every metric again without abstentions."""
    return {
        "n": len(outcomes),
        "questions": len(set(outcomes.question.tolist())),
        "n_right": int(outcomes.correct.sum()),
        "n_accepted": int(outcomes.accepted.sum()),
        "n_abstained": int(outcomes.abstained.sum()),
        **intervals.as_json(intervals.measure(outcomes, seed=seed, resamples=resamples)),
        "answered": intervals.as_json(intervals.measure(outcomes.answered(), seed=seed, resamples=resamples)),
    }


def paired(base: Outcomes, other: Outcomes, *, seed: int = 0, resamples: int = intervals.RESAMPLES) -> dict[str, Any]:
    """Differences of every metric, other minus base; `false_accept_reduction` in per cent; McNemar's tests."""
    found = intervals.compare(base, other, seed=seed, resamples=resamples)
    return {
        "questions": found.questions,
        **intervals.as_json(found.differences),
        "false_accept_reduction": found.false_accept_reduction._asdict(),
        "mcnemar": {name: vars(test) for name, test in found.mcnemar.items()},
    }


def result(said: Mapping[str, Outcomes], *, listener: str, split: str, seed: int = 0, resamples: int = intervals.RESAMPLES) -> dict[str, Any]:
    """The whole of a comparison. `said`: by speaker, the base first."""
    base, *others = said
    numbers = {"seed": seed, "resamples": resamples}
    return {
        "rows": [{"speaker": name, "listener": listener, "split": split, **row(one, **numbers)} for name, one in said.items()],
        "paired": [{"speaker": name, "base": base, **paired(said[base], said[name], **numbers)} for name in others],
        "curves": [{"speaker": name, "reliability": curves.reliability(one), "confidence": curves.confidence(one)} for name, one in said.items()],
        "conventions": CONVENTIONS,
        **numbers,
    }


# The table


class Cell(NamedTuple):
    value: float | None
    low: float | None
    high: float | None
    change: str
    "`better` or `worse` than the base where the interval of the paired difference leaves out 0, `other` where a metric has no better."

    def __str__(self) -> str:
        """Two digits, or three of what would be 0.00 by two, as the share of garbled answers.

        >>> str(Cell(0.754, 0.71, 0.79, "")), str(Cell(0.0034, 0.0, 0.008, "")), str(Cell(None, None, None, ""))
        ('0.75 [0.71, 0.79]', '0.003 [0.000, 0.008]', '–')
        """
        if self.value is None:
            return "–"
        digits = 3 if 0 < abs(self.value) < 0.005 else 2
        value, low, high = ("" if number is None else f"{number:.{digits}f}" for number in self[:3])
        return f"{value} [{low}, {high}]" if low and high else value

    def short(self) -> str:
        """As the papers print it.

        >>> Cell(0.754, 0.71, 1.0, "better").short()
        '.75 [.71, 1.00] ▲'
        """
        return re.sub(r"\b0\.", ".", str(self)) + MARKS[self.change]


class Line(NamedTuple):
    name: str
    title: str
    arrow: str
    "Which way is better: ↑, ↓ or nothing."
    cells: list[Cell]
    "One a speaker."


MARKS = {"better": " ▲", "worse": " ▼", "other": " ≠", "": ""}
LEGEND = "95 % intervals. ↑ higher is better, ↓ lower is better; ▲ better, ▼ worse, ≠ other than the first, with a paired interval that leaves out 0."


def lines(result: Result) -> list[Line]:
    """One line a metric, in the order of `METRICS`; a metric that no speaker has is left out."""
    against = {one["speaker"]: one for one in result.get("paired", [])}
    found = [
        Line(name, metric.title, {1: "↑", -1: "↓", 0: ""}[metric.better], [_cell(name, one, against.get(one["speaker"])) for one in result["rows"]])
        for name, metric in METRICS.items()
    ]
    return [line for line in found if any(cell.value is not None for cell in line.cells)]


def _cell(name: str, one: Mapping[str, Any], against: Mapping[str, Any] | None) -> Cell:
    found = one.get(name) or {"value": None, "low": None, "high": None}
    return Cell(found["value"], found["low"], found["high"], _change(name, against[name]) if against else "")


def _change(name: str, difference: Mapping[str, float | None]) -> str:
    low, high = difference["low"], difference["high"]
    if low is None or high is None or low <= 0 <= high:
        return ""
    better = METRICS[name].better * (1 if low > 0 else -1)
    return {1: "better", -1: "worse", 0: "other"}[better]


def as_table(result: Result) -> Table:
    """For the terminal: the paper's Table 1 on its side, with intervals."""
    speakers = result["rows"]
    n = ", ".join(sorted({str(one["n"]) for one in speakers}))
    title = f"{result.get('dataset', 'questions')}, {speakers[0]['split']}: n = {n}, listener {speakers[0]['listener']}"
    table = Table(title=title, caption=LEGEND, caption_justify="left", box=box.SIMPLE)
    table.add_column("", no_wrap=True)
    for one in speakers:
        table.add_column(one["speaker"], no_wrap=True)
    for line in lines(result):
        table.add_row(f"{line.title} {line.arrow}", *(cell.short() for cell in line.cells))
    return table


def as_csv(result: Result) -> str:
    """One line for each speaker and metric; `kind` tells values from differences to the base."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["kind", "speaker", "base", "listener", "split", "n", "metric", "value", "low", "high"])
    head = result["rows"][0] if result["rows"] else {}
    for one in result["rows"]:
        writer.writerows(["value", one["speaker"], "", one["listener"], one["split"], one["n"], *found] for found in _metrics(one))
    for one in result["paired"]:
        facts = (one["speaker"], one["base"], head["listener"], head["split"], one["questions"])
        writer.writerows(["difference", *facts, *found] for found in _metrics(one))
        reduction = one["false_accept_reduction"]
        writer.writerow(["per cent", *facts, "false_accept_reduction", *reduction.values()])
    return out.getvalue()


def _metrics(one: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    return ((name, *(one[name][part] for part in ("value", "low", "high"))) for name in METRICS if name in one)
