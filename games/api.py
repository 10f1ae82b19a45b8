"""Read access to questions, speakers, listeners, games, utterances, judgments and confidences. Rows name each other by name where they have one."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets

from games.filters import IdFilter, by_name
from games.jobs import Job
from games.models import Confidence, Dataset, Game, Judgment, Listener, Question, Speaker, Split, Utterance

JOB_FIELDS = ("state", "done", "total", "message", "error", "attempt", "created_at", "started_at", "finished_at")


def named(*, allow_null: bool = False) -> serializers.SlugRelatedField:
    """The row at the other end, by its name. `allow_null` says in the schema that there may be none."""
    return serializers.SlugRelatedField(slug_field="name", read_only=True, allow_null=allow_null)


class DatasetSerializer(serializers.ModelSerializer):
    class Meta:
        model = Dataset
        fields = ("id", "name", "title", "source", "licence", "created_at")


class QuestionSerializer(serializers.ModelSerializer):
    dataset = named()

    class Meta:
        model = Question
        fields = ("id", "dataset", "key", "text", "answers", "split", "subject", "relation", "popularity")


class SpeakerSerializer(serializers.ModelSerializer):
    parent = named(allow_null=True)  # type: ignore[assignment]  # a column of this name, not the serializer's own attribute

    class Meta:
        model = Speaker
        fields = (
            *("id", "name", "backend", "base_model", "adapter", "prompt_style", "generation"),
            *("method", "parent", "digest", "card", "created_at"),
        )


class ListenerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Listener
        fields = ("id", "name", "kind", "threshold", "config", "created_at")

    def to_representation(self, instance: Listener) -> dict[str, Any]:
        """A list leaves out what a learned listener has learned: kilobytes of weights, which are told of one at a time."""
        told: dict[str, Any] = super().to_representation(instance)
        if self.parent is not None and instance.kind == Listener.Kind.LEARNED:
            told["config"] = {name: value for name, value in told["config"].items() if name != "model"}
        return told


class GameSerializer(serializers.ModelSerializer):
    speaker = named()
    dataset = named()
    hold_out = serializers.ListField(child=serializers.CharField(), read_only=True)
    listeners: serializers.SlugRelatedField[Listener] = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = Game
        fields = (
            *("id", "speaker", "dataset", "split", "listeners", "samples", "temperature", "question_limit", "hold_out", "form", "seed"),
            "chunk_size",
            *JOB_FIELDS,
        )


class UtteranceSerializer(serializers.ModelSerializer):
    speaker = named()
    abstained = serializers.BooleanField(read_only=True)

    class Meta:
        model = Utterance
        fields = (
            *("id", "speaker", "question", "game", "sample", "text", "answer", "abstained", "masked_text"),
            *("is_correct", "grade_reason", "stated_confidence", "created_at"),
        )


class JudgmentSerializer(serializers.ModelSerializer):
    """`judge` is a person's pseudonymous code; nothing else of a person is told here."""

    listener = named()
    speaker = serializers.CharField(source="utterance.speaker.name", read_only=True)
    question = serializers.IntegerField(source="utterance.question_id", read_only=True)
    is_correct = serializers.BooleanField(source="utterance.is_correct", read_only=True, allow_null=True)

    class Meta:
        model = Judgment
        fields = (
            *("id", "utterance", "speaker", "question", "is_correct", "listener", "judge", "accepted", "probability"),
            *("confidence", "knew_answer", "convincing", "response_ms", "reason", "excluded", "created_at"),
        )


class ConfidenceSerializer(serializers.ModelSerializer):
    speaker = serializers.CharField(source="utterance.speaker.name", read_only=True)
    question = serializers.IntegerField(source="utterance.question_id", read_only=True)
    is_correct = serializers.BooleanField(source="utterance.is_correct", read_only=True, allow_null=True)

    class Meta:
        model = Confidence
        fields = ("id", "utterance", "speaker", "question", "is_correct", "kind", "source", "value", "created_at")


class DatasetFilter(filters.FilterSet):
    name = by_name("", "dataset")


class QuestionFilter(filters.FilterSet):
    dataset = by_name("dataset", "dataset")
    split = filters.ChoiceFilter(choices=Split)
    subject = filters.CharFilter()
    relation = filters.CharFilter()
    text = filters.CharFilter(lookup_expr="icontains", help_text="Anywhere in the question, upper or lower case.")
    popularity_min = filters.NumberFilter("popularity", lookup_expr="gte")
    popularity_max = filters.NumberFilter("popularity", lookup_expr="lte")


class SpeakerFilter(filters.FilterSet):
    name = by_name("", "speaker")
    backend = filters.CharFilter()
    method = filters.CharFilter()
    parent = by_name("parent", "speaker that it was trained from")


class ListenerFilter(filters.FilterSet):
    name = by_name("", "listener")
    kind = filters.ChoiceFilter(choices=Listener.Kind)


class GameFilter(filters.FilterSet):
    speaker = by_name("speaker", "speaker")
    listener = by_name("listeners", "listener")
    dataset = by_name("dataset", "dataset")
    split = filters.ChoiceFilter(choices=Split)
    state = filters.ChoiceFilter(choices=Job.State)


