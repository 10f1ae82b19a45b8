"""The builder: the list of studies, a study's own page, its sections, and the moves between draft, open and closed."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotations.building import checklist, freezing, setup
from annotations.console import forms, row_forms
from annotations.console.rights import MAY_CREATE, changes, edits, reads, record, user_of
from annotations.console.sections import SECTIONS
from annotations.models import Study
from annotations.participant.views import remember
from annotations.payments import ledger


@require_safe
@never_cache
@staff_member_required
def studies(request: HttpRequest) -> HttpResponse:
    person = Q(participants__is_bot=False, participants__is_preview=False)
    people = Count("participants", distinct=True, filter=person)
    finished = Count("participants", distinct=True, filter=person & Q(participants__outcome="finished"))
    rows = Study.objects.visible_to(request.user).annotate(people=people, finished=finished).select_related("owner").prefetch_related("arms__speaker")
    return render(request, "annotations/console/studies.html", {"studies": rows, "may_create": request.user.has_perm(MAY_CREATE)})


@never_cache
@staff_member_required
def create(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(MAY_CREATE):
        raise PermissionDenied("Creating studies needs the permission 'Can add study', which an administrator gives.")
    form = row_forms.CreateForm(request.POST if request.method == "POST" else None)
    if name := request.GET.get("speaker"):
        form.initial = row_forms.arms_with(name)
        if not form.initial:
            messages.error(request, f"There is no speaker {name[:100]!r} that has answered questions. Play a game with it first, or choose others.")
    if request.method == "POST" and form.is_valid():
        study = form.create(owner=user_of(request), seed=secrets.randbelow(2**31))
        if study is not None:
            record(request, study, "Created in the console.")
            return redirect("console:study", name=study.name)
    return render(request, "annotations/console/create.html", {"form": form}, status=400 if form.errors else 200)


@reads
def study(request: HttpRequest, study: Study) -> HttpResponse:
    """A draft: what is decided, what is left to do. Afterwards: what was frozen."""
    is_draft = study.state == Study.State.DRAFT
    items = checklist.of(study) if is_draft else []
    context = {
        "study": study,
        "tab": "study",
        "may_change": study.may_change(request.user),
        "sections": [(section, section.summary(study)) for section in SECTIONS.values()],
        "items": items,
        "stops": sum(item.level == "stop" for item in items),
        "forecast": ledger.forecast(study),
        "link": request.build_absolute_uri(study.get_absolute_url()),
        "intact": is_draft or freezing.digest_of(study) == study.digest,
    }
    return render(request, "annotations/console/study.html", context)


@edits
def section(request: HttpRequest, study: Study, key: str) -> HttpResponse:
    section = SECTIONS.get(key)
    if section is None or section.form is None:
        raise Http404(f"A study has no section '{key}'.")
    form = section.form(request.POST if request.method == "POST" else None, study=study)
    if request.method == "POST":
        refuse_frozen(study)
        if form.is_valid() and form.save():
            record(request, study, f"{section.title} changed.")
            messages.success(request, f"{section.title}: saved.")
            return redirect("console:study", name=study.name)
    context = {**frame(request, study), "section": section, "form": form, "forecast": ledger.forecast(study) if key == "payment" else None}
    return render(request, "annotations/console/section.html", context, status=400 if form.is_bound else 200)


@reads
def forecast(request: HttpRequest, study: Study) -> HttpResponse:
    """What the payment as it stands in the form would cost; nothing is saved."""
    form = forms.PaymentForm(request.GET, study=study)
    study.rules = form.changed_rules() if form.is_valid() else study.rules
    return render(request, "annotations/console/_forecast.html", {"study": study, "forecast": ledger.forecast(study), "invalid": form.errors})


@changes
def open_(request: HttpRequest, study: Study) -> HttpResponse:
    was = study.state
    try:
        setup.open_study(study)
    except setup.SetupError as error:
        messages.error(request, str(error))
        return redirect("console:study", name=study.name)
    record(request, study, "Opened." if was == Study.State.DRAFT else "Resumed.")
    messages.success(request, "The study is open: people can enter." if was == Study.State.DRAFT else "The study goes on.")
    return redirect("console:monitor" if was != Study.State.DRAFT else "console:study", name=study.name)


@changes
def pause(request: HttpRequest, study: Study) -> HttpResponse:
    if setup.pause_study(study):
        record(request, study, "Paused.")
        messages.success(request, "Paused: nobody can enter or answer until you resume. What is saved stays.")
    return redirect("console:monitor", name=study.name)


@changes
def close(request: HttpRequest, study: Study) -> HttpResponse:
    if request.POST.get("sure") != "yes":
        messages.error(request, "Closing is for good. Tick that you mean it.")
    elif setup.close_study(study):
        record(request, study, "Closed.")
        messages.success(request, "Closed. The results are final.")
    return redirect("console:monitor", name=study.name)


@changes
def version(request: HttpRequest, study: Study) -> HttpResponse:
    copy = setup.new_version(study, owner=user_of(request))
    record(request, copy, f"Made from version {study.version}, '{study}'.")
    messages.success(request, f"Version {copy.version} is a draft, with everything but the people and the codes.")
    return redirect("console:study", name=copy.name)


@changes
def preview(request: HttpRequest, study: Study) -> HttpResponse:
    """Into the study as a participant, again and again."""
    return remember(redirect(study), setup.begin_preview(study, user_of(request)))


def frame(request: HttpRequest, study: Study) -> dict[str, Any]:
    """What every page of the builder needs to know: may this be edited, and if not, why."""
    is_draft, may_change = study.state == Study.State.DRAFT, study.may_change(request.user)
    return {"study": study, "tab": "study", "may_change": may_change, "is_draft": is_draft, "editable": is_draft and may_change}


def refuse_frozen(study: Study) -> None:
    """
    Raises:
        PermissionDenied: the study has been opened; the page says to make a new version.
    """
    if study.state != Study.State.DRAFT:
        raise PermissionDenied(f"Study '{study}' is {study.state}, and what was frozen cannot be changed. Make a new version of it.")
