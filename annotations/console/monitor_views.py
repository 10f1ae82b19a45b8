"""The monitor: where everybody is, the moves on a study and on one person, and the effect for who asks for it.

The effect is not on the page: whoever wants to see it before the study is over asks for it by a button, and the study's history keeps who did
and when. Looking is not forbidden, since a declared stopping rule has its looks; it just cannot happen by accident, or unseen.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from annotations.console import monitor
from annotations.console.rights import changes, edits, reads, record
from annotations.console.row_forms import MessageForm
from annotations.models import Participant, Study
from annotations.participant import material
from annotations.payments import ledger
from annotations.results import report

LOOKED = "Looked at the effect"


def context_of(study: Study, *, bots: bool, may_change: bool) -> dict[str, Any]:
    """Of the part of the page that is live: the same for the page, the websocket and the poll."""
    return {"study": study, "progress": monitor.progress(study, bots=bots), "bots": bots, "may_change": may_change}


@reads
def page(request: HttpRequest, study: Study) -> HttpResponse:
    live = context_of(study, bots=_bots(request), may_change=study.may_change(request.user))
    context = {
        **live,
        "tab": "monitor",
        "looks": looks(study).select_related("user")[:5],
        "link": request.build_absolute_uri(study.get_absolute_url()),
        "socket": f"/ws/studies/{study.name}/",
    }
    return render(request, "annotations/console/monitor.html", context)


@reads
def part(request: HttpRequest, study: Study) -> HttpResponse:
    """The live part alone, for a browser that no websocket reaches."""
    return render(request, "annotations/console/_monitor.html", context_of(study, bots=_bots(request), may_change=study.may_change(request.user)))


@edits
def effect(request: HttpRequest, study: Study) -> HttpResponse:
    """Asked for by POST, which is kept; a GET leads back to the monitor. Only who may change the study has a reason to ask before its end."""
    if request.method != "POST":
        return redirect("console:monitor", name=study.name)
    record(request, study, f"{LOOKED}.")
    context = {"study": study, "tab": "monitor", "results": report.results_of(study), "looks": looks(study).select_related("user")}
    return render(request, "annotations/console/effect.html", context)


def looks(study: Study) -> QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(Study)
    return LogEntry.objects.filter(content_type=kind, object_id=str(study.pk), change_message__startswith=LOOKED).order_by("-action_time")


@changes
def release(request: HttpRequest, study: Study) -> HttpResponse:
    n = material.release(study=study, now=timezone.now())
    record(request, study, f"Released {n} answers held by silent people.")
    messages.success(request, f"{n} answers that silent people held can be given to others." if n else "Nobody who is silent holds anything.")
    return redirect("console:monitor", name=study.name)


@reads
def person(request: HttpRequest, study: Study, code: str) -> HttpResponse:
    row = get_object_or_404(study.participants.filter(is_preview=False), code=code)
    given = row.assignments.select_related("question", "check_shown", "judgment", "utterance", "arm__speaker")
    context = {
        "study": study,
        "tab": "monitor",
        "person": row,
        "given": given,
        "answered": sum(one.answered_at is not None for one in given),
        "may_change": study.may_change(request.user),
        "form": MessageForm(initial={"message": row.message}),
    }
    return render(request, "annotations/console/person.html", context)


@changes
def message(request: HttpRequest, study: Study, code: str) -> HttpResponse:
    row = get_object_or_404(study.participants.filter(is_preview=False), code=code)
    form = MessageForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Not sent: {form.errors['message'][0]}")
    else:
        study.participants.filter(pk=row.pk).update(message=form.cleaned_data["message"])
        record(request, study, f"Message to {row}: {form.cleaned_data['message'] or '(taken back)'}")
        messages.success(request, "They will read it on their next page." if form.cleaned_data["message"] else "Taken back.")
    return redirect("console:person", name=study.name, code=code)


@changes
def return_(request: HttpRequest, study: Study, code: str) -> HttpResponse:
    """Out of the study: what they hold goes to others, what they answered stays."""
    row = get_object_or_404(study.participants.filter(is_preview=False), code=code)
    if send_back(row):
        record(request, study, f"Returned participant {row}.")
        messages.success(request, "Returned: what they held goes to others, what they answered stays.")
    else:
        messages.info(request, f"They are through already: {Participant.objects.get(pk=row.pk).outcome}.")
    return redirect("console:person", name=study.name, code=code)


@transaction.atomic
def send_back(participant: Participant) -> bool:
    """False if their outcome is final already."""
    row = Participant.objects.select_for_update(of=("self",)).select_related("study").get(pk=participant.pk)
    if row.outcome:
        return False
    row.outcome = Participant.Outcome.RETURNED
    row.save(update_fields=["outcome"])
    material.give_back(participant=row)
    ledger.settle(participant=row)
    return True


def _bots(request: HttpRequest) -> bool:
    return request.GET.get("bots") == "1"
