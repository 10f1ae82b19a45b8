"""Which judgments are stored but not used, by the rules that the protocol froze at the opening.

Every reason is derived from what the rows say and may be derived again: settling twice changes nothing. A reason that no rule gives
(somebody wrote it by hand) is never touched. Who fails too many attention checks is excluded as a person, and each of their judgments too, since
training knows judgments and no people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Count, F, Q

from annotations.models import Participant, Study
from annotations.protocol import Protocol
from games.models import Judgment

ATTENTION, KNEW_IT, TOO_FAST, TOO_LATE = "attention", "knew it", "too fast", "too late"
GIVEN_AWAY = "given to another"
"""The answer came when its place had been given back and judged by somebody else; a fact of that moment, which no rule derives again."""
REASONS = (ATTENTION, KNEW_IT, TOO_FAST, TOO_LATE)
RULES = ("", *REASONS)


def at_answer(rules: Protocol, *, seconds: float | None, knew_answer: float | None = None) -> str:
    """Why this judgment is not used, as far as it can be told on its own; empty: it is. `seconds` from the round being shown to the verdict.

    Knowledge that is normalised within the person can be told only when the person has finished: `settle`.

    >>> at_answer(Protocol.of({"exclusion": {"faster_than": 2}}), seconds=1.5)
    'too fast'
    """
    if seconds is not None and 0 < rules.timing.max_seconds < seconds:
        return TOO_LATE
    if seconds is not None and seconds < rules.exclusion.faster_than:
        return TOO_FAST
    if not rules.exclusion.knew_normalised and knew_answer is not None and knew_answer > rules.exclusion.knew_over:
        return KNEW_IT
    return ""


def normalised(knew: Iterable[float | None]) -> list[float | None]:
    """One person's answers to "did you know it", from their least (0) to their greatest (1), as in LACIE's `evaluate_hit.py`.

    Where all are the same there is no range, and they stay as they were given. Rounded, so that the middle is no more than 0.5.

    >>> normalised([0.2, None, 0.6, 0.4])
    [0.0, None, 1.0, 0.5]
    """
    values = list(knew)
    known = [value for value in values if value is not None]
    if not known or min(known) == max(known):
        return values
    least, reach = min(known), max(known) - min(known)
    return [None if value is None else round((value - least) / reach, 9) for value in values]


def settle(*, participant: Participant) -> None:
    """Mark this person, and each of their judgments, as the rules have it. Called when a session ends; may be called at any time, and again."""
    _settle(Participant.objects.filter(pk=participant.pk), participant.study.rules)
    participant.refresh_from_db(fields=["excluded"])


def settle_study(study: Study) -> None:
    """The same for everybody, those included who left without a word; two queries where nothing changes."""
    _settle(study.participants.all(), study.rules)


def _settle(people: Iterable[Participant], rules: Protocol) -> None:
    """Reads without a lock, and takes one only where something is to be written: results are read by pages with many figures at once."""
    failed = Count("assignments", filter=Q(assignments__passed=False))
    rows = list(people.annotate(failed=failed).values_list("pk", "excluded", "failed"))  # type: ignore[attr-defined]  # a queryset
    should = {pk: ATTENTION if 0 < rules.exclusion.failed_checks <= failed else "" for pk, _, failed in rows}
    by_person: dict[int, list[Judgment]] = defaultdict(list)
    judgments = Judgment.objects.filter(assignment__participant__in=should).annotate(person=F("assignment__participant_id")).order_by("id")
    for judgment in judgments.only("knew_answer", "response_ms", "excluded"):
        by_person[judgment.person].append(judgment)
    found = {
        Participant: _changed((pk, excluded, should[pk]) for pk, excluded, _ in rows),
        Judgment: _changed((one.pk, one.excluded, should[pk] or why) for pk, theirs in by_person.items() for one, why in _reasons(theirs, rules)),
    }
    if any(found.values()):
        with transaction.atomic():
            for model, changes in found.items():
                for reason, keys in changes.items():
                    model._default_manager.filter(pk__in=keys).update(excluded=reason)


def _reasons(judgments: list[Judgment], rules: Protocol) -> Iterable[tuple[Judgment, str]]:
    """One person's judgments, each with the reason it has on its own."""
    knew = [judgment.knew_answer for judgment in judgments]
    for judgment, relative in zip(judgments, normalised(knew), strict=True):
        seconds = None if judgment.response_ms is None else judgment.response_ms / 1000
        why = at_answer(rules, seconds=seconds, knew_answer=judgment.knew_answer)
        if not why and rules.exclusion.knew_normalised and relative is not None and relative > rules.exclusion.knew_over:
            why = KNEW_IT
        yield judgment, why


def _changed(rows: Iterable[tuple[int, str, str]]) -> dict[str, list[int]]:
    """Reason → the rows to mark with it, of (row, as it is, as it should be); only where a rule, or nothing, stands there now."""
    changed: dict[str, list[int]] = defaultdict(list)
    for pk, now, should in rows:
        if now != should and now in RULES:
            changed[should].append(pk)
    return changed
