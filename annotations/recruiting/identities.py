"""Forgetting who participants are to a recruiting platform: one person who asks, all of a study, or all whose time has come.

What is deleted is the label, with the platform's ids of study and session. The participant, the answers and the payment stay, under the pseudonym;
from then on nothing here leads from one to the other, so a person who opens the entry link again is new, and nobody who is still owed money can be
named to the platform any more.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Q, QuerySet

from annotations.models import Payment, PlatformIdentity, Study


def delete(*, study: Study, person: str = "") -> int:
    """Delete the identity of the participant with this label or code, or of all (empty); how many there were. Asking again deletes none."""
    return _of(study, person).delete()[0]


def delete_due(*, today: dt.date) -> dict[str, int]:
    """Study → how many identities were deleted, of every study whose `identities_until` is over. Meant for a daily timer."""
    due = Study.objects.filter(identities_until__lt=today, identities__isnull=False).distinct()
    return {study.name: delete(study=study) for study in due}


def unpaid(*, study: Study, person: str = "") -> int:
    """Of those that `delete` would forget: how many are owed money that has not been handed to the platform."""
    return _of(study, person).filter(participant__payment__state=Payment.State.DUE).count()


def _of(study: Study, person: str) -> QuerySet[PlatformIdentity]:
    rows = PlatformIdentity.objects.filter(study=study)
    return rows.filter(Q(label=person) | Q(participant__code=person)) if person else rows
