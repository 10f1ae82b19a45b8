"""A study's material in the hands of people: drawing sessions, giving back what somebody left, drawing again for who returns.

Nothing here trusts itself: `ArmUtterance.taken` is held at `wanted` by the database, and so is one item, question, check and place a person.

On PostgreSQL people are drawn for at once: a draw locks the utterances that it wants, skips those that another draw holds, and takes others in their
place, so that nobody waits for anybody. Only where that leaves a session short (near the end of the material) are the draws of a study done one after
the other. On SQLite there is one writer (`transaction_mode=IMMEDIATE`), and the same code draws in turn.

Locks are taken in this order everywhere, so that no two can wait for each other: participant, study, utterances by id.
Called inside a transaction all of it holds, but the numbering of sessions then lasts as long as that transaction: call it outside of one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from annotations.models import ArmUtterance, Assignment, AttentionCheck, Participant, Study
from annotations.participant import assignment
from annotations.participant.assignment import Item


class Full(Exception):
    """Every judgment that the study wants has been given out, or this person has judged all that is left."""


class _Contended(Exception):
    """Others hold what this session lacks."""


def begin(*, participant: Participant) -> None:
    """Draw the whole session: rounds and attention checks. A session that has begun stays as it is, however often this is called.

    Near the end of the material it may come out shorter than the protocol's rounds. What silent people hold is given back first.

    Raises:
        Full: nothing is left; nothing is stored but the number of the session.
    """
    if participant.began_at is not None:
        return
    release(study=participant.study, now=timezone.now())
    if not participant.is_preview:
        _number(participant)
    with transaction.atomic():
        _lock(participant)
        if participant.began_at is not None:
            return
        if not _draw(participant, rounds=participant.study.rules.rounds):
            raise Full
        participant.began_at = timezone.now()
        participant.save(update_fields=["began_at", "arm"])


@transaction.atomic
def top_up(*, participant: Participant) -> int:
    """Draw again what was given back while this person was away; how many are open then. 0: nothing is left for them, they are through.

    Raises:
        Full: nothing is left, and they have judged nothing.
    """
    _lock(participant)
    rows = participant.assignments.filter(check_shown__isnull=True)
    has = rows.count()
    lacks = participant.study.rules.rounds - has
    drawn = _draw(participant, rounds=lacks, first=has) if lacks > 0 else 0
    if not drawn and not has:
        raise Full
    participant.save(update_fields=["arm"])
    return participant.assignments.open().count()


def release(*, study: Study, now: dt.datetime) -> int:
    """Give back what is held by people of whom there was no sign for `abandon_minutes`, or who are through with the study; how many utterances."""
    minutes = study.rules.timing.abandon_minutes
    last_seen = Coalesce("seen_at", "began_at", "entered_at")
    gone = ~Q(outcome=Participant.Outcome.UNDER_WAY)
    if minutes:
        gone |= Q(last_seen__lt=now - dt.timedelta(minutes=minutes))
    holding = Assignment.objects.held().filter(participant=OuterRef("pk"))
    found = study.participants.alias(last_seen=last_seen).filter(gone, Exists(holding))
    return sum(_give_back_if(pk, found) for pk in list(found.order_by("pk").values_list("pk", flat=True)))


@transaction.atomic
def give_back(*, participant: Participant) -> int:
    """Give back what one person has open; how many utterances others can have again. While they are just answering, nothing is given back.

    The round that they have before them stays theirs, without its place; of who is through with the study nothing does.
    """
    _lock(participant)
    theirs = participant.assignments.open() if participant.outcome else participant.assignments.held()
    rows = list(theirs.select_for_update(skip_locked=True, of=("self",)).values_list("pk", "item_id"))
    if len(rows) < theirs.count():
        return 0
    items = sorted(item for _, item in rows if item is not None)
    given_back = Assignment.objects.filter(pk__in=[pk for pk, _ in rows])
    if not participant.outcome:
        given_back.filter(shown_at__isnull=False).update(released_at=timezone.now(), item=None)
    given_back.filter(released_at__isnull=True).delete()
    _locked(items)
    ArmUtterance.objects.filter(pk__in=items).update(taken=F("taken") - 1)
    return len(items)


def take_back(assignment: Assignment) -> bool:
    """The place of a round that was given back, for its answer, which has come after all; False if others have had it. Called in a transaction."""
    _lock(assignment.participant)
    place = ArmUtterance.objects.filter(arm=assignment.arm_id, question=assignment.question_id, held_back="", taken__lt=F("wanted"))
    if not place.update(taken=F("taken") + 1):
        return False
    item = ArmUtterance.objects.get(arm=assignment.arm_id, question=assignment.question_id)
    Assignment.objects.filter(pk=assignment.pk).update(item=item)
    return True


@transaction.atomic
def _give_back_if(pk: int, found: QuerySet[Participant]) -> int:
    """Unless they have come back meanwhile, or somebody else is giving it back."""
    row = Participant.objects.filter(pk=pk).select_for_update(skip_locked=True, no_key=True).first()
    if row is None or not found.filter(pk=pk).exists():
        return 0
    return give_back(participant=row)


def _lock(participant: Participant) -> None:
    """Hold this person's row to the end of the transaction, and see what it says now."""
    now = Participant.objects.select_for_update(no_key=True, of=("self",)).get(pk=participant.pk)
    for name in ("arm_id", "sequence", "began_at", "outcome", "seen_at"):
        setattr(participant, name, getattr(now, name))


