"""What staff see of a study's results: the page, its figures, and both to take along. `?bots=1` counts simulated participants.

While a study is under way its effect is on none of them until its manager asks for it by `look`; `?look=` then names that look for an hour.
"""

from __future__ import annotations

from typing import cast

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotations.models import Study
from annotations.results import figures, looks, report, report_json


@require_safe
@staff_member_required
@never_cache
def results(request: HttpRequest, name: str) -> HttpResponse:
    study = _study(request, name)
    found = report.results_of(study, bots=_with_bots(request))
    context = {
        "study": study,
        "results": found,
        "hidden": not _may_see(request, study),
        "may_change": study.may_change(request.user),
        "looks": study.looks.all(),
        "figures": (shown := figures.figures(found)),
        "beside": [(row, shown.get(f"listener-{place}")) for place, row in enumerate(found.beside)],
        "link": request.build_absolute_uri(study.get_absolute_url()),
    }
    return render(request, "annotations/results.html", context)


@require_POST
@staff_member_required
@never_cache
def look(request: HttpRequest, name: str) -> HttpResponse:
    """By POST, so that no link, reload or prefetch does it; kept before anything is shown. Who cannot stop a study has no reason to ask."""
    study = _study(request, name)
    if not study.may_change(request.user):
        raise PermissionDenied(f"You may read study '{study}'; only who may change it has its effect shown while it is under way.")
    user = cast(User, request.user)
    query = request.GET.copy()
    query["look"] = str(looks.take(study=study, user=user, by=user.get_username()).pk)
    return redirect(f"{reverse('annotations:results', args=[study.name])}?{query.urlencode()}")


@require_safe
@staff_member_required
@never_cache
def figure(request: HttpRequest, name: str, figure: str) -> HttpResponse:
    from games import plots  # matplotlib takes a second to import: not at the start of every command

    try:
        drawn = figures.draw(_found(request, name), figure)
    except KeyError as error:
        raise Http404 from error
    return HttpResponse(plots.render(drawn, "svg"), content_type=plots.TYPES["svg"])


@require_safe
@staff_member_required
@never_cache
def pdf(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(figures.pdf(_found(request, name)), content_type="application/pdf", headers=_attached(f"{name}.pdf"))


@require_safe
@staff_member_required
@never_cache
def as_json(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse(report_json.as_json(_found(request, name)), json_dumps_params={"indent": 2}, headers=_attached(f"{name}.json"))


def _found(request: HttpRequest, name: str) -> report.StudyResults:
    """For what is nothing but the effect."""
    study = _study(request, name)
    if not _may_see(request, study):
        raise PermissionDenied(f"Study '{study}' is under way, and its effect hidden: its manager has it shown on the results page.")
    return report.results_of(study, bots=_with_bots(request))


def _study(request: HttpRequest, name: str) -> Study:
    return get_object_or_404(Study.objects.visible_to(request.user).select_related("listener"), name=name)


def _may_see(request: HttpRequest, study: Study) -> bool:
    return looks.may_see(study=study, user=cast(User, request.user), look=request.GET.get("look", ""))


def _with_bots(request: HttpRequest) -> bool:
    return request.GET.get("bots") == "1"


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
