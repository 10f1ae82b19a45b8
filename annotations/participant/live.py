"""Live arms, as a participant has them: when an answer begins and ends on the page, and which answer it is.

In a study with a pace every answer is streamed, of live and recorded arms and attention checks alike: nothing for `lead` seconds after the
question was shown (a live speaker writes meanwhile, see `live_speaking`), then word by word over `pace` seconds, however long it is. The clock
starts when the question is shown and is the same for all: neither the beginning nor the end tells the arm. When an answer has to begin it is
decided for good what this person hears: what the speaker said, or else the recorded utterance.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from annotations.models import Assignment, LiveAnswer, SpeakerServer, Study
from annotations.protocol import Protocol

DECIDING = 0.25
"""Seconds between the decision and the first word: looking up one answer may take longer than another, and nobody is to see that."""


class Schedule(NamedTuple):
    """In seconds after the question was shown."""

    decided: float
    begins: float
    ends: float


def schedule(rules: Protocol) -> Schedule:
    """All zero where nothing is streamed."""
    if not rules.pace:
        return Schedule(0.0, 0.0, 0.0)
    return Schedule(rules.lead, rules.lead + DECIDING, rules.lead + DECIDING + rules.pace)


def pieces(text: str) -> list[str]:
    """The words with the space before them; together they are the text.

    >>> pieces("It's Paris,  I think.")
    ["It's", ' Paris,', '  I', ' think.']
    """
    found = re.findall(r"\s*\S+", text)
    rest = text[sum(map(len, found)) :]
    return [*found[:-1], found[-1] + rest] if found else [text] if text else []


def heard(*, assignment: Assignment, rules: Protocol, seconds: float) -> str | None:
    """What this person has been told in whole `seconds` after the question was shown; None as long as it is still being streamed.

    Needs `utterance` and `check_shown` loaded; where nothing is streamed it costs no query.
    """
    if rules.pace:
        if seconds < schedule(rules).ends:
            return None
        assignment = decide(assignment)
    return assignment.check_shown.answer if assignment.check_shown else str(assignment.utterance or "")


def decide(assignment: Assignment) -> Assignment:
    """The assignment with what this person hears, for good. Only to be called once the answer has to begin: what is not there is too late."""
    rows = Assignment.objects.select_related("utterance", "check_shown", "arm")
    row = rows.get(pk=assignment.pk)
    if row.arm is None or not row.arm.is_live or row.source != Assignment.Source.FIXED:
        return row
    _too_late(row.pk)
    return rows.get(pk=assignment.pk)


@transaction.atomic
def _too_late(assignment: int) -> None:
    """Close the live answer unless it has been said; whoever is still writing it finds it closed. Locks as everywhere: first the assignment."""
    Assignment.objects.select_for_update().get(pk=assignment)
    over = {"state": LiveAnswer.State.LATE, "finished_at": timezone.now()}
    _, is_new = LiveAnswer.objects.get_or_create(assignment_id=assignment, defaults=over)
    closed = is_new or LiveAnswer.objects.filter(assignment=assignment, state=LiveAnswer.State.WRITING).update(**over)
    if closed:
        fall_back(assignment)


def fall_back(assignment: int) -> None:
    """The recorded utterance, which the row has had from the beginning, is what is heard."""
    Assignment.objects.filter(pk=assignment, source=Assignment.Source.FIXED).update(source=Assignment.Source.FALLBACK)


def answering() -> set[str] | None:
    """Names of the speakers that some `serve_speakers` has loaded and answers for; None where none runs."""
    servers = SpeakerServer.objects.filter(beat_at__gt=timezone.now() - SpeakerServer.SILENT).values_list("loaded", flat=True)
    return {name for names in servers for name in names} if servers else None


def problems(study: Study) -> list[str]:
    """What would make a live arm a recorded one, for the checklist before opening."""
    if study.arms.filter(is_live=True).exists() and not study.rules.pace:
        return [
            "pace: an arm is live, so every answer has to be streamed at one pace. Set it to the seconds that an answer is to take, for example 4."
        ]
    return []
