"""Staff pages: games, speakers, and the state of any long job."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from games import live, overview
from games.cards import as_html
from games.jobs import Job
from games.models import Game, Speaker, UtteranceQuerySet

ROWS_A_PAGE = 50
UTTERANCES_SHOWN = 12


@require_safe
@staff_member_required
def games(request: HttpRequest) -> HttpResponse:
    rows = Game.objects.select_related("speaker", "dataset")
    return render(request, "games/games.html", {"page": _page(request, rows)})


@require_safe
@staff_member_required
@never_cache
def game(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Game.objects.select_related("speaker", "dataset").prefetch_related("listeners"), pk=pk)
    context = {
        "game": row,
        "counts": overview.counts(row.utterances.all()),
        "acceptance": overview.acceptance(row),
        "utterances": _newest(row.utterances.all()),
    }
    return render(request, "games/game.html", context)


@require_safe
@staff_member_required
def speakers(request: HttpRequest) -> HttpResponse:
    rows = Speaker.objects.select_related("parent").annotate(game_count=Count("games")).order_by("-created_at", "-id")
    return render(request, "games/speakers.html", {"page": _page(request, rows)})


@require_safe
@staff_member_required
def speaker(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Speaker.objects.select_related("parent"), pk=pk)
    context = {
        "speaker": row,
        "card": as_html(row.card),
        "figures": overview.figures(row),
        "utterances": _newest(row.utterances.all()),
    }
    return render(request, "games/speaker.html", context)


@require_safe
@staff_member_required
@never_cache
def job_status(request: HttpRequest, label: str, pk: int) -> JsonResponse:
    """The same as the websocket sends, for where no websocket can connect."""
    return JsonResponse(live.snapshot(_job(label, pk)))


@require_POST
@staff_member_required
def job_stop(request: HttpRequest, label: str, pk: int) -> HttpResponse:
    job = _changeable_job(request, label, pk)
    job.request_cancel()
    return redirect(job.get_absolute_url())


@require_POST
@staff_member_required
def job_resume(request: HttpRequest, label: str, pk: int) -> HttpResponse:
    job = _changeable_job(request, label, pk)
    live.resume(job)
    return redirect(job.get_absolute_url())


def _job(label: str, pk: int) -> Job:
    job = live.find(label, pk)
    if job is None:
        raise Http404(f"There is no job {label} {pk}.")
    return job


def _changeable_job(request: HttpRequest, label: str, pk: int) -> Job:
    job = _job(label, pk)
    if not request.user.has_perm(live.change_permission(job)):
        raise PermissionDenied(f"Your account may look at {job} but not change it. Ask for the permission {live.change_permission(job)}.")
    return job


def _page(request: HttpRequest, rows: QuerySet) -> object:
    return Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))


def _newest(utterances: UtteranceQuerySet) -> UtteranceQuerySet:
    return utterances.select_related("question").prefetch_related("judgments__listener").order_by("-id")[:UTTERANCES_SHOWN]
