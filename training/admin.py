"""Find, filter and read pairs, runs, evaluations and comparisons; start a training run or a comparison."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from games.admin_pages import JobAdmin, ResultAdmin
from training.forms import StartBenchmarkForm, StartComparisonForm, StartRunForm
from training.models import Benchmark, Comparison, Evaluation, PairSet, PreferencePair, TrainingRun


@admin.register(PairSet)
class PairSetAdmin(ResultAdmin):
    list_display = ("name", "rule", "speaker", "listener", "pair_count", "created_at")
    list_filter = ("rule", "speaker", "listener")
    list_select_related = ("speaker", "listener")
    search_fields = ("name", "speaker__name", "listener__name")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PairSet]:
        return super().get_queryset(request).annotate(pair_count=Count("pairs"))

    @admin.display(description="pairs", ordering="pair_count")
    def pair_count(self, pair_set: Any) -> int:
        count: int = pair_set.pair_count
        return count


@admin.register(PreferencePair)
class PreferencePairAdmin(ResultAdmin):
    list_display = ("id", "pair_type", "question_text", "chosen_text", "rejected_text", "pair_set")
    list_filter = ("pair_type", "pair_set")
    list_select_related = ("question", "chosen", "rejected", "pair_set")
    search_fields = ("question__text", "chosen__text", "rejected__text")

    @admin.display(description="question", ordering="question__text")
    def question_text(self, pair: PreferencePair) -> str:
        return Truncator(pair.question.text).chars(80)

    @admin.display(description="chosen")
    def chosen_text(self, pair: PreferencePair) -> str:
        return Truncator(pair.chosen.text).chars(100)

    @admin.display(description="rejected")
    def rejected_text(self, pair: PreferencePair) -> str:
        return Truncator(pair.rejected.text).chars(100)


@admin.register(TrainingRun)
class TrainingRunAdmin(JobAdmin):
    start_form = StartRunForm
    list_display = ("name", "watch", "how", "progress", "method", "base", "pair_set", "speaker", "created_at")
    list_filter = ("state", "method", "base")
    list_select_related = ("base", "pair_set", "speaker")
    search_fields = ("name", "base__name", "pair_set__name", "message")


@admin.register(Evaluation)
class EvaluationAdmin(ResultAdmin):
    list_display = ("id", "speaker", "listener", "dataset", "split", "n", "accuracy", "auroc", "created_at")
    list_filter = ("listener", "game__split", "game__speaker")
    list_select_related = ("game__speaker", "game__dataset", "listener")
    search_fields = ("game__speaker__name", "listener__name")
    date_hierarchy = "created_at"

    @admin.display(ordering="game__speaker__name")
    def speaker(self, evaluation: Evaluation) -> str:
        return evaluation.game.speaker.name

    @admin.display(ordering="game__dataset__name")
    def dataset(self, evaluation: Evaluation) -> str:
        return evaluation.game.dataset.name

    @admin.display(ordering="game__split")
    def split(self, evaluation: Evaluation) -> str:
        return evaluation.game.split

    def accuracy(self, evaluation: Evaluation) -> str:
        return _interval(evaluation, "accuracy")

    @admin.display(description="AUROC")
    def auroc(self, evaluation: Evaluation) -> str:
        return _interval(evaluation, "auroc")


@admin.register(Comparison)
class ComparisonAdmin(JobAdmin):
    start_form = StartComparisonForm
    list_display = ("name", "watch", "how", "progress", "speaker_names", "listener", "dataset", "split", "created_at")
    list_filter = ("state", "dataset", "split", "listener")
    list_select_related = ("dataset", "listener")
    search_fields = ("name", "speakers", "listener__name")

    @admin.display(description="speakers")
    def speaker_names(self, comparison: Comparison) -> str:
        return ", ".join(comparison.speakers)


@admin.register(Benchmark)
class BenchmarkAdmin(JobAdmin):
    start_form = StartBenchmarkForm
    list_display = ("name", "watch", "how", "progress", "base", "listener", "seeds", "split", "created_at")
    list_filter = ("state", "base", "split")
    list_select_related = ("base", "listener")
    search_fields = ("name", "base__name")


def _interval(evaluation: Evaluation, metric: str) -> str:
    """`0.84 [0.81, 0.87]`, or a dash where it was not measured."""
    found = evaluation.metrics.get(metric) or {}
    if found.get("value") is None:
        return "–"
    low, high = found.get("low"), found.get("high")
    return f"{found['value']:.2f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else "")
