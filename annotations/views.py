"""What participants see of a study, and what staff see of its results.

A participant is known by a signed cookie that this study alone reads; none of these pages tells which speaker is heard.
"""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.core import signing
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from annotations import flow, report
from annotations.forms import AnswerForm
from annotations.models import Participant, Study, participant_code

COOKIE = "participant"
COOKIE_SECONDS = 60 * 60 * 24 * 60
SECONDS_A_ROUND = 15
"""What the consent page reckons with."""


@require_safe
@never_cache
def study(request: HttpRequest, name: str) -> HttpResponse:
    """The one address of a session: consent, then the round this person is at, at the end their score."""
    row = _study(name)
    participant = _participant(request, row)
    if participant is None:
        return _consent(request, row)
    return _page(request, row, participant)


@require_POST
@never_cache
def consent(request: HttpRequest, name: str) -> HttpResponse:
    """Start a session. The form carries a code drawn for it, so that sending it twice starts one session."""
    row = _study(name)
    participant = _participant(request, row)
    if participant is None:
        try:
            code = signing.Signer(salt=_salt(row)).unsign(request.POST.get("code", ""))
            participant = flow.enter(study=row, code=code)
        except signing.BadSignature:
            return _consent(request, row, status=400)
        except flow.NotOpen:
            return redirect(row)
    response = redirect(row)
    _remember(response, row, participant)
    return response


@require_POST
@never_cache
def answer(request: HttpRequest, name: str) -> HttpResponse:
    """Save one verdict; the answer is the next round."""
    row = _study(name)
    participant = _participant(request, row)
    if participant is None:
        return HttpResponseClientRedirect(row.get_absolute_url()) if _by_htmx(request) else redirect(row)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _refuse(request, row, participant, status=400)
    try:
        flow.answer(participant=participant, position=form.cleaned_data["position"], accepted=form.cleaned_data["verdict"] == "accept")
    except flow.NotShown:
        return _refuse(request, row, participant, status=409)
    except flow.NotOpen:
        pass  # what follows says so
    if _by_htmx(request):
        context = {"study": row, **_where(participant)}
        return render(request, context["part"], context)
    return redirect(row)  # so that loading the page again sends nothing again


@require_safe
@never_cache
def studies(request: HttpRequest) -> HttpResponse:
    if not request.user.is_staff:
        return redirect("home")
    people = Count("participants", distinct=True, filter=Q(participants__is_bot=False))
    finished = Count("participants", distinct=True, filter=Q(participants__is_bot=False, participants__finished_at__isnull=False))
    rows = Study.objects.visible_to(request.user).annotate(people=people, finished=finished).prefetch_related("arms__speaker")
    return render(request, "annotations/studies.html", {"studies": rows})


@require_safe
@staff_member_required
@never_cache
def results(request: HttpRequest, name: str) -> HttpResponse:
    row = get_object_or_404(Study.objects.visible_to(request.user), name=name)
    return render(
        request,
        "annotations/results.html",
        {"study": row, "results": report.results_of(row), "link": request.build_absolute_uri(row.get_absolute_url())},
    )


@require_safe
@staff_member_required
@never_cache
def results_figure(request: HttpRequest, name: str) -> HttpResponse:
    from annotations import plots  # matplotlib takes a second to import: not at the start of every command

    rows = report.results_of(get_object_or_404(Study.objects.visible_to(request.user), name=name)).arms
    figure = plots.acceptance([row.counts for row in rows], [row.arm.speaker.name for row in rows])
    return HttpResponse(figure, content_type="image/svg+xml")


def _study(name: str) -> Study:
    """A study that its participants may know of: a draft is not there for them."""
    row = Study.objects.filter(name=name).exclude(state=Study.State.DRAFT).first()
    if row is None:
        raise Http404
    return row


def _participant(request: HttpRequest, row: Study) -> Participant | None:
    code = request.get_signed_cookie(COOKIE, default=None, salt=_salt(row))
    return row.participants.filter(code=code).first() if code else None


def _remember(response: HttpResponse, row: Study, participant: Participant) -> None:
    response.set_signed_cookie(
        COOKIE,
        participant.code,
        salt=_salt(row),
        max_age=COOKIE_SECONDS,
        path=row.get_absolute_url(),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _by_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]  # set by HtmxMiddleware


def _salt(row: Study) -> str:
    return f"annotations.participant/{row.name}"


def _consent(request: HttpRequest, row: Study, status: int = 200) -> HttpResponse:
    if row.state != Study.State.OPEN:
        return render(request, "annotations/session.html", {"study": row, "part": "annotations/_not_open.html"})
    code = signing.Signer(salt=_salt(row)).sign(participant_code())
    context = {"study": row, "code": code, "again": status != 200, "minutes": math.ceil(row.rules.rounds * SECONDS_A_ROUND / 60)}
    return render(request, "annotations/consent.html", context, status=status)


def _page(request: HttpRequest, row: Study, participant: Participant, status: int = 200) -> HttpResponse:
    return render(request, "annotations/session.html", {"study": row, **_where(participant)}, status=status)


def _refuse(request: HttpRequest, row: Study, participant: Participant, status: int) -> HttpResponse:
    """The page as it is for this person now; by htmx, the order to load it, since htmx shows no refusal."""
    if _by_htmx(request):
        return HttpResponse(status=status, headers={"HX-Redirect": row.get_absolute_url()})
    return _page(request, row, participant, status=status)


def _where(participant: Participant) -> dict[str, Any]:
    """The part of the session to show this person now, with what it needs."""
    if participant.study.state != Study.State.OPEN and not participant.finished_at:
        return {"part": "annotations/_not_open.html", "participant": participant}
    now = flow.current(participant)
    if now is None:
        return {"part": "annotations/_thanks.html", "score": flow.score(participant)}
    return {"part": "annotations/_round.html", "round": now}
