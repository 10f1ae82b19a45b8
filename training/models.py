"""Preference pairs, the runs that train on them, and what came of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from games.jobs import Job, JobQuerySet
from games.models import Dataset, Game, Judgment, Listener, Question, Speaker, Split, Utterance


class PairSet(models.Model):
    """Preference pairs built by one rule from the judgments of one listener, or of several averaged, on games of one speaker."""

    class Rule(models.TextChoices):
        LACIE = "lacie"
        TRUTHFUL = "truthful"

    name = models.SlugField(unique=True, max_length=100)
    rule = models.CharField(max_length=10, choices=Rule)
    speaker = models.ForeignKey(Speaker, models.PROTECT, related_name="pair_sets")
    listener = models.ForeignKey(Listener, models.PROTECT, related_name="pair_sets")
    others = models.ManyToManyField(Listener, related_name="+", blank=True)
    "Listeners whose probabilities are averaged with the first one's."
    games = models.ManyToManyField(Game, related_name="pair_sets", blank=True)
    any_speaker = models.BooleanField(default=False)
    "Whether utterances of all speakers that the listener judged were paired, not of `speaker` alone; each pair's utterances tell whose they are."
    split = models.CharField(max_length=10, choices=Split, default=Split.TRAIN)
    "Whose questions, where no games are named."
    options = models.JSONField(default=dict)
    "Every number of the rule, as `training.preferences.Options` has it."
    counts = models.JSONField(default=dict)
    "Pairs of each type, before and after balancing."
    digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name


class PreferencePair(models.Model):
    pair_set = models.ForeignKey(PairSet, models.CASCADE, related_name="pairs")
    question = models.ForeignKey(Question, models.PROTECT, related_name="+")
    chosen = models.ForeignKey(Utterance, models.PROTECT, related_name="+")
    rejected = models.ForeignKey(Utterance, models.PROTECT, related_name="+")
    chosen_judgment = models.ForeignKey(Judgment, models.PROTECT, related_name="+")
    rejected_judgment = models.ForeignKey(Judgment, models.PROTECT, related_name="+")
    chosen_probability = models.FloatField(null=True, blank=True)
    "That the rule compared: the mean over listeners and their judgments; the next likewise."
    rejected_probability = models.FloatField(null=True, blank=True)
    pair_type = models.CharField(max_length=20)
    "For example `CA>C~A`: C correct, A accepted, ~ not; chosen first."

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["pair_set", "chosen", "rejected"], name="pair_once_per_set"),
            models.CheckConstraint(condition=~Q(chosen=F("rejected")), name="pair_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.pair_type}: {self.chosen_id} > {self.rejected_id}"


class TrainingRun(Job):
    """One training of one method: a subprocess with a folder (see `training.runner`)."""

    name = models.SlugField(unique=True, max_length=100)
    method = models.CharField(max_length=40)
    "A key of `training.trainers.METHODS`."
    base = models.ForeignKey(Speaker, models.PROTECT, related_name="runs")
    pair_set = models.ForeignKey(PairSet, models.PROTECT, null=True, blank=True, related_name="runs")
    games = models.ManyToManyField(Game, related_name="runs", blank=True)
    listener = models.ForeignKey(Listener, models.PROTECT, null=True, blank=True, related_name="runs")
    "Whose judgments it learns from, where the method needs single judgments."
    "Whose graded answers it learns from, for a method that needs answers."
    config = models.JSONField(default=dict)
    "The method's configuration dataclass, whole."
    seed = models.PositiveIntegerField(default=0)
    folder = models.CharField(max_length=300, blank=True)
    "Relative to DATA_DIR."
    metrics = models.JSONField(default=dict, blank=True)
    speaker = models.OneToOneField(Speaker, models.SET_NULL, null=True, blank=True, related_name="run")
    "What it was published as."

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("training:run", args=[self.pk])

    @property
    def queue(self) -> str:
        return self.base.queue

    @property
    def figures(self) -> dict[str, Any]:
        """Of `metrics`, what is one value each."""
        return {name: value for name, value in self.metrics.items() if not _is_table(value)}

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Of `metrics`, what is a list of rows."""
        return {name: value for name, value in self.metrics.items() if _is_table(value)}


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


class Evaluation(models.Model):
    """A speaker × a listener × a split → metrics with intervals. The rows behind it are those of its game."""

    game = models.ForeignKey(Game, models.PROTECT, related_name="evaluations")
    listener = models.ForeignKey(Listener, models.PROTECT, related_name="evaluations")
    n = models.PositiveIntegerField()
    "Utterances that the metrics rest on."
    metrics = models.JSONField(default=dict)
    "name → {value, low, high}, 95 % bootstrap intervals by question."
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["game", "listener"], name="one_evaluation_per_game_and_listener")]

    def __str__(self) -> str:
        return f"{self.game.speaker} by {self.listener} on {self.game.split}"


class Benchmark(Job):
    """Methods side by side: each trained once a seed, all looked at on the same held-out questions. See `training.benchmark`."""

    name = models.SlugField(unique=True, max_length=100)
    base = models.ForeignKey(Speaker, models.PROTECT, related_name="benchmarks")
    datasets = models.JSONField(default=list)
    "Names; the methods learn from the first."
    methods = models.JSONField(default=list)
    "Keys of `training.benchmark.entries.ENTRIES`."
    listener = models.ForeignKey(Listener, models.PROTECT, related_name="benchmarks")
    split = models.CharField(max_length=10, choices=Split, default=Split.TEST)
    seeds = models.PositiveIntegerField(default=3)
    questions = models.PositiveIntegerField(default=0)
    "Training questions; 0: all."
    hold_out = models.JSONField(default=list, blank=True)
    "Relations of the first dataset that no method learns anything of; their questions are looked at as the split `held-out`."
    settings = models.JSONField(default=dict, blank=True)
    "What differs from the presets in every method that has such a setting, for example fewer steps."
    runs = models.ManyToManyField(TrainingRun, related_name="benchmarks", blank=True)
    result = models.JSONField(default=dict, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("training:benchmark", args=[self.pk])

    @property
    def training_now(self) -> TrainingRun | None:
        """The training that is going on for it, if one is."""
        return None if self.is_over else self.runs.filter(state=Job.State.RUNNING).order_by("-started_at").first()

    @property
    def queue(self) -> str:
        return self.base.queue


class Comparison(Job):
    """Several speakers on the same questions, before the same listener. The first is the base that others are held against."""

    name = models.SlugField(unique=True, max_length=100)
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="comparisons")
    split = models.CharField(max_length=10, choices=Split, default=Split.TEST)
    listener = models.ForeignKey(Listener, models.PROTECT, related_name="comparisons")
    speakers = models.JSONField(default=list)
    "Names, the base first."
    samples = models.PositiveIntegerField(default=1)
    "A question; the paper evaluates one sample."
    seed = models.PositiveIntegerField(default=0)
    evaluations = models.ManyToManyField(Evaluation, related_name="comparisons", blank=True)
    result = models.JSONField(default=dict, blank=True)
    "What `compare_speakers --json` writes: `rows` and `paired`."

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("training:comparison", args=[self.pk])

    @property
    def queue(self) -> str:
        queues = {speaker.queue for speaker in Speaker.objects.filter(name__in=self.speakers)}
        return "gpu" if "gpu" in queues else "default"