class UtteranceFilter(filters.FilterSet):
    speaker = by_name("speaker", "speaker")
    question = IdFilter("question")
    game = IdFilter("game")
    dataset = by_name("question__dataset", "dataset")
    split = filters.ChoiceFilter("question__split", choices=Split)
    correct = filters.BooleanFilter("is_correct", help_text="Ungraded ones are neither.")
    abstained = filters.BooleanFilter("answer", lookup_expr="isnull")
    text = filters.CharFilter(lookup_expr="icontains", help_text="Anywhere in the response, upper or lower case.")


class JudgmentFilter(filters.FilterSet):
    listener = by_name("listener", "listener")
    kind = filters.ChoiceFilter("listener__kind", choices=Listener.Kind)
    speaker = by_name("utterance__speaker", "speaker")
    utterance = IdFilter("utterance")
    question = IdFilter("utterance__question")
    game = IdFilter("utterance__game")
    dataset = by_name("utterance__question__dataset", "dataset")
    split = filters.ChoiceFilter("utterance__question__split", choices=Split)
    judge = filters.CharFilter(help_text="A participant's pseudonymous code.")
    accepted = filters.BooleanFilter()
    correct = filters.BooleanFilter("utterance__is_correct")
    excluded = filters.BooleanFilter(method="by_exclusion", help_text="false: only those that training and metrics see.")
    excluded_because = filters.CharFilter("excluded", help_text="The reason, for example `attention`.")
    probability_min = filters.NumberFilter("probability", lookup_expr="gte")
    probability_max = filters.NumberFilter("probability", lookup_expr="lte")

    def by_exclusion(self, judgments: QuerySet[Judgment], _: str, value: bool) -> QuerySet[Judgment]:
        return judgments.exclude(excluded="") if value else judgments.filter(excluded="")


class ConfidenceFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=Confidence.Kind)
    source = filters.CharFilter()
    speaker = by_name("utterance__speaker", "speaker")
    utterance = IdFilter("utterance")
    game = IdFilter("utterance__game")
    dataset = by_name("utterance__question__dataset", "dataset")
    split = filters.ChoiceFilter("utterance__question__split", choices=Split)
    correct = filters.BooleanFilter("utterance__is_correct")


class DatasetViewSet(viewsets.ReadOnlyModelViewSet):
    """Named sets of questions."""

    queryset = Dataset.objects.order_by("id")
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    ordering_fields: ClassVar = ["id", "name", "created_at"]


class QuestionViewSet(viewsets.ReadOnlyModelViewSet):
    """Questions with their accepted answers, the canonical one first."""

    queryset = Question.objects.select_related("dataset").order_by("id")
    serializer_class = QuestionSerializer
    filterset_class = QuestionFilter
    ordering_fields: ClassVar = ["id", "popularity", "relation", "subject"]


class SpeakerViewSet(viewsets.ReadOnlyModelViewSet):
    """Versions of models that answer."""

    queryset = Speaker.objects.select_related("parent").order_by("id")
    serializer_class = SpeakerSerializer
    filterset_class = SpeakerFilter
    ordering_fields: ClassVar = ["id", "name", "created_at"]


class ListenerViewSet(viewsets.ReadOnlyModelViewSet):
    """Who judges: simulated listeners, and one of kind `human` for each study."""

    queryset = Listener.objects.order_by("id")
    serializer_class = ListenerSerializer
    filterset_class = ListenerFilter
    ordering_fields: ClassVar = ["id", "name", "created_at"]


class GameViewSet(viewsets.ReadOnlyModelViewSet):
    """Games: a speaker answers the questions of one split, and listeners judge what it says."""

    queryset = Game.objects.select_related("speaker", "dataset").prefetch_related("listeners").order_by("id")
    serializer_class = GameSerializer
    filterset_class = GameFilter
    ordering_fields: ClassVar = ["id", "created_at", "started_at", "finished_at"]


class UtteranceViewSet(viewsets.ReadOnlyModelViewSet):
    """Sampled responses, graded. No `answer`: it abstained. No `is_correct`: not graded."""

    queryset = Utterance.objects.select_related("speaker").order_by("id")
    serializer_class = UtteranceSerializer
    filterset_class = UtteranceFilter
    ordering_fields: ClassVar = ["id", "question", "sample", "stated_confidence"]


class JudgmentViewSet(viewsets.ReadOnlyModelViewSet):
    """Verdicts of listeners, people and models in one table. `excluded`: why one is kept out of results; empty: it counts."""

    queryset = Judgment.objects.select_related("listener", "utterance__speaker").order_by("id")
    serializer_class = JudgmentSerializer
    filterset_class = JudgmentFilter
    ordering_fields: ClassVar = ["id", "utterance", "probability", "confidence", "response_ms", "created_at"]


class ConfidenceViewSet(viewsets.ReadOnlyModelViewSet):
    """How sure speakers are: what they state and what is computed from them. What listeners take from their answers is among the judgments."""

    queryset = Confidence.objects.select_related("utterance__speaker").order_by("id")
    serializer_class = ConfidenceSerializer
    filterset_class = ConfidenceFilter
    ordering_fields: ClassVar = ["id", "utterance", "value", "created_at"]
