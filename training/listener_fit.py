"""A listener fitted to the usable judgments of another one, people above all, and how well it predicts judgments that it has not seen.

Held out means: predicted by a model that has seen neither the question nor the person. Questions and people are dealt into folds; for each fold of
questions crossed with each fold of people one model is fitted on all judgments that share neither with it. So every judgment is predicted once. The
lexicon is measured on the same judgments. Target of both is the verdict (was it accepted?), not whether the answer was right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from games import metrics
from games.intervals import Estimate, percentiles
from games.listeners.base import Heard, ListenerError
from games.listeners.learned import Acceptance
from games.listeners.lexicon import LexiconListener
from games.metrics import Flags, Floats
from games.models import Judgment, Listener

FOLDS = 3
FEWEST = {"judgments": 60, "accepted": 15, "rejected": 15, "questions": 10, "people": 3}
"""Ours: below these a fold of a fold may hold one verdict only, and an interval spans everything."""
RESAMPLES = 1000
PEOPLE = "people-"
"""What a study's listener is called, before the study's name."""


@dataclass(frozen=True)
class Judged:
    """One place a judgment, in the order of their ids."""

    texts: list[str]
    question: NDArray[np.int64]
    person: NDArray[np.int64]
    "-1 for all where no person judged."
    accepted: Flags


class HeldOut(NamedTuple):
    """On judgments of unseen questions and people; `difference` is fitted minus lexicon."""

    fitted: dict[str, Estimate]
    lexicon: dict[str, Estimate]
    difference: dict[str, Estimate]


MEASURES = {"auroc": metrics.auroc, "ece": metrics.ece}


def source(name: str) -> Listener:
    """The listener of this name, or that of the study of this name.

    Raises:
        ListenerError: there is neither.
    """
    found = Listener.objects.filter(name=name).first() or Listener.objects.filter(name=f"{PEOPLE}{name}").first()
    if found is None:
        there = ", ".join(Listener.objects.filter(kind=Listener.Kind.HUMAN).values_list("name", flat=True)) or "none yet"
        raise ListenerError(f"There is neither a listener {name!r} nor one of a study of that name. Listeners of people: {there}.")
    return found


def fit(*, name: str, judge: Listener, seed: int = 0) -> Listener:
    """The learned listener `name`, fitted to all usable judgments of `judge`. The same judgments under the same name give the one that is there.

    Raises:
        ListenerError: there are too few judgments, or the name belongs to another listener.
    """
    judged = usable(judge)
    stamp = _digest(judged, seed)
    found = Listener.objects.filter(name=name).first()
    if found:
        if (found.config.get("from"), found.config.get("digest")) == (judge.name, stamp):
            return found
        raise ListenerError(f"There is a listener {name!r} already, and it was not fitted to these judgments. Choose another name.")
    refuse_few(judge, judged)
    held = held_out(judged, seed=seed)
    model = Acceptance().fit(judged.texts, judged.accepted.tolist(), judged.question.tolist())
    config = {
        "from": judge.name,
        "digest": stamp,
        "seed": seed,
        "counts": counts(judged),
        "held_out": {side: {measure: estimate._asdict() for measure, estimate in of.items()} for side, of in held._asdict().items()},
        "model": model.as_json(),
    }
    with transaction.atomic():
        return Listener.objects.create(name=name, kind=Listener.Kind.LEARNED, threshold=0.5, config=config)


def usable(judge: Listener) -> Judged:
    fields = ("utterance__masked_text", "utterance__question_id", "judge", "accepted")
    rows = list(Judgment.objects.usable().filter(listener=judge).order_by("pk").values_list(*fields))
    people = {code: number for number, code in enumerate(sorted({row[2] for row in rows} - {""}))}
    return Judged(
        texts=[row[0] for row in rows],
        question=np.array([row[1] for row in rows], dtype=np.int64),
        person=np.array([people.get(row[2], -1) for row in rows], dtype=np.int64),
        accepted=np.array([row[3] for row in rows], dtype=bool),
    )


def counts(judged: Judged) -> dict[str, int]:
    return {
        "judgments": len(judged.texts),
        "accepted": int(judged.accepted.sum()),
        "rejected": int((~judged.accepted).sum()),
        "questions": len(np.unique(judged.question)),
        "people": len(np.unique(judged.person[judged.person >= 0])),
    }


def refuse_few(judge: Listener, judged: Judged) -> None:
    """Raises ListenerError where nothing could be held out. Simulated listeners have no people, and need none."""
    there = counts(judged)
    short = {what: least for what, least in FEWEST.items() if there[what] < least and (what != "people" or judge.kind == Listener.Kind.HUMAN)}
    if short:
        told = ", ".join(f"{there[what]} {what} (at least {least})" for what, least in short.items())
        raise ListenerError(f"The usable judgments of {judge} are too few to fit and to test a listener: {told}. Collect more.")


def _digest(judged: Judged, seed: int) -> str:
    rows = [judged.texts, judged.question.tolist(), judged.person.tolist(), judged.accepted.tolist(), seed]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


# What is held out


def held_out(judged: Judged, *, seed: int = 0, folds: int = FOLDS) -> HeldOut:
    fitted = predictions(judged, seed=seed, folds=folds)
    lexicon = np.array([verdict.probability for verdict in LexiconListener({}).judge([Heard("", text) for text in judged.texts])])
    weights = _resampled(judged, seed)
    found: list[dict[str, Estimate]] = [{}, {}, {}]
    for name, measure in MEASURES.items():
        points = [float(measure(p, judged.accepted)) for p in (fitted, lexicon)]
        drawn = [measure(p, judged.accepted, weights) for p in (fitted, lexicon)]
        sides = [*zip(points, drawn, strict=True), (points[0] - points[1], drawn[0] - drawn[1])]
        for side, (value, draws) in zip(found, sides, strict=True):
            estimate = percentiles(value, draws)
            side[name] = estimate if estimate.low != estimate.high else Estimate(value)  # no width: every resample says the same, as of all ties
    return HeldOut(*found)


def predictions(judged: Judged, *, seed: int = 0, folds: int = FOLDS) -> Floats:
    """p(accept) for every judgment, each by a model that has seen neither its question nor its person."""
    found = np.full(len(judged.texts), np.nan)
    for train, test in _cells(judged, seed, folds):
        y = judged.accepted[train]
        if y.all() or not y.any():
            found[test] = (y.sum() + 1) / (len(y) + 2)
            continue
        model = Acceptance().fit([judged.texts[i] for i in train], y.tolist(), judged.question[train].tolist())
        found[test] = model.predict([judged.texts[i] for i in test])
    return found


def _cells(judged: Judged, seed: int, folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(train, test) for each fold of questions crossed with each fold of people; without people, for each fold of questions."""
    rng = np.random.default_rng(seed)
    of_question = _dealt(judged.question, folds, rng)
    people = len(np.unique(judged.person)) > 1
    of_person = _dealt(judged.person, folds, rng) if people else np.zeros(len(judged.texts), dtype=np.int64)
    for question in np.unique(of_question):
        for person in np.unique(of_person):
            test = np.flatnonzero((of_question == question) & (of_person == person))
            train = np.flatnonzero((of_question != question) & ((of_person != person) if people else True))
            if len(test) and len(train):
                yield train, test


def _dealt(groups: NDArray[np.int64], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each place; a group is in one fold, and folds have as many groups as can be."""
    names, places = np.unique(groups, return_inverse=True)
    return (rng.permutation(len(names)) % folds)[places]


def _resampled(judged: Judged, seed: int) -> Floats:
    """How often each judgment counts in each resample: questions and people drawn with replacement, the two counts multiplied."""
    rng = np.random.default_rng(seed)
    weights = np.ones((RESAMPLES, len(judged.texts)))
    for groups in (judged.question, judged.person):
        names, places = np.unique(groups, return_inverse=True)
        if len(names) > 1:
            weights *= rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)[:, places]
    return weights
