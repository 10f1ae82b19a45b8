"""From outcomes to JSON, table, sentences and CSV: nothing is lost on the way, and nothing is said that the numbers do not say."""

import csv
import io
import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from games import curves, findings, metrics, report
from games.metrics import METRICS, Outcomes


def played(questions: int = 300, *, seed: int = 0, sure_when_wrong: float = 0.8) -> Outcomes:
    rng = np.random.default_rng(seed)
    correct = rng.random(questions) < 0.5
    abstained = ~correct & (rng.random(questions) < 0.1)
    sure = rng.random(questions) < np.where(correct, 0.85, np.where(abstained, 0.0, sure_when_wrong))
    probability = np.where(sure, rng.choice([0.95, 0.9, 0.8], questions), rng.choice([0.5, 0.3, 0.1], questions))
    return Outcomes(np.arange(questions), correct, probability >= 0.66, probability, abstained, np.zeros(questions, bool))


@cache
def result() -> dict[str, Any]:
    said = {"base": played(), "truthful": played(seed=1), "lacie": played(seed=2, sure_when_wrong=0.1)}
    return report.result(said, listener="lexicon", split="test", resamples=200)


def printed(found: dict[str, Any], width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(report.as_table(found))
    return console.file.getvalue()


# JSON


def test_a_result_is_json_without_nan():
    assert json.loads(json.dumps(result(), allow_nan=False)) == result()


def test_rows_have_the_keys_that_scripts_rely_on():
    for row, name in zip(result()["rows"], ("base", "truthful", "lacie"), strict=True):
        assert (row["speaker"], row["listener"], row["split"], row["n"]) == (name, "lexicon", "test", 300)
        assert all(set(row[metric]) == {"value", "low", "high"} for metric in METRICS)


def test_every_other_speaker_is_paired_with_the_first():
    assert [(one["speaker"], one["base"]) for one in result()["paired"]] == [("truthful", "base"), ("lacie", "base")]


def test_a_row_counts_its_abstentions_and_has_the_figures_without_them():
    row, outcomes = result()["rows"][0], played()
    assert row["n_abstained"] == outcomes.abstained.sum() > 0
    assert row["answered"]["abstention"]["value"] == 0
    assert row["answered"]["accuracy"]["value"] == pytest.approx(float(metrics.values(outcomes.answered())["accuracy"]))


def test_what_cannot_be_told_is_null():
    right = played().where(played().correct)
    row = report.row(right, resamples=20)
    assert row["false_accept_rate"] == {"value": None, "low": None, "high": None}


# Curves


def test_reliability_bins_hold_every_answer_once_and_make_up_the_ece():
    outcomes = played()
    bins = curves.reliability(outcomes)
    assert sum(one["n"] for one in bins) == len(outcomes)
    gap = sum(one["n"] * abs(one["probability"] - one["accuracy"]["value"]) for one in bins) / len(outcomes)
    assert gap == pytest.approx(float(metrics.values(outcomes)["ece"]))


def test_confidence_counts_right_and_wrong_answers():
    outcomes = played()
    bins = curves.confidence(outcomes)
    assert sum(one["right"] for one in bins) == outcomes.correct.sum()
    assert sum(one["wrong"] for one in bins) == (~outcomes.correct).sum()


def test_without_probabilities_there_are_no_curves():
    outcomes = played()
    outcomes.probability[0] = np.nan
    assert curves.reliability(outcomes) == curves.confidence(outcomes) == []


# Table


def test_the_table_shows_each_metric_with_its_interval_and_its_better_direction():
    text = printed(result())
    cells = next(line for line in report.lines(result()) if line.name == "auroc").cells
    assert all(cell.short() in text for cell in cells)
    assert "AUROC ↑" in text and "Wrong accepted ↓" in text
    assert all(metric.title in text for metric in METRICS.values())


def test_a_clear_change_is_marked_and_noise_is_not():
    lines = {line.name: [cell.change for cell in line.cells] for line in report.lines(result())}
    assert lines["false_accept_rate"] == ["", "", "better"]
    assert lines["auroc"] == ["", "", "better"]
    assert lines["true_accept_rate"] == ["", "", ""]


def test_a_change_for_the_worse_is_called_worse():
    said = {"lacie": played(seed=2, sure_when_wrong=0.1), "base": played()}
    backwards = report.result(said, listener="lexicon", split="test", resamples=200)
    assert {line.name: line.cells[1].change for line in report.lines(backwards)}["false_accept_rate"] == "worse"


def test_a_metric_that_nobody_has_is_left_out_of_the_table():
    without = Outcomes(*(getattr(played(), name) for name in ("question", "correct", "accepted", "probability", "abstained")))
    found = report.result({"base": without}, listener="lexicon", split="test", resamples=20)
    assert "garbled" not in {line.name for line in report.lines(found)}
    assert found["rows"][0]["garbled"]["value"] is None


# CSV


def test_the_csv_has_each_value_and_each_difference_once():
    rows = list(csv.DictReader(io.StringIO(report.as_csv(result()))))
    values = {(row["speaker"], row["metric"]): row for row in rows if row["kind"] == "value"}
    assert len(values) == 3 * len(METRICS)
    assert float(values["lacie", "auroc"]["value"]) == result()["rows"][2]["auroc"]["value"]
    assert sum(row["kind"] == "difference" for row in rows) == 2 * len(METRICS)
    assert {row["speaker"] for row in rows if row["metric"] == "false_accept_reduction"} == {"truthful", "lacie"}


# Words


def test_the_words_say_by_how_much_fewer_wrong_answers_were_accepted_and_how_surely():
    reduction = result()["paired"][1]["false_accept_reduction"]
    (sentence,) = [one for one in findings.findings(result()) if one.startswith("lacie") and "fewer wrong answers accepted than with base" in one]
    assert f"{reduction['value']:.0f} % fewer" in sentence
    assert f"95 % interval {reduction['low']:.0f} to {reduction['high']:.0f} %" in sentence


def test_an_interval_that_holds_nothing_is_not_called_a_change():
    assert any(one.startswith("truthful: no clear change in wrong answers accepted") for one in findings.findings(result()))


def test_a_base_without_wrong_answers_leaves_nothing_to_compare():
    said = {"base": played().where(played().correct), "lacie": played()}
    found = report.result(said, listener="lexicon", split="test", resamples=20)
    assert "nothing to compare" in findings.findings(found)[0]


def test_what_is_simulated_is_said_plainly():
    said = " ".join(findings.simulated(listener_kind="lexicon", stand_ins=["base", "lacie"], scripted=[]))
    assert "listener is simulated" in said
    assert "base, lacie" in said and "stand-in" in said
    assert findings.simulated(listener_kind="human", stand_ins=[], scripted=[]) == ["The listeners are the people of a study."]
