"""From what each seed of each method gave to the table: means with intervals over questions and seeds, and differences to the base.

A row is one method × dataset × split × kind of confidence (× its source); the split `held-out` has the questions of relations that no method learned
from. Accept rates are a listener's alone: a stated or computed confidence
accepts nothing. Accuracy and abstention count every answer, the other figures only those that have the confidence (`with_confidence` says how
many). Knows nothing of Django.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from games import curves, over_seeds
from games.intervals import RESAMPLES
from games.metrics import Outcomes
from games.over_seeds import Against, OverSeeds
from training.benchmark.entries import BASE_LOOK, LISTENER, Look

OF_ALL = ("accuracy", "abstention", "garbled")
OF_CONFIDENCE = ("ece", "brier", "auroc")
OF_LISTENER = ("true_accept_rate", "false_accept_rate", "precision", "f1")
CORRECTED = ("accuracy", "ece", "brier", "auroc", "true_accept_rate", "false_accept_rate")
"""Whose p-values are corrected together, by Holm, over all rows of a dataset."""


@dataclass(frozen=True)
class Scene:
    """One seed of one method, looked at in one way on one dataset."""

    method: str
    dataset: str
    look: Look
    seed: int
    outcomes: Outcomes
    "Of every answer; `probability` is NaN where there is no confidence."
    split: str = "test"

    @property
    def known(self) -> Outcomes:
        return self.outcomes.where(~np.isnan(self.outcomes.probability))


class Pick(NamedTuple):
    """One seed of one method, asked which of two questions it is likelier to answer right."""

    method: str
    dataset: str
    seed: int
    pairs: int
    found: Mapping[str, Any]
    "As `training.pairwise.agreement_of` gives it."
    split: str = "test"


class Key(NamedTuple):
    method: str
    dataset: str
    split: str
    look: Look


def table(scenes: Iterable[Scene], picks: Iterable[Pick] = (), *, resamples: int = RESAMPLES) -> list[dict[str, Any]]:
    """One row a key, in the order in which they come; each metric `{"value", "low", "high", "each"}`, differences under `against`."""
    seeds: dict[Key, list[Scene]] = defaultdict(list)
    for scene in scenes:
        seeds[Key(scene.method, scene.dataset, scene.split, scene.look)].append(scene)
    rows = [_row(key, turns, seeds, resamples) for key, turns in seeds.items()]
    _correct(rows)
    return rows + _picked(picks)


UNTOLD: dict[str, float | None] = {"value": None, "low": None, "high": None}
PICKED = ("accuracy", "pairwise_agreement", "pairwise_consistency")


def _picked(picks: Iterable[Pick]) -> list[dict[str, Any]]:
    """Rows of the pairwise task. Their intervals are of questions within a seed, averaged over the seeds: they leave out how the seeds differ."""
    turns: dict[tuple[str, str, str], list[Pick]] = defaultdict(list)
    for pick in picks:
        turns[pick.method, pick.dataset, pick.split].append(pick)
    return [
        {
            "method": method,
            "dataset": dataset,
            "split": split,
            "confidence": "stated",
            "source": "pairwise",
            "seeds": len(found),
            "n": round(float(np.mean([pick.pairs for pick in found]))),
            "against": None,
            **{name: _mean([pick.found.get(name, UNTOLD) for pick in found]) for name in PICKED},
            "reliability": [],
            "risk_coverage": [],
        }
        for (method, dataset, split), found in turns.items()
    ]


def _mean(estimates: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    each = {end: [one[end] for one in estimates] for end in ("value", "low", "high")}
    means = {end: None if any(value is None for value in values) else float(np.mean(np.array(values, dtype=float))) for end, values in each.items()}
    return {**means, "each": each["value"]}


def _row(key: Key, turns: Sequence[Scene], seeds: Mapping[Key, Sequence[Scene]], resamples: int) -> dict[str, Any]:
    found = _figures(turns, resamples)
    base = _base(key, seeds)
    return {
        "method": key.method,
        "dataset": key.dataset,
        "split": key.split,
        "confidence": key.look.kind,
        "source": key.look.name or "listener",
        "seeds": len(turns),
        "n": len(turns[0].outcomes),
        "with_confidence": sum(len(turn.known) for turn in turns) / len(turns),
        **{name: {**one.mean._asdict(), "each": one.each} for name, one in found.items()},
        "against": None if base is None else _against(base, seeds[base], turns, found, resamples),
        "reliability": curves.reliability(_joined([turn.known for turn in turns])),
        "risk_coverage": curves.risk_coverage(_joined([turn.known for turn in turns])),
    }


def _figures(turns: Sequence[Scene], resamples: int) -> dict[str, OverSeeds]:
    everything = over_seeds.measure([turn.outcomes for turn in turns], resamples=resamples)
    confident = over_seeds.measure([turn.known for turn in turns], resamples=resamples) if all(len(turn.known) for turn in turns) else {}
    names = OF_CONFIDENCE + (OF_LISTENER if turns[0].look == LISTENER else ())
    return {**{name: everything[name] for name in OF_ALL}, **{name: confident[name] for name in names if confident}}


def _base(key: Key, seeds: Mapping[Key, Sequence[Scene]]) -> Key | None:
    """Whom a row is held against: the untrained base before the same look, else before the nearest of the same kind."""
    beside = [other for other in seeds if (other.dataset, other.split) == (key.dataset, key.split) and other.method != key.method]
    untrained = [other for other in beside if _is_untrained(other)]
    for look in (key.look, BASE_LOOK[key.look.kind]):
        for other in untrained:
            if other.look == look:
                return other
    return None


def _is_untrained(key: Key) -> bool:
    from training.benchmark.entries import ENTRIES

    return not ENTRIES[key.method].method


def _against(key: Key, base: Sequence[Scene], turns: Sequence[Scene], found: Mapping[str, OverSeeds], resamples: int) -> dict[str, Any]:
    there = {turn.seed for turn in turns}  # a training that somebody stopped is missing
    sides = [[turn for turn in base if turn.seed in there], turns]
    everything = over_seeds.compare(*([turn.outcomes for turn in side] for side in sides), resamples=resamples)
    confident = over_seeds.compare(*([turn.known for turn in side] for side in sides), resamples=resamples) if "auroc" in found else {}
    values = {name: (everything if name in OF_ALL else confident)[name] for name in found}
    return {"method": key.method, "source": key.look.name or "listener", **{name: _difference(one) for name, one in values.items()}}


def _difference(one: Against) -> dict[str, Any]:
    return {**one.difference._asdict(), "p": one.p}


def _correct(rows: list[dict[str, Any]]) -> None:
    """Put `p_holm` beside each p."""
    places = {
        (number, name): row["against"][name]["p"] for number, row in enumerate(rows) if row["against"] for name in CORRECTED if name in row["against"]
    }
    for dataset in {row["dataset"] for row in rows}:
        within = {f"{number}/{name}": p for (number, name), p in places.items() if rows[number]["dataset"] == dataset}
        for key, p in over_seeds.holm(within).items():
            number, name = key.split("/")
            rows[int(number)]["against"][name]["p_holm"] = p


def _joined(outcomes: Sequence[Outcomes]) -> Outcomes:
    """The answers of all seeds as one set, for a curve."""
    parts = {
        name: np.concatenate([getattr(one, name) for one in outcomes]) for name in ("question", "correct", "accepted", "probability", "abstained")
    }
    return Outcomes(**parts)
