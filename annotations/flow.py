"""A participant's way through a study: enter, be shown a round, answer it, see the score. Views and bots call these.

Every move may be repeated (a second press, the back button, a form sent again after a lost connection): a repeated move changes nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from annotations import assignment
from annotations.models import ArmUtterance, Assignment, Participant, Study
from games.models import Judgment

UNDER_WAY = dt.timedelta(minutes=30)
"""What a person was given this recently counts as judged in the draw for the next person; after that they have probably left."""
MAX_MS = 2**31 - 1


class NotOpen(Exception):
    """The study takes nobody in, and no answers, at the moment."""


class NotShown(Exception):
    """This person has no such round, or has not seen it yet."""


@dataclass(frozen=True)
class Round:
    """What a person is asked to judge now."""

    position: int
    total: int
    question: str
    text: str


@dataclass(frozen=True)
class Score:
    """`right` judgments: accepted right answers and rejected wrong ones."""

    right: int
    total: int
    answered: list[Assignment]


@transaction.atomic
def enter(*, study: Study, code: str, is_bot: bool = False) -> Participant:
    """The participant of this code, who has consented; their whole session is drawn here. Entering twice gives the same person.

    Raises:
        NotOpen: the study is not open.
        annotations.assignment.NotEnoughMaterial: it has fewer questions than rounds.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)  # one draw after the other, so that each sees the last one's counts
    known = study.participants.filter(code=code).first()
    if known:
        return known
    if study.state != Study.State.OPEN:
        raise NotOpen
    material = {
        assignment.Pair(question, arm): utterance
        for question, arm, utterance in ArmUtterance.objects.filter(arm__study=study).values_list("question_id", "arm_id", "utterance_id")
    }
    judged = dict.fromkeys(material, 0) | {pair: n for pair, n in _judged(study).items() if pair in material}
    session = assignment.plan(judged=judged, rounds=study.rules.rounds, seed=f"{study.seed}/{study.participants.count()}")
    now = timezone.now()
    participant = study.participants.create(code=code, is_bot=is_bot, step=Participant.Step.ROUNDS, consented_at=now, began_at=now)
    Assignment.objects.bulk_create(
        Assignment(participant=participant, position=position, arm_id=pair.arm, question_id=pair.question, utterance_id=material[pair])
        for position, pair in enumerate(session, start=1)
    )
    return participant


def _judged(study: Study) -> dict[assignment.Pair, int]:
    counted = Q(judgment__excluded="") | Q(judgment__isnull=True, participant__entered_at__gte=timezone.now() - UNDER_WAY)
    rows = Assignment.objects.filter(counted, arm__study=study).values_list("question_id", "arm_id").annotate(n=Count("id")).order_by()
    return {assignment.Pair(question, arm): n for question, arm, n in rows}


def current(participant: Participant) -> Round | None:
    """The round that this person is at, stamped as shown from the first time on; None when all are answered."""
    row = participant.assignments.open().select_related("question", "utterance", "check_shown").first()
    if row is None:
        return None
    if row.shown_at is None:
        Assignment.objects.filter(pk=row.pk, shown_at__isnull=True).update(shown_at=timezone.now())
    question, text = (row.check_shown.question, row.check_shown.answer) if row.check_shown else (str(row.question), str(row.utterance))
    return Round(position=row.position, total=participant.assignments.count(), question=question, text=text)


@transaction.atomic
def answer(*, participant: Participant, position: int, accepted: bool, confidence: float | None = None) -> None:
    """Save the verdict on the round at this position. The first verdict stands: sending another changes nothing.

    Raises:
        NotShown: no such round, or it comes later.
        NotOpen: the study was paused or closed meanwhile.
    """
    row = participant.assignments.select_for_update().filter(position=position, shown_at__isnull=False).first()
    if row is None or row.shown_at is None or row.utterance is None:
        raise NotShown
    if row.judgment_id:
        return
    if not Study.objects.filter(pk=participant.study_id, state=Study.State.OPEN).exists():
        raise NotOpen
    now = timezone.now()
    row.judgment = Judgment.objects.create(
        utterance=row.utterance,
        listener_id=participant.study.listener_id,
        judge=participant.code,
        accepted=accepted,
        confidence=confidence,
        probability=probability(accepted, confidence),
        response_ms=min(max(0, round((now - row.shown_at).total_seconds() * 1000)), MAX_MS),
    )
    row.answered_at = now
    row.save(update_fields=["judgment", "answered_at"])
    still_open = Assignment.objects.open().filter(participant=participant)
    over = {"finished_at": now, "step": Participant.Step.DEBRIEF, "outcome": Participant.Outcome.FINISHED}
    Participant.objects.filter(pk=participant.pk, finished_at__isnull=True).exclude(assignments__in=still_open).update(**over)


def probability(accepted: bool, confidence: float | None) -> float | None:
    """Of acceptance, from a verdict and the confidence in it (LACIE, arXiv 2405.21028, human evaluation); None where nobody asked.

    >>> probability(True, 1.0), probability(False, 1.0), probability(False, 0.0), probability(True, None)
    (1.0, 0.0, 0.5, None)
    """
    if confidence is None:
        return None
    return 0.5 + confidence / 2 if accepted else (1 - confidence) / 2


def score(participant: Participant) -> Score:
    """What this person judged, with the truth, in their order."""
    answered = list(participant.assignments.answered().select_related("question", "utterance", "judgment"))
    right = sum(row.judged_well for row in answered)
    return Score(right=right, total=len(answered), answered=answered)
