"""A study: arms, the utterances they show, the people who judge them, and who was given what."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from games.models import Judgment, Listener, Question, Speaker, Utterance


def participant_code() -> str:
    """A pseudonym that says nothing of the person and cannot be guessed."""
    return secrets.token_hex(8)


class Study(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAUSED = "paused"
        CLOSED = "closed"

    name = models.SlugField(unique=True, max_length=100)
    "As it stands in the participant's link: it must not tell what the study is about."
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    listener = models.OneToOneField(Listener, models.PROTECT, related_name="study")
    "Its judgments are this study's; training reads them by this listener."
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="studies")
    consent = models.TextField(blank=True)
    rounds = models.PositiveIntegerField(default=10)
    "Questions for one person; each question once."
    seed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("annotations:study", args=[self.name])


class Arm(models.Model):
    """The speaker that a participant hears. Nothing that a participant receives may tell which."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="arms")
    name = models.SlugField(max_length=100)
    speaker = models.ForeignKey(Speaker, models.PROTECT, related_name="arms")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("study_id", "position", "id")
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["study", "name"], name="arm_name_once_per_study")]

    def __str__(self) -> str:
        return f"{self.study}/{self.name}"


class ArmUtterance(models.Model):
    """One utterance that an arm may show: at most one for each question."""

    arm = models.ForeignKey(Arm, models.CASCADE, related_name="shown")
    question = models.ForeignKey(Question, models.PROTECT, related_name="+")
    utterance = models.ForeignKey(Utterance, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["arm", "question"], name="one_utterance_per_arm_and_question")]

    def __str__(self) -> str:
        return f"{self.arm}: {self.utterance_id}"


class Participant(models.Model):
    study = models.ForeignKey(Study, models.PROTECT, related_name="participants")
    code = models.CharField(max_length=40, unique=True, default=participant_code)
    is_bot = models.BooleanField(default=False)
    entered_at = models.DateTimeField(default=timezone.now)
    consented_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.code


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def open(self) -> Self:
        return self.filter(judgment__isnull=True)

    def answered(self) -> Self:
        return self.filter(judgment__isnull=False)

    def for_results(self) -> Self:
        """Answered by a person, with a judgment that no rule has excluded, on a graded answer."""
        return self.filter(judgment__isnull=False, judgment__excluded="", utterance__is_correct__isnull=False, participant__is_bot=False)


class Assignment(models.Model):
    """One utterance given to one person, in one place of their session."""

    participant = models.ForeignKey(Participant, models.PROTECT, related_name="assignments")
    position = models.PositiveIntegerField()
    arm = models.ForeignKey(Arm, models.PROTECT, related_name="assignments")
    question = models.ForeignKey(Question, models.PROTECT, related_name="+")
    utterance = models.ForeignKey(Utterance, models.PROTECT, related_name="+")
    judgment = models.OneToOneField(Judgment, models.PROTECT, null=True, blank=True, related_name="assignment")
    shown_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ("participant_id", "position")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["participant", "position"], name="one_assignment_per_position"),
            models.UniqueConstraint(fields=["participant", "question"], name="each_question_once_per_person"),
            models.CheckConstraint(
                condition=Q(judgment__isnull=True, answered_at__isnull=True) | Q(judgment__isnull=False, answered_at__isnull=False),
                name="answered_when_judged",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant} {self.position}"

    @property
    def judged_well(self) -> bool:
        """A right answer accepted, or a wrong one rejected. Needs `judgment` and `utterance` loaded."""
        return self.judgment is not None and self.judgment.accepted == bool(self.utterance.is_correct)
