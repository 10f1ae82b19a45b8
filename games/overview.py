"""The plain counts on the pages of a game and a speaker. Metrics with intervals are `games.metrics`; these only say how things stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q

from games.models import Game, Judgment, Speaker, Utterance, UtteranceQuerySet

RIGHT = Q(utterance__is_correct=True)
WRONG = Q(utterance__is_correct=False)


def share(part: int, whole: int) -> float | None:
    """In percent; None of nothing."""
    return 100 * part / whole if whole else None


@dataclass(frozen=True)
class Counts:
    """Of a set of utterances. `wrong` includes those that abstained."""

    utterances: int = 0
    right: int = 0
    wrong: int = 0
    abstained: int = 0

    @property
    def accuracy(self) -> float | None:
        return share(self.right, self.right + self.wrong)

    @property
    def abstention(self) -> float | None:
        return share(self.abstained, self.utterances)


@dataclass(frozen=True)
class Acceptance:
    """How one listener took right and wrong answers; abstentions count as wrong ones, as in the evaluations."""

    listener: str
    right_accepted: int
    right: int
    wrong_accepted: int
    wrong: int

    @property
    def true_accept_rate(self) -> float | None:
        return share(self.right_accepted, self.right)

    @property
    def false_accept_rate(self) -> float | None:
        return share(self.wrong_accepted, self.wrong)


@dataclass
class Figures:
    """One game of a speaker (or its recorded answers to one split) and how each listener took it."""

    dataset: str
    split: str
    game: int | None
    counts: Counts
    acceptance: list[Acceptance] = field(default_factory=list)


COUNTED = {
    "utterances": Count("pk"),
    "right": Count("pk", filter=Q(is_correct=True)),
    "wrong": Count("pk", filter=Q(is_correct=False)),
    "abstained": Count("pk", filter=Q(answer__isnull=True)),
}
ACCEPTED = {
    "right_accepted": Count("pk", filter=RIGHT & Q(accepted=True)),
    "right": Count("pk", filter=RIGHT),
    "wrong_accepted": Count("pk", filter=WRONG & Q(accepted=True)),
    "wrong": Count("pk", filter=WRONG),
}
GROUP = ("question__dataset__name", "question__split", "game")


def counts(utterances: UtteranceQuerySet) -> Counts:
    return Counts(**utterances.aggregate(**COUNTED))


def acceptance(game: Game) -> list[Acceptance]:
    """One row a listener, by its usable judgments of this game's answers."""
    judgments = Judgment.objects.usable().filter(utterance__game=game)
    rows = judgments.order_by("listener__name").values("listener__name").annotate(**ACCEPTED)
    return [_acceptance(row) for row in rows]


def figures(speaker: Speaker) -> list[Figures]:
    """Two queries, however many games and listeners there are."""
    said = Utterance.objects.filter(speaker=speaker).order_by(*GROUP).values(*GROUP).annotate(**COUNTED)
    found = {_group(row): Figures(*_group(row), counts=Counts(**{name: row[name] for name in COUNTED})) for row in said}
    by = (*(f"utterance__{name}" for name in GROUP), "listener__name")
    judgments = Judgment.objects.usable().filter(utterance__speaker=speaker)
    for row in judgments.order_by(*by).values(*by).annotate(**ACCEPTED):
        found[_group(row, "utterance__")].acceptance.append(_acceptance(row))
    return list(found.values())


def _group(row: Mapping[str, Any], prefix: str = "") -> tuple[str, str, int | None]:
    dataset, split, game = (row[prefix + name] for name in GROUP)
    return dataset, split, game


def _acceptance(row: Mapping[str, Any]) -> Acceptance:
    return Acceptance(listener=row["listener__name"], **{name: row[name] for name in ACCEPTED})
