"""What staff see of a study's results: the page, its figures, and both to take along. `?bots=1` counts simulated participants."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotations.models import Study
from annotations.results import figures, report, report_json


@require_safe
@staff_member_required
@never_cache
def results(request: HttpRequest, name: str) -> HttpResponse:
    found = _found(request, name)
    context = {
        "study": found.study,
        "results": found,
        "figures": (shown := figures.figures(found)),
        "beside": [(row, shown.get(f"listener-{place}")) for place, row in enumerate(found.beside)],
        "query": "?bots=1" if _with_bots(request) else "",
        "link": request.build_absolute_uri(found.study.get_absolute_url()),
    }
    return render(request, "annotations/results.html", context)


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
    study = get_object_or_404(Study.objects.visible_to(request.user).select_related("listener"), name=name)
    return report.results_of(study, bots=_with_bots(request))


def _with_bots(request: HttpRequest) -> bool:
    return request.GET.get("bots") == "1"


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
