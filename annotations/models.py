"""A study: its protocol, its arms, the utterances they show, the people who judge them, who was given what, and what they are owed."""

from __future__ import annotations

import datetime as dt
import secrets
from functools import cached_property
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from annotations.protocol import Protocol
from games.models import Game, Judgment, Listener, Question, Speaker, Utterance


def participant_code() -> str:
    """A pseudonym that says nothing of the person and cannot be guessed."""
    return secrets.token_hex(8)


class StudyQuerySet(models.QuerySet["Study"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """An administrator sees every study; other staff those they own or observe; nobody else any."""
        if not (user.is_active and user.is_staff):
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(Q(owner=user.pk) | Q(pk__in=Study.observers.through.objects.filter(user=user.pk).values("study")))


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
    protocol = models.JSONField(default=dict, blank=True)
    "See `annotations.protocol`; written while the study is a draft, frozen from its opening on."
    digest = models.CharField(max_length=64, blank=True)
    "SHA-256 of all that was frozen at the opening: protocol, arms, material, checks. Empty for a draft."
    version = models.PositiveIntegerField(default=1)
    previous = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="later")
    "The version that this one was made from."
    keys = models.JSONField(default=dict, blank=True)
    "The recruiting platform's public keys (a JWK set) for entry tokens; may change while the study is open."
    platform_study = models.CharField(max_length=200, blank=True, default="")
    "The platform's own id of this study, known once it is published there: who comes from another is refused. Empty: not asked."
    listener = models.OneToOneField(Listener, models.PROTECT, related_name="study")
    "Its judgments are this study's; training reads them by this listener."
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="studies")
    observers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="observed_studies", blank=True)
    "May read everything of this study, and change nothing."
    games = models.ManyToManyField(Game, related_name="studies", blank=True)
    "Whose answers its arms show."
    seed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    identities_until = models.DateField(null=True, blank=True)
    "The platform's ids of its participants are deleted after this day; empty: when somebody asks."

    objects = StudyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("annotations:study", args=[self.name])

    def may_change(self, user: User | AnonymousUser) -> bool:
        """Its owner and administrators; observers only read. Who may not even read it is `visible_to`'s question."""
        return user.is_active and user.is_staff and (user.is_superuser or (self.owner_id is not None and self.owner_id == user.pk))

    @cached_property
    def rules(self) -> Protocol:
        """The protocol as a value. Set `protocol` and forget this one (`del study.rules`) to change it."""
        return Protocol.of(self.protocol)


class Arm(models.Model):
    """The speaker that a participant hears. Nothing that a participant receives may tell which."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="arms")
    name = models.SlugField(max_length=100)
    speaker = models.ForeignKey(Speaker, models.PROTECT, related_name="arms")
    position = models.PositiveIntegerField(default=0)
    is_live = models.BooleanField(default=False)
    "Answers while the participant reads the question; what it has recorded stands in where it fails."

    class Meta:
        ordering = ("study_id", "position", "id")
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["study", "name"], name="arm_name_once_per_study")]

    def __str__(self) -> str:
        return f"{self.study}/{self.name}"


class ArmUtterance(models.Model):
    """One utterance that an arm may show: at most one for each question. `taken` counts who was given it; the database holds it at `wanted`."""

    arm = models.ForeignKey(Arm, models.CASCADE, related_name="shown")
    question = models.ForeignKey(Question, models.PROTECT, related_name="+")
    utterance = models.ForeignKey(Utterance, models.PROTECT, related_name="+")
    wanted = models.PositiveIntegerField(default=1)
    taken = models.PositiveIntegerField(default=0)
    "Assignments of this utterance that are open or answered."
    held_back = models.CharField(max_length=200, blank=True, default="")
    "Why it is not given out (it names its model); empty: it is."

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["arm", "question"], name="one_utterance_per_arm_and_question"),
            models.CheckConstraint(condition=Q(taken__lte=F("wanted")), name="never_more_taken_than_wanted"),
        ]

    def __str__(self) -> str:
        return f"{self.arm}: {self.utterance_id}"


class AttentionCheck(models.Model):
    """A question and answer with a known right verdict, shown among the rounds, or in practice. The paper's four kinds (attention_checks.py)."""

    class Kind(models.TextChoices):
        SURE_COMMON = "sure-common"
        SURE_OBSCURE = "sure-obscure"
        UNSURE_COMMON = "unsure-common"
        UNSURE_OBSCURE = "unsure-obscure"
        OWN = "own"

    study = models.ForeignKey(Study, models.CASCADE, related_name="checks")
    position = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.OWN)
    question = models.TextField()
    answer = models.TextField()
    expects_accept = models.BooleanField()
    is_practice = models.BooleanField(default=False)
    "Shown in practice, with feedback; never among the rounds."
    explanation = models.TextField(blank=True)
    "What practice says after the verdict."

    class Meta:
        ordering = ("study_id", "position", "id")

    def __str__(self) -> str:
        return self.question


