"""The monitor: where everybody is, and the moves on a study and on one person. The effect is not on it: `annotations.results.looks`."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from annotations.console import monitor
from annotations.console.rights import changes, reads, record
from annotations.console.row_forms import MessageForm
from annotations.models import Participant, Study
from annotations.participant import material
from annotations.payments import ledger
from annotations.results import looks


def context_of(study: Study, *, bots: bool, may_change: bool) -> dict[str, Any]:
    """Of the part of the page that is live: the same for the page, the websocket and the poll."""
    return {"study": study, "progress": monitor.progress(study, bots=bots), "bots": bots, "may_change": may_change}


@reads
def page(request: HttpRequest, study: Study) -> HttpResponse:
    live = context_of(study, bots=_bots(request), may_change=study.may_change(request.user))
    context = {
        **live,
        "tab": "monitor",
        "hidden": looks.is_hidden(study),
        "looks": study.looks.all()[:5],
        "link": request.build_absolute_uri(study.get_absolute_url()),
        "socket": f"/ws/studies/{study.name}/",
    }
    return render(request, "annotations/console/monitor.html", context)


@reads
def part(request: HttpRequest, study: Study) -> HttpResponse:
    """The live part alone, for a browser that no websocket reaches."""
    return render(request, "annotations/console/_monitor.html", context_of(study, bots=_bots(request), may_change=study.may_change(request.user)))


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
