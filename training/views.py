"""Staff pages: comparisons, one comparison's report, its figures, and the same to take away."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from games import figures, report
from training.models import Comparison
from training.static_report import context

ROWS_A_PAGE = 50


@require_safe
@staff_member_required
def comparisons(request: HttpRequest) -> HttpResponse:
    rows = Comparison.objects.select_related("dataset", "listener").defer("result")
    return render(request, "training/comparisons.html", {"page": Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))})


@require_safe
@staff_member_required
@never_cache
def comparison(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Comparison.objects.select_related("dataset", "listener"), pk=pk)
    return render(request, "training/comparison.html", context(row, lambda name: reverse("training:comparison-figure", args=[pk, name, "svg"])))


@require_safe
@staff_member_required
def comparison_figure(request: HttpRequest, pk: int, name: str, kind: str) -> HttpResponse:
    from games import plots  # matplotlib takes a second to import: not at the start of every command

    result = _result(pk)
    if kind not in plots.TYPES:
        raise Http404(f"Figures come as {', '.join(plots.TYPES)}.")
    if name not in [figure.name for figure in figures.figures(result)]:
        raise Http404(f"This comparison has no figure {name}.")
    tag = _tag(result, name, kind)
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    drawn = plots.render(plots.draw(result, name), kind)
    return HttpResponse(drawn, content_type=plots.TYPES[kind], headers={"ETag": tag, "Cache-Control": "private, no-cache"})


@require_safe
@staff_member_required
@never_cache
def comparison_json(request: HttpRequest, pk: int) -> HttpResponse:
    """What `compare_speakers --json` writes."""
    indented = {"indent": 2, "ensure_ascii": False, "allow_nan": False}
    return _attached(JsonResponse(_result(pk), json_dumps_params=indented), f"comparison-{pk}.json")


@require_safe
@staff_member_required
@never_cache
def comparison_csv(request: HttpRequest, pk: int) -> HttpResponse:
    return _attached(HttpResponse(report.as_csv(_result(pk)), content_type="text/csv; charset=utf-8"), f"comparison-{pk}.csv")


@require_safe
@staff_member_required
@never_cache
def comparison_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """All figures, one a page."""
    from games import plots

    result = _result(pk)
    pages = plots.as_pdf([plots.draw(result, figure.name) for figure in figures.figures(result)])
    return _attached(HttpResponse(pages, content_type="application/pdf"), f"comparison-{pk}.pdf")


def _result(pk: int) -> dict[str, Any]:
    result: dict[str, Any] = get_object_or_404(Comparison.objects.only("result"), pk=pk).result
    if not result:
        raise Http404("This comparison has no result yet.")
    return result


def _tag(*parts: Any) -> str:
    return f'"{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]}"'


def _attached(response: HttpResponse, name: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
