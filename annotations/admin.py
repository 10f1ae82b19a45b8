"""Find, filter and read studies, their arms, and what participants were given. Judgments cannot be deleted from here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from annotations.building.setup import SetupError, open_study
from annotations.models import (
    Arm,
    ArmUtterance,
    Assignment,
    AttentionCheck,
    LiveAnswer,
    Look,
    Participant,
    Payment,
    PlatformIdentity,
    SpeakerServer,
    Study,
)
from games.admin_pages import Readable, ResultAdmin


class OfVisibleStudies(ResultAdmin):
    """Rows of a study, for those who may see that study: the admin's own permissions know models, not studies."""

    to_study = "study"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(**{f"{self.to_study}__in": Study.objects.visible_to(request.user).values("pk")})


@admin.register(Study)
class StudyAdmin(Readable):
    list_display = ("name", "state", "participant_page", "results_page", "entered", "finished", "version", "title", "owner", "created_at")
    list_filter = ("state",)
    list_select_related = ("owner",)
    search_fields = ("name", "title")
    raw_id_fields = ("owner",)
    readonly_fields = (
        "state",
        "arm_names",
        "listener",
        "protocol",
        "digest",
        "version",
        "previous",
        "seed",
        "created_at",
        "opened_at",
        "closed_at",
        "participant_page",
        "results_page",
        "games",
    )
    filter_horizontal = ("observers",)
    actions = ("open",)
    date_hierarchy = "created_at"

    def get_readonly_fields(self, request: HttpRequest, obj: Study | None = None) -> tuple[str, ...]:
        """What is frozen stays as it was frozen; and a study is given away by an administrator alone."""
        frozen = ("name", "title") if obj and obj.state != Study.State.DRAFT else ()
        return (*self.readonly_fields, *frozen, *(() if request.user.is_superuser else ("owner",)))

    def has_change_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.may_change(request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or (obj.may_change(request.user) and obj.state == Study.State.DRAFT))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A study is made with its arms and its listener together, by `annotations.building.setup`."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Studies are not deleted by the dozen."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Open the selected studies: let people in", permissions=["change"])
    def open(self, request: HttpRequest, studies: QuerySet[Study]) -> None:
        for study in studies:
            if not study.may_change(request.user):
                self.message_user(request, f"You may read study '{study}', not open it.", messages.ERROR)
                continue
            try:
                open_study(study)
            except SetupError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, f"Study '{study}' is open.", messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Study]:
        people = Q(participants__is_bot=False, participants__is_preview=False)
        visible = Study.objects.visible_to(request.user).values("pk")
        return (
            super()
            .get_queryset(request)
            .filter(pk__in=visible)
            .annotate(
                entered_count=Count("participants", filter=people),
                finished_count=Count("participants", filter=people & Q(participants__finished_at__isnull=False)),
            )
        )

    @admin.display(ordering="entered_count")
    def entered(self, study: Study) -> int:
        return study.entered_count  # type: ignore[attr-defined]  # annotated above

    @admin.display(ordering="finished_count")
    def finished(self, study: Study) -> int:
        return study.finished_count  # type: ignore[attr-defined]  # annotated above

    @admin.display(description="arms")
    def arm_names(self, study: Study) -> str:
        return ", ".join(f"{arm.name}: {arm.speaker}" for arm in study.arms.select_related("speaker")) or "–"

    @admin.display(description="participants' page")
    def participant_page(self, study: Study) -> SafeString:
        return format_html("<a href='{}'>open</a>", study.get_absolute_url())

    @admin.display(description="results")
    def results_page(self, study: Study) -> SafeString:
        return format_html("<a href='{}'>open</a>", reverse("annotations:results", args=[study.name]))


