"""Who may see and do what on a study's staff pages: every view of the console goes through one of these two.

Who may not see a study does not learn that it is there (404); who may only read it is refused every change (403).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotations.models import Study

View = Callable[..., HttpResponse]
MAY_CREATE = "annotations.add_study"


def reads(view: View) -> View:
    """GET, for whoever may see the study; the view takes it instead of its name."""
    return require_safe(_guarded(view, to_change=False))


def changes(view: View) -> View:
    """POST, for whoever may change the study."""
    return require_POST(_guarded(view, to_change=True))


def edits(view: View) -> View:
    """Shown to whoever may see the study, and sent by whoever may change it."""
    return _guarded(view, to_change=None)


def _guarded(view: View, *, to_change: bool | None) -> View:
    @wraps(view)
    @never_cache
    @staff_member_required
    def guarded(request: HttpRequest, name: str, **kwargs: Any) -> HttpResponse:
        study = get_object_or_404(Study.objects.visible_to(request.user).select_related("listener", "owner", "previous"), name=name)
        changing = request.method not in ("GET", "HEAD") if to_change is None else to_change
        if changing and not study.may_change(request.user):
            raise PermissionDenied(f"You may read study '{study}', and not change it.")
        return view(request, study, **kwargs)

    return guarded


def user_of(request: HttpRequest) -> User:
    """Whom the guards above have let in."""
    return cast(User, request.user)


def record(request: HttpRequest, study: Study, what: str) -> None:
    """Into the study's history, which the admin shows: who did this, and when."""
    LogEntry.objects.log_actions(user_of(request).pk, [study], CHANGE, change_message=what, single_object=True)
