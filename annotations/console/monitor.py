"""Where a study stands now: who is where, what is usable, how fast it goes. Read from the rows alone, in the same few queries for ten people and
for three hundred.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils import timezone

from annotations.models import Arm, Assignment, Participant, Study
from annotations.participant import live

WINDOW = dt.timedelta(hours=1)
"""Over which the speed is taken."""
MOST_SHOWN = 300
"""People on the page, those under way and the latest first; all of them are in the counts and in the data."""


@dataclass(frozen=True)
class Person:
    code: str
    where: str
    answered: int
    total: int
    minutes: int | None
    "In the study so far, or altogether."
    idle: int | None
    "Minutes without a sign; None for who is through."
    is_silent: bool
    "Longer than the protocol waits: what they hold is given back."
    excluded: str
    message: str


@dataclass(frozen=True)
class ArmProgress:
    name: str
    speaker: str
    collected: int
    usable: int
    excluded: list[tuple[str, int]]
    "Reason and count, the most frequent first."
    goal: int
    is_live: bool
    answers: bool
    "Whether a live arm's speaker is loaded somewhere; if not, people hear recorded answers."

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.usable / self.goal)) if self.goal else 0


@dataclass(frozen=True)
class Progress:
    entered: int
    outcomes: list[tuple[str, int]]
    steps: list[tuple[str, int]]
    "Of who is under way, in the order of the session."
    silent: int
    excluded: list[tuple[str, int]]
    bots: int
    arms: list[ArmProgress]
    an_hour: int
    ends_in: float | None
    "Hours to the goal at this speed; None: nothing comes in, or it is reached."
    people: list[Person]
    more: int

    @property
    def under_way(self) -> int:
        return sum(n for _, n in self.steps)

    @property
    def finished(self) -> int:
        return dict(self.outcomes).get(Participant.Outcome.FINISHED, 0)


def progress(study: Study, *, bots: bool = False, now: dt.datetime | None = None) -> Progress:
    """With `bots` they count as people."""
    now = now or timezone.now()
    everybody = study.participants.filter(is_preview=False)
    counted = everybody if bots else everybody.filter(is_bot=False)
    rows = list(
        counted.annotate(answered=Count("assignments", filter=Q(assignments__answered_at__isnull=False)), total=Count("assignments")).order_by(
            F("outcome").asc(), F("seen_at").desc(nulls_last=True), "-id"
        )
    )
    silent_after = study.rules.timing.abandon_minutes
    people = [_person(row, now, silent_after) for row in rows]
    arms = _arms(study, bots)
    speed = _given(study, bots).filter(answered_at__gte=now - WINDOW).count()
    steps = Counter(row.step for row in rows if not row.outcome)
    return Progress(
        entered=len(rows),
        outcomes=Counter(row.outcome for row in rows if row.outcome).most_common(),
        steps=[(step, steps[step]) for step in Participant.Step.values if steps[step]],
        silent=sum(person.is_silent for person in people),
        excluded=Counter(row.excluded for row in rows if row.excluded).most_common(),
        bots=everybody.filter(is_bot=True).count(),
        arms=arms,
        an_hour=speed,
        ends_in=_ends_in(arms, speed),
        people=people[:MOST_SHOWN],
        more=max(0, len(people) - MOST_SHOWN),
    )


def _given(study: Study, bots: bool) -> QuerySet[Assignment]:
    """Judgments that people gave of answers; attention checks are none."""
    given = Assignment.objects.filter(arm__study=study, judgment__isnull=False, participant__is_preview=False)
    return given if bots else given.filter(participant__is_bot=False)


def _person(row: Participant, now: dt.datetime, silent_after: float) -> Person:
    seen = row.seen_at or row.began_at or row.consented_at or row.entered_at
    idle = None if row.outcome else _minutes(seen, now)
    return Person(
        code=row.code,
        where=row.outcome or row.step,
        answered=row.answered,  # type: ignore[attr-defined]  # annotated above
        total=row.total,  # type: ignore[attr-defined]  # annotated above
        minutes=_minutes(row.entered_at, row.finished_at or (now if not row.outcome else seen)),
        idle=idle,
        is_silent=idle is not None and 0 < silent_after <= idle,
        excluded=row.excluded,
        message=row.message,
    )


def _minutes(since: dt.datetime, until: dt.datetime) -> int:
    return max(0, int((until - since).total_seconds() // 60))


def _arms(study: Study, bots: bool) -> list[ArmProgress]:
    arms = list(study.arms.select_related("speaker").annotate(wanted=Sum("shown__wanted", filter=Q(shown__held_back=""))))
    reasons: dict[int, Counter[str]] = {arm.pk: Counter() for arm in arms}
    for arm, reason, n in _given(study, bots).order_by().values_list("arm", "judgment__excluded").annotate(n=Count("id")):
        reasons[arm][reason] = n
    loaded = live.answering() or set()
    return [_arm(study, arm, reasons[arm.pk], loaded) for arm in arms]


def _arm(study: Study, arm: Arm, reasons: Counter[str], loaded: set[str]) -> ArmProgress:
    return ArmProgress(
        name=arm.name,
        speaker=arm.speaker.name,
        collected=sum(reasons.values()),
        usable=reasons[""],
        excluded=[(reason, n) for reason, n in reasons.most_common() if reason],
        goal=study.rules.stopping.goal or arm.wanted or 0,  # type: ignore[attr-defined]  # annotated above
        is_live=arm.is_live,
        answers=arm.speaker.name in loaded,
    )


def _ends_in(arms: list[ArmProgress], an_hour: int) -> float | None:
    """At the share of the last hour's judgments that is usable so far."""
    collected, usable = sum(arm.collected for arm in arms), sum(arm.usable for arm in arms)
    missing = sum(max(0, arm.goal - arm.usable) for arm in arms)
    if not (an_hour and usable and missing):
        return None
    return missing / (an_hour * usable / collected)


def last_change(study: Study) -> tuple[object, ...]:
    """Cheap to ask every second: differs when anything that the monitor shows may have changed."""
    people = study.participants.aggregate(n=Count("id"), seen=Max("seen_at"), entered=Max("entered_at"), through=Count("id", filter=~Q(outcome="")))
    state = Study.objects.values_list("state", flat=True).get(pk=study.pk)
    answered = Assignment.objects.filter(participant__study=study).aggregate(at=Max("answered_at"), n=Count("id"))
    return (state, *people.values(), *answered.values(), *sorted(live.answering() or ()))