@admin.register(Arm)
class ArmAdmin(OfVisibleStudies):
    list_display = ("name", "study", "speaker", "position", "shown_count")
    list_filter = ("study", "speaker")
    list_select_related = ("study", "speaker")
    search_fields = ("name", "study__name", "speaker__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Arm]:
        return super().get_queryset(request).annotate(shown_count=Count("shown"))

    @admin.display(description="utterances", ordering="shown_count")
    def shown_count(self, arm: Arm) -> int:
        return arm.shown_count  # type: ignore[attr-defined]  # annotated above


@admin.register(ArmUtterance)
class ArmUtteranceAdmin(OfVisibleStudies):
    to_study = "arm__study"
    list_display = ("id", "arm", "question_text", "text", "wanted", "taken", "held_back")
    list_filter = ("arm__study", "arm__name", "held_back")
    list_select_related = ("arm__study", "question", "utterance")
    search_fields = ("question__text", "utterance__text")

    @admin.display(description="question", ordering="question__text")
    def question_text(self, shown: ArmUtterance) -> str:
        return Truncator(shown.question.text).chars(80)

    @admin.display(description="utterance")
    def text(self, shown: ArmUtterance) -> str:
        return Truncator(shown.utterance.text).chars(100)


@admin.register(Participant)
class ParticipantAdmin(OfVisibleStudies):
    list_display = ("code", "study", "step", "outcome", "excluded", "answered", "is_bot", "is_preview", "entered_at", "finished_at")
    list_filter = ("study", "step", "outcome", "excluded", "is_bot", "is_preview")
    list_select_related = ("study",)
    search_fields = ("code",)
    date_hierarchy = "entered_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Participant]:
        return super().get_queryset(request).annotate(answered_count=Count("assignments__judgment"))

    @admin.display(ordering="answered_count")
    def answered(self, participant: Participant) -> int:
        return participant.answered_count  # type: ignore[attr-defined]  # annotated above


@admin.register(Assignment)
class AssignmentAdmin(OfVisibleStudies):
    to_study = "participant__study"
    list_display = ("participant", "position", "arm", "question_text", "verdict", "shown_at", "answered_at")
    list_filter = ("arm__study", "arm__name", ("judgment", admin.EmptyFieldListFilter), "judgment__accepted")
    list_select_related = ("participant", "arm__study", "question", "check_shown", "judgment")
    search_fields = ("participant__code", "question__text")
    date_hierarchy = "answered_at"

    @admin.display(description="question", ordering="question__text")
    def question_text(self, given: Assignment) -> str:
        return Truncator(given.question.text if given.question else str(given.check_shown)).chars(80)

    @admin.display(boolean=True, description="accepted", ordering="judgment__accepted")
    def verdict(self, assignment: Assignment) -> bool | None:
        return assignment.judgment.accepted if assignment.judgment else None


@admin.register(AttentionCheck)
class AttentionCheckAdmin(OfVisibleStudies):
    list_display = ("question", "study", "kind", "expects_accept", "is_practice")
    list_filter = ("study", "kind", "is_practice")
    list_select_related = ("study",)
    search_fields = ("question", "answer")


@admin.register(PlatformIdentity)
class PlatformIdentityAdmin(OfVisibleStudies):
    list_display = ("participant", "study", "platform", "label", "created_at")
    list_filter = ("study", "platform")
    list_select_related = ("participant", "study")
    search_fields = ("label", "participant__code")


@admin.register(Payment)
class PaymentAdmin(OfVisibleStudies):
    to_study = "participant__study"
    list_display = ("participant", "state", "base", "bonus", "currency", "batch", "exported_at", "paid_at")
    list_filter = ("participant__study", "state", "currency")
    list_select_related = ("participant",)
    search_fields = ("participant__code", "batch")


@admin.register(LiveAnswer)
class LiveAnswerAdmin(ResultAdmin):
    list_display = ("assignment", "state", "error", "seed", "worker", "created_at", "finished_at")
    list_filter = ("state", "assignment__participant__study")
    list_select_related = ("assignment__participant",)
    search_fields = ("assignment__participant__code", "error")


@admin.register(SpeakerServer)
class SpeakerServerAdmin(ResultAdmin):
    list_display = ("worker", "beat_at", "loaded")


@admin.register(Look)
class LookAdmin(OfVisibleStudies):
    """Who had the effect of a study shown while it was under way."""

    list_display = ("at", "study", "by")
    list_filter = ("study",)
    list_select_related = ("study",)
    search_fields = ("by",)
    date_hierarchy = "at"
