"""Find, filter and read questions, speakers, games and what came of them; start a game."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from games.admin_pages import JobAdmin, Readable, ResultAdmin, page_link
from games.cards import as_html
from games.forms import StartGameForm
from games.models import Confidence, Dataset, Game, Judgment, Listener, Question, Speaker, TruthScore, Utterance


class AbstainedFilter(admin.SimpleListFilter):
    title = "abstained"
    parameter_name = "abstained"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Utterance]) -> QuerySet[Utterance]:
        return rows if self.value() is None else rows.filter(answer__isnull=self.value() == "yes")


class ExcludedFilter(admin.SimpleListFilter):
    title = "kept out of results"
    parameter_name = "kept_out"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        reasons = Judgment.objects.exclude(excluded="").order_by("excluded").values_list("excluded", flat=True).distinct()
        return [("no", "No, it counts"), ("yes", "Yes, for any reason"), *((f"for {reason}", f"Yes: {reason}") for reason in reasons)]

    def queryset(self, request: HttpRequest, rows: QuerySet[Judgment]) -> QuerySet[Judgment]:
        chosen = self.value()
        if chosen is None:
            return rows
        if chosen in ("yes", "no"):
            return rows.exclude(excluded="") if chosen == "yes" else rows.usable()  # type: ignore[attr-defined]  # JudgmentQuerySet
        return rows.filter(excluded=chosen.removeprefix("for "))


@admin.register(Dataset)
class DatasetAdmin(Readable):
    list_display = ("name", "title", "question_count", "licence", "created_at")
    search_fields = ("name", "title", "source")
    readonly_fields = ("created_at",)
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        return super().get_queryset(request).annotate(question_count=Count("questions"))

    @admin.display(description="questions", ordering="question_count")
    def question_count(self, dataset: Any) -> int:
        count: int = dataset.question_count
        return count


@admin.register(Question)
class QuestionAdmin(Readable):
    list_display = ("text", "canonical", "dataset", "split", "relation", "popularity")
    list_filter = ("dataset", "split", "relation")
    list_select_related = ("dataset",)
    search_fields = ("text", "subject", "key")
    raw_id_fields = ("dataset",)

    @admin.display(description="answer")
    def canonical(self, question: Question) -> str:
        return question.answers[0] if question.answers else "–"


@admin.register(Speaker)
class SpeakerAdmin(Readable):
    list_display = ("name", "backend", "base_model", "method", "parent", "created_at", page_link)
    list_filter = ("backend", "method")
    list_select_related = ("parent",)
    search_fields = ("name", "base_model", "digest")
    raw_id_fields = ("parent",)
    readonly_fields = ("digest", "created_at", "rendered_card")
    date_hierarchy = "created_at"

    @admin.display(description="card, as its page shows it")
    def rendered_card(self, speaker: Speaker) -> SafeString:
        return as_html(speaker.card)


@admin.register(Listener)
class ListenerAdmin(Readable):
    list_display = ("name", "kind", "threshold", "created_at")
    readonly_fields = ("created_at",)
    list_filter = ("kind",)
    search_fields = ("name",)
    date_hierarchy = "created_at"


@admin.register(Game)
class GameAdmin(JobAdmin):
    start_form = StartGameForm
    list_display = ("__str__", "watch", "how", "progress", "samples", "seed", "created_at")
    list_filter = ("state", "split", "dataset", "speaker")
    list_select_related = ("speaker", "dataset")
    search_fields = ("speaker__name", "dataset__name", "message")


@admin.register(Utterance)
class UtteranceAdmin(ResultAdmin):
    list_display = ("short_text", "answer", "is_correct", "short_question", "speaker", "game_id", "sample")
    list_filter = ("is_correct", AbstainedFilter, "speaker", "question__dataset", "question__split")
    list_select_related = ("question", "speaker")
    search_fields = ("text", "question__text")
    date_hierarchy = "created_at"

    @admin.display(description="question", ordering="question__text")
    def short_question(self, utterance: Utterance) -> str:
        return Truncator(utterance.question.text).chars(100)

    @admin.display(description="text", ordering="text")
    def short_text(self, utterance: Utterance) -> str:
        return Truncator(utterance.text).chars(120)


@admin.register(Judgment)
class JudgmentAdmin(ResultAdmin):
    list_display = ("id", "listener", "judge", "accepted", "is_correct", "rounded", "short_text", "reason", "excluded")
    list_filter = ("accepted", ExcludedFilter, "listener", "utterance__is_correct", "utterance__speaker")
    list_select_related = ("listener", "utterance")
    search_fields = ("judge", "utterance__text", "utterance__question__text", "reason")
    date_hierarchy = "created_at"

    @admin.display(description="right", boolean=True, ordering="utterance__is_correct")
    def is_correct(self, judgment: Judgment) -> bool | None:
        return judgment.utterance.is_correct

    @admin.display(description="probability", ordering="probability")
    def rounded(self, judgment: Judgment) -> str:
        return "–" if judgment.probability is None else f"{judgment.probability:.2f}"

    @admin.display(description="utterance")
    def short_text(self, judgment: Judgment) -> str:
        return Truncator(judgment.utterance.text).chars(100)


@admin.register(Confidence)
class ConfidenceAdmin(ResultAdmin):
    list_display = ("id", "kind", "source", "value", "is_correct", "short_text")
    list_filter = ("kind", "source", "utterance__is_correct", "utterance__speaker")
    list_select_related = ("utterance",)
    search_fields = ("source", "utterance__text", "utterance__question__text")
    date_hierarchy = "created_at"

    @admin.display(description="right", boolean=True, ordering="utterance__is_correct")
    def is_correct(self, confidence: Confidence) -> bool | None:
        return confidence.utterance.is_correct

    @admin.display(description="utterance")
    def short_text(self, confidence: Confidence) -> str:
        return Truncator(confidence.utterance.text).chars(100)


@admin.register(TruthScore)
class TruthScoreAdmin(ResultAdmin):
    list_display = ("id", "aspect", "probability", "judge", "short_text")
    list_filter = ("aspect", "judge", "utterance__speaker")
    list_select_related = ("utterance",)
    search_fields = ("utterance__text", "utterance__question__text")
    date_hierarchy = "created_at"

    @admin.display(description="utterance")
    def short_text(self, score: TruthScore) -> str:
        return Truncator(score.utterance.text).chars(100)
