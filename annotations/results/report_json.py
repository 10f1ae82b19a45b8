"""The results of a study as JSON: what `study_report --json` writes. What cannot be told is null, never 0; docs/studies.md has the names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

from annotations.results.acceptance import Change, Headline
from annotations.results.clustered import Effect
from annotations.results.report import ArmRow, BesideRow, ContrastRow, StudyResults
from games.intervals import LEVEL, Estimate

METHODS = {
    "intervals": "two-way clustered by person and question (Cameron, Gelbach and Miller 2011), Student's t; Wilson for rates, log ratio for changes",
    "mcnemar": "McNemar's exact test on the questions with one usable judgment in either arm",
    "clustered": "the t test that belongs to the interval, on the logarithm of the ratio of the rates",
}


def as_json(found: StudyResults) -> dict[str, Any]:
    study = found.study
    return {
        "study": study.name,
        "title": study.title,
        "state": study.state,
        "version": study.version,
        "digest": study.digest or None,
        "design": study.rules.design,
        "listener": study.listener.name,
        "simulated": found.simulated,
        "participants": asdict(found.who),
        "people": found.people,
        "questions": found.questions,
        "level": LEVEL,
        "methods": METHODS,
        "arms": [_arm(row) for row in found.arms],
        "contrast": _contrast(found.contrast),
        "contrasts": [_contrast(row) for row in found.contrasts],
        "calibration": [_plain(asdict(one)) for one in found.calibrations],
        "seconds": [asdict(one) for one in found.times],
        "knew_it": [
            {
                "over": cut.over,
                "is_declared": cut.is_declared,
                "usable": {arm.arm: arm.usable for arm in cut.found.arms},
                "false_accept_change": _named(cut.contrast.false_accept.headline if cut.contrast else Headline()),
            }
            for cut in found.cuts
        ],
        "agreement": _plain(asdict(found.alpha)),
        "beside": [_beside(row) for row in found.beside],
        "stopping": None if found.stopping is None else _plain(asdict(found.stopping)),
    }


def _arm(row: ArmRow) -> dict[str, Any]:
    counts = row.counts
    return {
        "name": row.arm.name,
        "speaker": row.arm.speaker.name,
        "people": counts.people,
        "judgments": row.judgments,
        "usable": counts.usable,
        "counts": {
            "true_accept": counts.true_accepts,
            "false_accept": counts.false_accepts,
            "false_reject": counts.false_rejects,
            "true_reject": counts.true_rejects,
            "excluded": row.left_out,
        },
        "excluded": row.excluded,
        "true_accept_rate": _named(counts.true_accept_rate),
        "false_accept_rate": _named(counts.false_accept_rate),
        "precision": _named(counts.precision),
        "recall": _named(counts.true_accept_rate),
    }


def _contrast(row: ContrastRow | None) -> dict[str, Any]:
    """The two changes are there even where a study has one arm, or none: without values."""
    if row is None:
        return {"arm": None, "against": None, "false_accept_change": _named(Headline()), "true_accept_change": _named(Headline())}
    rates = row.rates
    return {
        "arm": row.arm.name,
        "against": row.against.name,
        "matched_questions": rates.matched,
        **_change("false_accept", rates.false_accept),
        **_change("true_accept", rates.true_accept),
        "precision_difference": _named(rates.precision),
        "sentence": row.sentence,
    }


def _change(name: str, change: Change) -> dict[str, Any]:
    return {
        f"{name}_change": _named(change.headline),
        f"{name}_count_change": _named(change.count),
        f"{name}_rate_change": _named(change.rate),
        f"{name}_rate_difference": _named(change.points),
        f"{name}_mcnemar": None if change.mcnemar is None else asdict(change.mcnemar),
    }


def _beside(row: BesideRow) -> dict[str, Any]:
    apart = [
        {
            "utterance": one.utterance.pk,
            "arm": one.arm,
            "question": one.utterance.question.text,
            "text": one.utterance.text,
            "is_correct": one.utterance.is_correct,
            "judgments": one.judgments,
            "people": one.people,
            "listener": one.listener,
        }
        for one in row.apart
    ]
    return {**_plain(asdict(row.found)), "apart": apart}


def _named(found: NamedTuple | Estimate | Effect | Headline) -> dict[str, Any]:
    return found._asdict()


def _plain(value: Any) -> Any:
    """Named tuples, which `asdict` leaves as they are, by their names."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
