"""The payments page of a study, for staff: what is owed, the batches, and the lists for the platform.

Observers see amounts under pseudonyms; who a person is to the platform, and every list that says so, is for those who may change the study.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotations.models import Payment, Study
from annotations.payments import ledger

PEOPLE_A_PAGE = 100


@require_safe
@staff_member_required
@never_cache
def overview(request: HttpRequest, name: str) -> HttpResponse:
    study = _visible(request, name)
    page = Paginator(Payment.objects.for_page(study), PEOPLE_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "study": study,
        "tab": "payments",
        "may_change": study.may_change(request.user),
        "outcomes": ledger.by_outcome(study),
        "due": ledger.due(study),
        "batches": ledger.batches(study),
        "files": ledger.FILES.values(),
        "forecast": ledger.forecast(study),
        "page": page,
        "rows": [(row, ledger.label_of(row)) for row in page],
    }
    return render(request, "annotations/payments.html", context)


@require_POST
@staff_member_required
@never_cache
def export(request: HttpRequest, name: str) -> HttpResponse:
    study = _changeable(request, name)
    batch = ledger.export(study=study, now=timezone.now())
    if batch:
        messages.success(request, f"Batch {batch} is ready: its lists are below. What is in it will not be offered again.")
    else:
        messages.info(request, "Nothing was due: everything had been put into a batch already.")
    return redirect("annotations:payments", name)


@require_POST
@staff_member_required
@never_cache
def paid(request: HttpRequest, name: str, batch: str) -> HttpResponse:
    study = _changeable(request, name)
    count = ledger.mark_paid(study=study, batch=batch)
    messages.success(request, f"Batch {batch}: {count} marked as paid." if count else f"Batch {batch} was marked as paid already.")
    return redirect("annotations:payments", name)


@require_safe
@staff_member_required
@never_cache
def download(request: HttpRequest, name: str, batch: str, file: str) -> HttpResponse:
    study = _changeable(request, name)
    rows = ledger.of_batch(study=study, batch=batch)
    if file not in ledger.FILES or not rows:
        raise Http404
    wanted = ledger.FILES[file]
    disposition = f'attachment; filename="{study.name}-{batch}-{file}"'
    return HttpResponse(wanted.write(rows), content_type=f"{wanted.mime}; charset=utf-8", headers={"Content-Disposition": disposition})


def _visible(request: HttpRequest, name: str) -> Study:
    return get_object_or_404(Study.objects.visible_to(request.user), name=name)


def _changeable(request: HttpRequest, name: str) -> Study:
    study = _visible(request, name)
    if not study.may_change(request.user):
        raise PermissionDenied
    return study