@transaction.atomic
def _number(participant: Participant) -> None:
    """Which session of the study this is, and between people which arm they hear: one person after the other, but for a moment only."""
    _lock(participant)
    if participant.sequence is not None:
        return
    study = Study.objects.select_for_update(no_key=True, of=("self",)).get(pk=participant.study_id)
    highest = study.participants.aggregate(highest=Max("sequence"))["highest"]
    participant.sequence = 0 if highest is None else highest + 1
    if study.rules.design == "between":
        participant.arm_id = next(iter(_arms_in_turn(study, participant.sequence)), None)
    participant.save(update_fields=["sequence", "arm"])


def _arms_in_turn(study: Study, sequence: int) -> list[int]:
    """Fewest judgments first: those given and those open (what was given back no longer counts), and a session for each person not drawn for yet."""
    people = Participant.objects.filter(arm=OuterRef("pk"), began_at__isnull=True, is_preview=False, outcome=Participant.Outcome.UNDER_WAY)
    rows = Assignment.objects.filter(arm=OuterRef("pk"), participant__is_preview=False).exclude(answered_at=None, released_at__isnull=False)
    given = study.arms.annotate(given=_count(rows, "arm"), coming=_count(people, "arm"), left=_count(_left(study), "arm"))
    by_arm = {arm.pk: arm.given + study.rules.rounds * arm.coming for arm in given}  # one statement: nobody is counted twice, or not at all
    has_some = {arm.pk: bool(arm.left) for arm in given}
    turns = assignment.fewest_first(by_arm, sequence=sequence, seed=study.seed)
    return sorted(turns, key=lambda arm: not has_some[arm])


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    counted = rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _left(study: Study) -> QuerySet[ArmUtterance]:
    return ArmUtterance.objects.filter(arm__study=study, held_back="", taken__lt=F("wanted"))


def _draw(participant: Participant, *, rounds: int, first: int = 0) -> int:
    """Take what the rule says and store it; how many utterances that is."""
    if participant.is_preview:
        session = _plan(participant, _items(ArmUtterance.objects.filter(arm__study=participant.study, held_back="")), rounds, first)
    else:
        session = _draw_beside_others(participant, rounds, first) or _draw_after_others(participant, rounds, first)
        ArmUtterance.objects.filter(pk__in=[item.pk for item in session]).update(taken=F("taken") + 1)
    if session:
        _store(participant, session, first)
    return len(session)


