"""Staff pages: training runs, and one run as it goes on (curves, log, buttons)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from training.models import TrainingRun
from training.trainers.folder import Folder

ROWS_A_PAGE = 50
POINTS = 500
"A curve has no more points than this: a screen shows no more."
LOG_BYTES = 8_000


@require_safe
@staff_member_required
def runs(request: HttpRequest) -> HttpResponse:
    rows = TrainingRun.objects.select_related("base", "pair_set", "speaker")
    return render(request, "training/runs.html", {"page": Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))})


@require_safe
@staff_member_required
@never_cache
def run(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(TrainingRun.objects.select_related("base", "pair_set", "speaker"), pk=pk)
    return render(request, "training/run.html", {"run": row, "log": log_tail(row), "last": last(row)})


@require_safe
@staff_member_required
@never_cache
def run_progress(request: HttpRequest, pk: int) -> JsonResponse:
    """The curves (`lines` of `progress.jsonl`, thinned) and the end of the log."""
    row = get_object_or_404(TrainingRun, pk=pk)
    return JsonResponse({"lines": thin(progress(row), POINTS), "log": log_tail(row)})


def progress(row: TrainingRun) -> list[dict[str, Any]]:
    """What the trainer has logged; nothing if it has not begun. Each line has `step`, and of `loss`, `margin`, `accuracy` … what was measured."""
    return Folder(settings.DATA_DIR / row.folder).progress() if row.folder else []


def last(row: TrainingRun) -> dict[str, Any] | None:
    """The newest line with a loss."""
    return next((line for line in reversed(progress(row)) if "loss" in line), None)


def log_tail(row: TrainingRun) -> str:
    """The end of `log.txt`, from a whole line on."""
    file = settings.DATA_DIR / row.folder / "log.txt"
    if not row.folder or not file.is_file():
        return ""
    with file.open("rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - LOG_BYTES))
        text = log.read().decode(errors="replace")
    return text if size <= LOG_BYTES else text.partition("\n")[2]


def thin(lines: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Evenly fewer, the first and the last kept.

    >>> thin([{"step": step} for step in range(10)], 4)
    [{'step': 0}, {'step': 3}, {'step': 6}, {'step': 9}]
    """
    if len(lines) <= most:
        return lines
    return [lines[round(place * (len(lines) - 1) / (most - 1))] for place in range(most)]