class ParticipantQuerySet(models.QuerySet["Participant"]):
    def people(self) -> Self:
        return self.filter(is_bot=False, is_preview=False)

    def under_way(self) -> Self:
        return self.filter(outcome="")


class Participant(models.Model):
    """A person under a pseudonym. Who they are to a recruiting platform stands in `PlatformIdentity` alone, and can be deleted there."""

    class Step(models.TextChoices):
        CONSENT = "consent"
        INSTRUCTIONS = "instructions"
        PRACTICE = "practice"
        COMPREHENSION = "comprehension"
        ROUNDS = "rounds"
        ABOUT_YOU = "about-you"
        DEBRIEF = "debrief"

    class Outcome(models.TextChoices):
        UNDER_WAY = ""
        FINISHED = "finished"
        NO_CONSENT = "no-consent"
        SCREENED_OUT = "screened-out"
        "Failed the comprehension check twice: asked to return the study, never rejected."
        TIMED_OUT = "timed-out"
        RETURNED = "returned"
        FULL = "full"
        "Came when every judgment wanted had been given out."

    study = models.ForeignKey(Study, models.PROTECT, related_name="participants")
    code = models.CharField(max_length=40, unique=True, default=participant_code)
    is_bot = models.BooleanField(default=False)
    is_preview = models.BooleanField(default=False)
    "The manager, looking; takes nothing from the material and counts nowhere."
    step = models.CharField(max_length=20, choices=Step, default=Step.CONSENT)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True, default=Outcome.UNDER_WAY)
    language = models.CharField(max_length=10, default="en")
    arm = models.ForeignKey(Arm, models.PROTECT, null=True, blank=True, related_name="+")
    "Between-person studies: the one arm that this person hears."
    sequence = models.PositiveIntegerField(null=True, blank=True)
    "The how-manieth session drawn in this study, from 0: the row of its Latin square."
    failed_comprehension = models.PositiveIntegerField(default=0)
    practised = models.PositiveIntegerField(default=0)
    failed_checks = models.PositiveIntegerField(default=0)
    about = models.JSONField(default=dict, blank=True)
    "Answers to the optional questions about the person."
    excluded = models.CharField(max_length=40, blank=True, default="")
    "Why none of this person's judgments is used; empty: they are."
    message = models.TextField(blank=True)
    "From the manager, shown on the next page."
    entered_at = models.DateTimeField(default=timezone.now)
    consented_at = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField(null=True, blank=True)
    "When the rounds were drawn."
    seen_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["study", "sequence"], name="each_sequence_once_per_study")]

    def __str__(self) -> str:
        return self.code


class PlatformIdentity(models.Model):
    """Who a participant is to a recruiting platform. In no export of results; deleting it leaves the pseudonymous data whole."""

    participant = models.OneToOneField(Participant, models.CASCADE, related_name="identity")
    study = models.ForeignKey(Study, models.CASCADE, related_name="identities")
    platform = models.CharField(max_length=20)
    label = models.CharField(max_length=200)
    "The platform's id of the person: the participant label."
    platform_study = models.CharField(max_length=200, blank=True)
    platform_session = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "platform identities"
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["study", "label"], name="a_label_once_per_study")]

    def __str__(self) -> str:
        return f"{self.platform}: {self.label}"


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def open(self) -> Self:
        return self.filter(answered_at__isnull=True)

    def held(self) -> Self:
        """Open, and not given back: what keeps others from having it."""
        return self.open().filter(released_at__isnull=True)

    def answered(self) -> Self:
        return self.filter(answered_at__isnull=False)

    def for_results(self, *, bots: bool = False) -> Self:
        """Answered by a person (or bot, if asked for), neither of them excluded by a rule, on a graded answer."""
        found = self.filter(
            judgment__isnull=False,
            judgment__excluded="",
            utterance__is_correct__isnull=False,
            participant__excluded="",
            participant__is_preview=False,
        )
        return found if bots else found.filter(participant__is_bot=False)


