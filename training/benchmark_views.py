"""Staff pages: benchmarks, one benchmark's tables and pictures, and the same to take away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from games.jobs import Job
from training import run_views
from training.benchmark import folder
from training.benchmark.entries import name_of
from training.benchmark.reading import SHOWS, Beside
from training.models import Benchmark

ROWS_A_PAGE = 50
ANSWERS_A_PAGE = 20
FILES = {
    "report.json": "Everything as JSON",
    "table.csv": "The tables as CSV",
    "table.tex": "The tables as LaTeX",
    "figures.pdf": "The figures as PDF",
}


@require_safe
@staff_member_required
def benchmarks(request: HttpRequest) -> HttpResponse:
    rows = Benchmark.objects.select_related("base", "listener").defer("result")
    return render(request, "training/benchmarks.html", {"page": Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))})


@require_safe
@staff_member_required
@never_cache
def benchmark(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Benchmark.objects.select_related("base", "listener"), pk=pk)
    now, runs = row.training_now, row.runs.select_related("speaker").order_by("seed", "pk")
    shown: dict[str, Any] = {"benchmark": row, "files": FILES, "run": now, "runs": [(run, name_of(run.method, run.config)) for run in runs]}
    shown["beside"] = [] if row.is_over else [run for run in runs if run.state == Job.State.RUNNING and run != now]
    shown["last"] = run_views.last(now) if now else None
    if row.result:
        shown |= folder.context(row.result, lambda name: reverse("training:benchmark-picture", args=[pk, name]))
    return render(request, "training/benchmark.html", shown)


@require_safe
@staff_member_required
@never_cache
def benchmark_progress(request: HttpRequest, pk: int) -> JsonResponse:
    """The curves of the training that is going on, and which one that is (null: none)."""
    now = get_object_or_404(Benchmark.objects.defer("result"), pk=pk).training_now
    lines = run_views.thin(run_views.progress(now), run_views.POINTS) if now else []
    return JsonResponse({"run": now.pk if now else None, "lines": lines})


@require_safe
@staff_member_required
@never_cache
def benchmark_answers(request: HttpRequest, pk: int, run: int) -> HttpResponse:
    """What a trained speaker said beside its base. `?show=` a key of `SHOWS`, `?dataset=` one of the benchmark's."""
    row = get_object_or_404(Benchmark.objects.select_related("base", "listener").defer("result"), pk=pk)
    trained = get_object_or_404(row.runs.select_related("speaker").filter(speaker__isnull=False), pk=run)
    dataset, show = request.GET.get("dataset") or row.datasets[0], request.GET.get("show") or "all"
    if dataset not in row.datasets or show not in SHOWS:
        raise Http404(f"Give a dataset of {', '.join(row.datasets)} and show of {', '.join(SHOWS)}.")
    beside = Beside(row, trained, dataset)
    found = {key: beside.shown(key) for key in SHOWS}
    page = Paginator(found[show], ANSWERS_A_PAGE).get_page(request.GET.get("page"))
    shown = {"benchmark": row, "run": trained, "speaker": trained.speaker, "dataset": dataset, "show": show, "page": page}
    shown |= {"shows": [{"key": key, "words": words, "count": len(found[key])} for key, (words, _) in SHOWS.items()]}
    shown |= {"heard": beside.is_heard, "played": len(beside.games) == 2, "questions": beside.said(list(page.object_list))}
    return render(request, "training/benchmark_answers.html", shown)


@require_safe
@staff_member_required
def benchmark_picture(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    from games import plots
    from training.benchmark import writing

    try:
        drawn = plots.render(writing.draw(_result(pk), name), "svg")
    except KeyError as error:
        raise Http404(f"This benchmark has no picture {name}.") from error
    return HttpResponse(drawn, content_type="image/svg+xml", headers={"Cache-Control": "private, no-cache"})


@require_safe
@staff_member_required
@never_cache
def benchmark_file(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """What `manage.py benchmark --out` writes."""
    from games import plots
    from training.benchmark import writing

    makers: dict[str, tuple[str, Callable[[dict[str, Any]], str | bytes]]] = {
        "report.json": ("application/json", lambda result: json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)),
        "table.csv": ("text/csv; charset=utf-8", writing.as_csv),
        "table.tex": ("application/x-tex; charset=utf-8", writing.as_latex),
        "figures.pdf": (
            "application/pdf",
            lambda result: plots.as_pdf([writing.draw(result, picture.name) for picture in writing.pictures(result)]),
        ),
    }
    if kind not in makers:
        raise Http404(f"Files come as {', '.join(makers)}.")
    content_type, make = makers[kind]
    name = f"benchmark-{pk}-{kind}"
    return HttpResponse(make(_result(pk)), content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _result(pk: int) -> dict[str, Any]:
    result: dict[str, Any] = get_object_or_404(Benchmark.objects.only("result"), pk=pk).result
    if not result:
        raise Http404("This benchmark has no result yet.")
    return result
