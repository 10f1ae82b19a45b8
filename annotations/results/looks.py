"""Looks at the effect of a study that is under way: hidden until somebody asks, and who asked is kept, since the declared stopping rule has counted
its looks. A study that is over hides nothing, nor does one that bots alone have judged.
"""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.models import User
from django.utils import timezone

from annotations.models import Assignment, Look, Study

LASTS = dt.timedelta(hours=1)
"""How long a look's page, figures and files may be loaded again: a bookmark is no standing view of the effect."""


def is_hidden(study: Study) -> bool:
    if study.state not in (Study.State.OPEN, Study.State.PAUSED):
        return False
    given = Assignment.objects.filter(arm__study=study, judgment__isnull=False)
    return given.filter(participant__is_bot=False, participant__is_preview=False).exists()


def take(*, study: Study, by: str, user: User | None = None) -> Look:
    """Written down before anything is shown. `by`: the login, or for a command the account that ran it."""
    return Look.objects.create(study=study, user=user, by=by)


def may_see(*, study: Study, user: User, look: str) -> bool:
    """Whether nothing is hidden, or `look` is this person's own, and recent."""
    if not is_hidden(study):
        return True
    mine = Look.objects.filter(study=study, user=user.pk, at__gt=timezone.now() - LASTS)
    return look.isdecimal() and mine.filter(pk=look).exists()