class Assignment(models.Model):
    """One utterance, or one attention check, given to one person, in one place of their session. What is given back is deleted, but for the
    round that they have before them: its answer may be on its way on a bad line."""

    class Source(models.TextChoices):
        FIXED = "fixed"
        LIVE = "live"
        FALLBACK = "fallback"
        "A recorded utterance of the same arm, because the live speaker failed."
        IMPORTED = "imported"
        "Given and judged elsewhere, where a person may have met a question or a check again in another task."

    participant = models.ForeignKey(Participant, models.PROTECT, related_name="assignments")
    position = models.PositiveIntegerField()
    item = models.ForeignKey(ArmUtterance, models.PROTECT, null=True, blank=True, related_name="assignments")
    check_shown = models.ForeignKey(AttentionCheck, models.PROTECT, null=True, blank=True, related_name="assignments")
    arm = models.ForeignKey(Arm, models.PROTECT, null=True, blank=True, related_name="assignments")
    question = models.ForeignKey(Question, models.PROTECT, null=True, blank=True, related_name="+")
    utterance = models.ForeignKey(Utterance, models.PROTECT, null=True, blank=True, related_name="+")
    "What is shown: the item's, or in a live arm what was said to this person."
    source = models.CharField(max_length=10, choices=Source, default=Source.FIXED)
    judgment = models.OneToOneField(Judgment, models.PROTECT, null=True, blank=True, related_name="assignment")
    passed = models.BooleanField(null=True, blank=True)
    "Of an attention check: whether the verdict was the expected one."
    note = models.TextField(blank=True)
    shown_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    "When its place was given back, because there was no sign of the person; an answer that comes after that takes it again if it is still free."

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ("participant_id", "position")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["participant", "position"], name="one_assignment_per_position"),
            models.UniqueConstraint(fields=["participant", "question"], condition=~Q(source="imported"), name="each_question_once_per_person"),
            models.UniqueConstraint(fields=["participant", "item"], name="each_item_once_per_person"),
            models.UniqueConstraint(fields=["participant", "check_shown"], condition=~Q(source="imported"), name="each_check_once_per_person"),
            models.CheckConstraint(
                condition=Q(check_shown__isnull=True, arm__isnull=False, question__isnull=False)
                | Q(check_shown__isnull=False, arm__isnull=True, question__isnull=True, utterance__isnull=True, judgment__isnull=True),
                name="an_utterance_or_a_check",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, judgment__isnull=True, passed__isnull=True)
                | Q(answered_at__isnull=False, judgment__isnull=False, passed__isnull=True)
                | Q(answered_at__isnull=False, judgment__isnull=True, passed__isnull=False),
                name="answered_when_judged",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant} {self.position}"

    @property
    def judged_well(self) -> bool:
        """A right answer accepted, or a wrong one rejected. Needs `judgment` and `utterance` loaded."""
        return self.judgment is not None and self.utterance is not None and self.judgment.accepted == bool(self.utterance.is_correct)


class LiveAnswer(models.Model):
    """What a live arm's speaker was asked to say to one person, and what came of it: made by whoever takes it on, so that only one does."""

    class State(models.TextChoices):
        WRITING = "writing"
        SAID = "said"
        LATE = "late"
        "Not there when the answer had to begin."
        FAILED = "failed"

    assignment = models.OneToOneField(Assignment, models.CASCADE, related_name="live")
    state = models.CharField(max_length=10, choices=State, default=State.WRITING)
    seed = models.PositiveIntegerField(default=0)
    "With the speaker and the question it makes the text again."
    error = models.CharField(max_length=300, blank=True)
    "Why nothing was said."
    worker = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.assignment}: {self.state}"


class SpeakerServer(models.Model):
    """A process that answers for live arms, as it last said so. One that has fallen silent is no more, or too busy to answer."""

    SILENT = dt.timedelta(seconds=20)

    worker = models.CharField(max_length=100, unique=True)
    loaded = models.JSONField(default=list)
    "Names of the speakers whose models it has."
    beat_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.worker


class PaymentQuerySet(models.QuerySet["Payment"]):
    def for_page(self, study: Study) -> Self:
        """With the person and who they are to the platform."""
        return self.filter(participant__study=study).select_related("participant__identity", "participant__study")


class Payment(models.Model):
    """What one participant is owed, once: a second row for a person cannot be, and what has been exported keeps its batch."""

    class State(models.TextChoices):
        DUE = "due"
        EXPORTED = "exported"
        "Handed to the platform in the list `batch`; not offered again."
        PAID = "paid"
        NOTHING = "nothing"
        "Nothing is owed: kept so that the list shows everybody, with the code they went back with."

    participant = models.OneToOneField(Participant, models.PROTECT, related_name="payment")
    state = models.CharField(max_length=10, choices=State, default=State.DUE)
    currency = models.CharField(max_length=3)
    base = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    bonus = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    batch = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    exported_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(base__gte=0, bonus__gte=0), name="nobody_owes_us"),
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.base + self.bonus} {self.currency}"


class Look(models.Model):
    """Somebody had the effect of a study shown while it was under way (`annotations.results.looks`)."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="looks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    "None: by a command, or by somebody who is no longer here."
    by = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.by}, {self.at:%Y-%m-%d %H:%M}"