def _draw_beside_others(participant: Participant, rounds: int, first: int) -> list[Item]:
    """Locked, and passing over what others have locked; nothing, with no lock kept, if that does not make a whole session."""
    pool = _items(_left(participant.study).exclude(question__in=participant.assignments.filter(question__isnull=False).values("question")))
    held: set[int] = set()
    try:
        with transaction.atomic():
            while len(session := _plan(participant, pool, rounds, first)) == rounds:
                lacking = {item.pk for item in session} - held
                held |= _locked(lacking, skip_locked=True)
                if not (missed := lacking - held):
                    return session
                pool = [item for item in pool if item.pk not in missed]
            raise _Contended  # takes back the locks: who waits for others holds nothing that they may wait for
    except _Contended:
        return []


def _draw_after_others(participant: Participant, rounds: int, first: int) -> list[Item]:
    """What is left when everybody else's draw is done: the last draws of a study go one after the other."""
    study = Study.objects.select_for_update(no_key=True, of=("self",)).get(pk=participant.study_id)
    had = set(participant.assignments.filter(question__isnull=False).values_list("question", flat=True))
    pool = _items(_left(study).select_for_update(no_key=True, of=("self",)).order_by("pk"))
    return _plan(participant, [item for item in pool if item.question not in had], rounds, first)


def _locked(items: Iterable[int], *, skip_locked: bool = False) -> set[int]:
    """Those of these utterances that this transaction holds from now on, and of which more are wanted."""
    rows = ArmUtterance.objects.filter(pk__in=items).select_for_update(skip_locked=skip_locked, no_key=True).order_by("pk")
    return {pk for pk, taken, wanted in rows.values_list("pk", "taken", "wanted") if taken < wanted}


def _items(rows: QuerySet[ArmUtterance]) -> list[Item]:
    return [Item(*row) for row in rows.values_list("pk", "question_id", "arm_id", "utterance_id", "taken")]


def _plan(participant: Participant, pool: list[Item], rounds: int, first: int) -> list[Item]:
    study, sequence = participant.study, participant.sequence or 0
    if study.rules.design == "within":
        arms = list(study.arms.values_list("pk", flat=True))
        return assignment.plan(pool, arms=arms, rounds=rounds, sequence=sequence, seed=study.seed, first=first)
    there = {item.arm for item in pool}
    if participant.arm_id not in there and not first:  # given out between this person's number and their draw
        participant.arm_id = next((arm for arm in _arms_in_turn(study, sequence) if arm in there), participant.arm_id)
    arms = [participant.arm_id] if participant.arm_id in there else []
    return assignment.plan(pool, arms=arms, rounds=rounds, sequence=sequence, seed=study.seed, first=first)


def _store(participant: Participant, session: Sequence[Item], first: int) -> None:
    """The session with its attention checks, after what this person has had."""
    seed = f"{participant.study.seed}/checks/{participant.sequence or 0}/{first}"
    start = 1 + (participant.assignments.aggregate(last=Max("position"))["last"] or 0)
    Assignment.objects.bulk_create(
        _row(participant, position, given)
        for position, given in enumerate(assignment.mixed(session, _checks(participant, session, seed), seed=seed), start)
    )


def _row(participant: Participant, position: int, given: Item | AttentionCheck) -> Assignment:
    if isinstance(given, AttentionCheck):
        return Assignment(participant=participant, position=position, check_shown=given)
    return Assignment(
        participant=participant,
        position=position,
        item_id=None if participant.is_preview else given.pk,
        arm_id=given.arm,
        question_id=given.question,
        utterance_id=given.utterance,
    )


def _checks(participant: Participant, session: Sequence[Item], seed: str) -> list[AttentionCheck]:
    """No more than rounds, none that this person has had."""
    had = set(participant.assignments.filter(check_shown__isnull=False).values_list("check_shown", flat=True))
    there = [check for check in participant.study.checks.filter(is_practice=False) if check.pk not in had]
    number = min(participant.study.rules.steps.attention - len(had), len(session))
    return assignment.pick_checks(there, expects=lambda check: check.expects_accept, number=number, seed=seed)
