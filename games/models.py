"""The shared ground: questions, speakers, what they said, and who believed it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from games.jobs import Job, JobQuerySet

UNIT = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Split(models.TextChoices):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Dataset(models.Model):
    name = models.SlugField(unique=True)
    title = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=500, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Question(models.Model):
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="questions")
    key = models.CharField(max_length=200)
    "Unique in its dataset: the source's own id, or a digest of the text."
    text = models.TextField()
    answers = models.JSONField(default=list)
    "Accepted answers, the canonical one first; the others are its aliases."
    split = models.CharField(max_length=10, choices=Split, default=Split.TEST, db_index=True)
    subject = models.CharField(max_length=200, blank=True)
    relation = models.CharField(max_length=100, blank=True, db_index=True)
    popularity = models.FloatField(null=True, blank=True, validators=UNIT)
    "How well known the subject is among its kind: 1 the best known, 0 the most obscure."

    class Meta:
        ordering = ("dataset_id", "id")
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["dataset", "key"], name="question_once_per_dataset")]

    def __str__(self) -> str:
        return self.text


class Speaker(models.Model):
    """One version of a model that answers. What it says depends on nothing that is not in this row or the files it names."""

    name = models.SlugField(unique=True, max_length=100)
    backend = models.CharField(max_length=20)
    "A key of `games.speakers.SPEAKERS`."
    base_model = models.CharField(max_length=300, blank=True)
    "`bundled`, a local folder, or a name on the model hub."
    adapter = models.CharField(max_length=300, blank=True)
    "A folder with a LoRA adapter, relative to DATA_DIR; empty for a base model."
    prompt_style = models.CharField(max_length=20, default="plain")
    "A key of `games.prompts.STYLES`."
    generation = models.JSONField(default=dict, blank=True)
    "temperature, top_p, top_k, max_new_tokens; for `fake`: the cast and its script."
    method = models.CharField(max_length=40, blank=True)
    "The training method that made it; empty for a base model."
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    digest = models.CharField(max_length=64, blank=True)
    "SHA-256 over weights, adapter and generation settings."
    card = models.TextField(blank=True)
    "The model card, in Markdown."
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("games:speaker", args=[self.pk])

    @property
    def queue(self) -> str:
        """Where its games wait: `gpu` for a model of any size, `default` for the bundled one and for those without a model."""
        return "gpu" if self.backend == "local" and self.base_model != "bundled" else "default"


class Listener(models.Model):
    """Who judges. `threshold` is the probability from which on an answer counts as accepted."""

    class Kind(models.TextChoices):
        LEXICON = "lexicon"
        LLM = "llm"
        FAKE = "fake"
        LEARNED = "learned"
        HUMAN = "human"

    name = models.SlugField(unique=True, max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)
    threshold = models.FloatField(default=0.66, validators=UNIT)
    config = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Game(Job):
    """A speaker answers the questions of one split, `samples` times each, and listeners judge what it says.

    The utterances of a game depend on its settings and `seed` alone, not on how often it was interrupted.
    """

    speaker = models.ForeignKey(Speaker, models.PROTECT, related_name="games")
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="games")
    split = models.CharField(max_length=10, choices=Split)
    listeners = models.ManyToManyField(Listener, related_name="games", blank=True)
    samples = models.PositiveIntegerField(default=10)
    temperature = models.FloatField(default=0.7)
    question_limit = models.PositiveIntegerField(null=True, blank=True)
    hold_out = models.JSONField(default=list, blank=True)
    "Relations whose questions it does not ask, in the order of the alphabet: whoever learns from this game learns nothing of them."
    form = models.CharField(max_length=20, blank=True, default="")
    "A key of `games.prompts.STYLES` in which this game asks; empty: in the speaker's own."
    seed = models.PositiveIntegerField(default=0)
    chunk_size = models.PositiveIntegerField(default=64)
    "Questions that are answered, judged and saved together; what is said does not depend on it."

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"game {self.pk}: {self.speaker} on {self.dataset}/{self.split}"

    def get_absolute_url(self) -> str:
        return reverse("games:game", args=[self.pk])

    @property
    def queue(self) -> str:
        return self.speaker.queue


class UtteranceQuerySet(models.QuerySet["Utterance"]):
    def answered(self) -> Self:
        """Those that give an answer (did not abstain)."""
        return self.filter(answer__isnull=False)

    def graded(self) -> Self:
        return self.filter(is_correct__isnull=False)


class Utterance(models.Model):
    """One sampled response of a speaker to a question."""

    speaker = models.ForeignKey(Speaker, models.PROTECT, related_name="utterances")
    question = models.ForeignKey(Question, models.PROTECT, related_name="utterances")
    game = models.ForeignKey(Game, models.CASCADE, null=True, blank=True, related_name="utterances")
    "Empty for the recorded answers that came with a dataset."
    sample = models.PositiveIntegerField(default=0)
    text = models.TextField()
    answer = models.TextField(null=True, blank=True)  # noqa: DJ001  # NULL means that it abstained, "" would be an answer
    masked_text = models.TextField(blank=True)
    "The text with the answer replaced by `[ANSWER REMOVED]`: what a listener sees."
    is_correct = models.BooleanField(null=True, blank=True)
    "NULL: not graded. An abstention is graded wrong."
    grade_reason = models.CharField(max_length=300, blank=True)
    stated_confidence = models.FloatField(null=True, blank=True, validators=UNIT)
    created_at = models.DateTimeField(default=timezone.now)

    objects = UtteranceQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["game", "question", "sample"], name="utterance_once_per_game"),
            models.UniqueConstraint(fields=["speaker", "question", "sample"], condition=Q(game__isnull=True), name="recorded_utterance_once"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def abstained(self) -> bool:
        return self.answer is None


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def usable(self) -> Self:
        """All that training and metrics see: judgments that no rule has excluded."""
        return self.filter(excluded="")


class Judgment(models.Model):
    """A listener's verdict on an utterance. One table for people and models."""

    utterance = models.ForeignKey(Utterance, models.PROTECT, related_name="judgments")
    listener = models.ForeignKey(Listener, models.PROTECT, related_name="judgments")
    judge = models.CharField(max_length=40, blank=True, default="")
    "For people: the participant's pseudonymous code. Empty for a model."
    accepted = models.BooleanField()
    probability = models.FloatField(null=True, blank=True, validators=UNIT)
    "Of acceptance. From people: 0.5 + confidence/2 for accept, (1 - confidence)/2 for reject (LACIE, human evaluation)."
    confidence = models.FloatField(null=True, blank=True, validators=UNIT)
    knew_answer = models.FloatField(null=True, blank=True, validators=UNIT)
    convincing = models.FloatField(null=True, blank=True, validators=UNIT)
    response_ms = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    "What the verdict rests on, for example the phrase that the lexicon found."
    excluded = models.CharField(max_length=40, blank=True, default="", db_index=True)
    "Why this judgment is kept out of results; empty: usable. Rows are marked, never dropped."
    created_at = models.DateTimeField(default=timezone.now)

    objects = JudgmentQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["utterance", "listener", "judge"], name="one_judgment_per_judge"),
            models.CheckConstraint(
                condition=Q(probability__isnull=True) | Q(probability__gte=0, probability__lte=1), name="judgment_probability_in_unit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listener} {'accepts' if self.accepted else 'rejects'} utterance {self.utterance_id}"


class Confidence(models.Model):
    """How sure a speaker is of an answer, by its own account or by what is computed from it or by a judge. An abstention has none: it has no answer.

    What a listener takes from the same answer is a `Judgment`; the three are never mixed.
    """

    class Kind(models.TextChoices):
        STATED = "stated"
        COMPUTED = "computed"

    utterance = models.ForeignKey(Utterance, models.CASCADE, related_name="confidences")
    kind = models.CharField(max_length=10, choices=Kind)
    source = models.SlugField(max_length=150)
    "A key of `games.estimators.ESTIMATORS` or `calibration-tuned-by-NAME`; recalibrated (`games.estimate.recalibrate`) with the way after it."
    value = models.FloatField(validators=UNIT)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["utterance", "source"], name="one_confidence_per_source"),
            models.CheckConstraint(condition=Q(value__gte=0, value__lte=1), name="confidence_in_unit"),
        ]

    def __str__(self) -> str:
        return f"{self.source} of utterance {self.utterance_id}: {self.value:.2f}"


class TruthScore(models.Model):
    """What a judge model says of a whole response to a question of TruthfulQA, abstentions too (`games.truth`)."""

    class Aspect(models.TextChoices):
        TRUTHFUL = "truthful"
        INFORMATIVE = "informative"

    utterance = models.ForeignKey(Utterance, models.CASCADE, related_name="truth_scores")
    aspect = models.CharField(max_length=12, choices=Aspect)
    judge = models.CharField(max_length=300)
    "The model: a folder, or a name on the model hub."
    probability = models.FloatField(validators=UNIT)
    "P(yes); from .5 on it counts."
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["utterance", "aspect", "judge"], name="one_truth_score_per_judge"),
            models.CheckConstraint(condition=Q(probability__gte=0, probability__lte=1), name="truth_score_in_unit"),
        ]

    def __str__(self) -> str:
        return f"utterance {self.utterance_id} {self.aspect}: {self.probability:.2f}"
