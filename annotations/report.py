"""The results of a study, read from its rows: for the page, its figure and `study_results --json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Q

from annotations import exclusion
from annotations.models import Arm, Assignment, Study
from annotations.results import ArmResult, Difference, Method, Verdict, summarise


@dataclass(frozen=True)
class ArmRow:
    """An arm as staff see it. `judgments` counts all that people gave, `counts.usable` those that no rule has excluded."""

    arm: Arm
    judgments: int
    counts: ArmResult


@dataclass(frozen=True)
class DifferenceRow:
    """`arm` minus `against`."""

    arm: Arm
    against: Arm
    rates: Difference


@dataclass(frozen=True)
class StudyResults:
    study: Study
    entered: int
    finished: int
    arms: list[ArmRow]
    differences: list[DifferenceRow]
    method: Method
    people: int
    questions: int

    @property
    def usable(self) -> int:
        return sum(row.counts.usable for row in self.arms)


def results_of(study: Study, *, bots: bool = False) -> StudyResults:
    """The same number of queries however many arms, people and judgments. Bots are left out unless they are asked for."""
    exclusion.settle_study(study)
    someone = Q(assignments__participant__is_preview=False) & (Q() if bots else Q(assignments__participant__is_bot=False))
    judged = Count("assignments", filter=Q(assignments__judgment__isnull=False) & someone)
    arms = list(study.arms.select_related("speaker").annotate(judged=judged))
    by_name = {arm.name: arm for arm in arms}
    found = summarise(_verdicts(study, bots), arms=list(by_name), seed=study.seed)
    people = study.participants.filter(is_preview=False) if bots else study.participants.people()
    return StudyResults(
        study=study,
        **people.aggregate(entered=Count("id"), finished=Count("id", filter=Q(finished_at__isnull=False))),
        arms=[ArmRow(arm=arm, judgments=arm.judged, counts=counts) for arm, counts in zip(arms, found.arms, strict=True)],
        differences=[DifferenceRow(by_name[row.arm], by_name[row.against], row) for row in found.differences],
        method=found.method,
        people=found.people,
        questions=found.questions,
    )


def _verdicts(study: Study, bots: bool) -> list[Verdict]:
    rows = Assignment.objects.for_results(bots=bots).filter(arm__study=study).order_by("id")
    fields = ("arm__name", "participant__code", "question_id", "utterance__is_correct", "judgment__accepted")
    return [Verdict(*row) for row in rows.values_list(*fields)]


def as_json(found: StudyResults) -> dict[str, Any]:
    return {
        "study": found.study.name,
        "state": found.study.state,
        "listener": found.study.listener.name,
        "participants": {"entered": found.entered, "finished": found.finished},
        "intervals": {"level": 0.95, "method": found.method, "people": found.people, "questions": found.questions},
        "arms": [{**asdict(row.counts), "speaker": row.arm.speaker.name, "judgments": row.judgments} for row in found.arms],
        "differences": [asdict(row.rates) for row in found.differences],
    }
