"""Read access to studies, their arms, participants and assignments, and to people's judgments, by the rights of the pages.

A study that an account may not see is not there, nor is anything of it. People are their pseudonyms; a platform's identity is in no answer.
"""

from __future__ import annotations

from typing import ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets

from annotations.models import Arm, Assignment, Participant, Study
from games.api import JudgmentViewSet as EveryJudgment
from games.api import named
from games.filters import IdFilter, by_name
from games.models import Judgment


class StudySerializer(serializers.ModelSerializer):
    """`digest`: what was frozen at the opening; empty for a draft."""

    listener = named()
    previous = named(allow_null=True)
    owner: serializers.SlugRelatedField = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = Study
        fields = (
            *("id", "name", "title", "state", "version", "previous", "digest", "protocol", "listener", "owner", "seed"),
            *("created_at", "opened_at", "closed_at"),
        )


class ArmSerializer(serializers.ModelSerializer):
    study = named()
    speaker = named()

    class Meta:
        model = Arm
        fields = ("id", "study", "name", "speaker", "position", "is_live")


class ParticipantSerializer(serializers.ModelSerializer):
    study = named()
    arm = named(allow_null=True)

    class Meta:
        model = Participant
        fields = (
            *("id", "study", "code", "is_bot", "is_preview", "step", "outcome", "language", "arm", "sequence", "practised"),
            *("failed_comprehension", "failed_checks", "excluded", "about", "entered_at", "consented_at", "began_at", "finished_at"),
        )


class AssignmentSerializer(serializers.ModelSerializer):
    """An utterance, or an attention check (`check_shown`), given to one person. Its verdict is the judgment's, or `passed`."""

    study = serializers.CharField(source="participant.study.name", read_only=True)
    participant = serializers.CharField(source="participant.code", read_only=True)
    arm = named(allow_null=True)

    class Meta:
        model = Assignment
        fields = (
            *("id", "study", "participant", "position", "arm", "question", "utterance", "judgment", "check_shown", "source", "passed"),
            *("note", "shown_at", "answered_at"),
        )


class StudyFilter(filters.FilterSet):
    name = by_name("", "study")
    state = filters.ChoiceFilter(choices=Study.State)
    listener = by_name("listener", "listener")


class ArmFilter(filters.FilterSet):
    study = by_name("study", "study")
    speaker = by_name("speaker", "speaker")


class ParticipantFilter(filters.FilterSet):
    study = by_name("study", "study")
    code = filters.CharFilter(help_text="The pseudonym.")
    outcome = filters.ChoiceFilter(choices=[choice for choice in Participant.Outcome.choices if choice[0]])
    under_way = filters.BooleanFilter("outcome", method="by_end", help_text="Whether the session has no outcome yet.")
    is_bot = filters.BooleanFilter()
    is_preview = filters.BooleanFilter()
    excluded = filters.BooleanFilter(method="by_exclusion", help_text="false: only people whose judgments are used.")

    def by_end(self, people: QuerySet[Participant], _: str, value: bool) -> QuerySet[Participant]:
        return people.filter(outcome="") if value else people.exclude(outcome="")

    def by_exclusion(self, people: QuerySet[Participant], _: str, value: bool) -> QuerySet[Participant]:
        return people.exclude(excluded="") if value else people.filter(excluded="")


class AssignmentFilter(filters.FilterSet):
    study = by_name("participant__study", "study")
    participant = filters.CharFilter("participant__code", help_text="The pseudonym.")
    arm = by_name("arm", "arm")
    utterance = IdFilter("utterance")
    question = IdFilter("question")
    source = filters.ChoiceFilter(choices=Assignment.Source)
    is_check = filters.BooleanFilter("check_shown", lookup_expr="isnull", exclude=True)
    answered = filters.BooleanFilter("answered_at", lookup_expr="isnull", exclude=True)


class _OfVisibleStudies(viewsets.ReadOnlyModelViewSet):
    study: ClassVar[str]
    "The way from a row to its study."

    def get_queryset(self) -> QuerySet:
        return super().get_queryset().filter(**{f"{self.study}__in": Study.objects.visible_to(self.request.user)})


class StudyViewSet(_OfVisibleStudies):
    """Human studies: an administrator sees all, other staff those they own or observe."""

    study = "pk"
    queryset = Study.objects.select_related("listener", "previous", "owner").order_by("id")
    serializer_class = StudySerializer
    filterset_class = StudyFilter
    ordering_fields: ClassVar = ["id", "name", "created_at", "opened_at"]


class ArmViewSet(_OfVisibleStudies):
    """The arms of studies: which speaker people hear in each."""

    study = "study"
    queryset = Arm.objects.select_related("study", "speaker").order_by("id")
    serializer_class = ArmSerializer
    filterset_class = ArmFilter
    ordering_fields: ClassVar = ["id", "position"]


class ParticipantViewSet(_OfVisibleStudies):
    """People under their pseudonyms, bots and previews too: filter by `is_bot` and `is_preview`."""

    study = "study"
    queryset = Participant.objects.select_related("study", "arm").order_by("id")
    serializer_class = ParticipantSerializer
    filterset_class = ParticipantFilter
    ordering_fields: ClassVar = ["id", "entered_at", "finished_at"]


class AssignmentViewSet(_OfVisibleStudies):
    """Who was given what, in which place of their session."""

    study = "participant__study"
    queryset = Assignment.objects.select_related("participant__study", "arm").order_by("id")
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    ordering_fields: ClassVar = ["id", "position", "shown_at", "answered_at"]


class JudgmentViewSet(EveryJudgment):
    """Verdicts of listeners, people and models in one table. `excluded`: why one is kept out of results; empty: it counts. People's only of studies
    that the account may see."""

    def get_queryset(self) -> QuerySet[Judgment]:
        seen = Study.objects.visible_to(self.request.user)
        return super().get_queryset().filter(Q(listener__study__isnull=True) | Q(listener__study__in=seen))
