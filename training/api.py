"""Read access to pair sets, runs, evaluations and comparisons. Rows name each other by name where they have one."""

from __future__ import annotations

from typing import ClassVar

from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets

from games.api import JOB_FIELDS, named
from games.filters import IdFilter, by_name
from games.jobs import Job
from games.models import Split
from training.models import Benchmark, Comparison, Evaluation, PairSet, TrainingRun


class PairSetSerializer(serializers.ModelSerializer):
    speaker = named()
    listener = named()

    class Meta:
        model = PairSet
        fields = ("id", "name", "rule", "speaker", "listener", "games", "any_speaker", "split", "options", "counts", "digest", "created_at")


class RunSerializer(serializers.ModelSerializer):
    base = named()
    pair_set = named(allow_null=True)
    speaker = named(allow_null=True)

    class Meta:
        model = TrainingRun
        fields = ("id", "name", "method", "base", "pair_set", "games", "config", "seed", "folder", "metrics", "speaker", *JOB_FIELDS)


class EvaluationSerializer(serializers.ModelSerializer):
    """`metrics`: name → {value, low, high}, 95 % bootstrap intervals by question."""

    speaker = serializers.CharField(source="game.speaker.name", read_only=True)
    dataset = serializers.CharField(source="game.dataset.name", read_only=True)
    split = serializers.ChoiceField(source="game.split", choices=Split.choices, read_only=True)
    listener = named()

    class Meta:
        model = Evaluation
        fields = ("id", "game", "speaker", "dataset", "split", "listener", "n", "metrics", "created_at")


class ComparisonSerializer(serializers.ModelSerializer):
    """`result`: what `compare_speakers --json` writes."""

    dataset = named()
    listener = named()

    class Meta:
        model = Comparison
        fields = ("id", "name", "dataset", "split", "listener", "speakers", "samples", "seed", "evaluations", "result", *JOB_FIELDS)


class BenchmarkSerializer(serializers.ModelSerializer):
    """`result`: what `benchmark --out` writes as report.json."""

    base = named()
    listener = named()
    datasets = serializers.ListField(child=serializers.CharField(), read_only=True)
    methods = serializers.ListField(child=serializers.CharField(), read_only=True)
    hold_out = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Benchmark
        fields = (
            *("id", "name", "base", "datasets", "methods", "listener", "split", "seeds", "questions", "hold_out"),
            *("settings", "runs", "result"),
            *JOB_FIELDS,
        )


class PairSetFilter(filters.FilterSet):
    name = by_name("", "pair set")
    rule = filters.ChoiceFilter(choices=PairSet.Rule)
    speaker = by_name("speaker", "speaker")
    listener = by_name("listener", "listener")


class RunFilter(filters.FilterSet):
    name = by_name("", "run")
    method = filters.CharFilter()
    base = by_name("base", "speaker that it starts from")
    pair_set = by_name("pair_set", "pair set")
    game = IdFilter("games")
    speaker = by_name("speaker", "speaker that it was published as")
    state = filters.ChoiceFilter(choices=Job.State)


class EvaluationFilter(filters.FilterSet):
    speaker = by_name("game__speaker", "speaker")
    listener = by_name("listener", "listener")
    dataset = by_name("game__dataset", "dataset")
    split = filters.ChoiceFilter("game__split", choices=Split)
    game = IdFilter("game")


class ComparisonFilter(filters.FilterSet):
    name = by_name("", "comparison")
    listener = by_name("listener", "listener")
    dataset = by_name("dataset", "dataset")
    split = filters.ChoiceFilter(choices=Split)
    state = filters.ChoiceFilter(choices=Job.State)


class BenchmarkFilter(filters.FilterSet):
    name = filters.CharFilter()
    base = by_name("base", "speaker")
    state = filters.ChoiceFilter(choices=Job.State)


class PairSetViewSet(viewsets.ReadOnlyModelViewSet):
    """Preference pairs built by one rule; how many of each type."""

    queryset = PairSet.objects.select_related("speaker", "listener").prefetch_related("games").order_by("id")
    serializer_class = PairSetSerializer
    filterset_class = PairSetFilter
    ordering_fields: ClassVar = ["id", "name", "created_at"]


class RunViewSet(viewsets.ReadOnlyModelViewSet):
    """Training runs: method, configuration, progress, and the speaker that came of it."""

    queryset = TrainingRun.objects.select_related("base", "pair_set", "speaker").prefetch_related("games").order_by("id")
    serializer_class = RunSerializer
    filterset_class = RunFilter
    ordering_fields: ClassVar = ["id", "name", "created_at", "started_at", "finished_at"]


class EvaluationViewSet(viewsets.ReadOnlyModelViewSet):
    """A speaker before a listener on one split: metrics with intervals."""

    queryset = Evaluation.objects.select_related("game__speaker", "game__dataset", "listener").order_by("id")
    serializer_class = EvaluationSerializer
    filterset_class = EvaluationFilter
    ordering_fields: ClassVar = ["id", "n", "created_at"]


class ComparisonViewSet(viewsets.ReadOnlyModelViewSet):
    """Several speakers on the same questions before the same listener."""

    queryset = Comparison.objects.select_related("dataset", "listener").prefetch_related("evaluations").order_by("id")
    serializer_class = ComparisonSerializer
    filterset_class = ComparisonFilter
    ordering_fields: ClassVar = ["id", "name", "created_at"]


class BenchmarkViewSet(viewsets.ReadOnlyModelViewSet):
    """Methods trained from one base, on the same held-out questions."""

    queryset = Benchmark.objects.select_related("base", "listener").prefetch_related("runs").order_by("id")
    serializer_class = BenchmarkSerializer
    filterset_class = BenchmarkFilter
    ordering_fields: ClassVar = ["id", "name", "created_at"]
