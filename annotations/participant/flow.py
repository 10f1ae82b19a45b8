"""A participant's way through a study, move by move: consent, instructions, practice, comprehension, rounds, about you, debrief. Views and bots
call these.

Every move may be repeated (a second press, the back button, a form sent again after a lost connection): what is past changes nothing. A move that
is not this person's to make yet raises `NotShown`, one into a study that is not open `NotOpen`. Which steps there are, the protocol says.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from annotations import exclusion, texts
from annotations.models import Assignment, AttentionCheck, Participant, Study
from annotations.participant import live, material
from annotations.participant.prepared import Given, Insert, Select, Update
from annotations.payments import ledger
from annotations.protocol import Protocol
from games.models import Judgment, Listener

Step, Outcome = Participant.Step, Participant.Outcome
MAX_MS = 2**31 - 1
TRIES = 2
"""At the comprehension check; failing them all asks to return the study."""
WORDS_MAX = 2000
"""Characters of a note, or of an answer in free words, that are kept."""


class NotOpen(Exception):
    """The study takes nobody in, and no answers, at the moment."""


class NotShown(Exception):
    """This person has no such round or step, or has not seen it yet."""


class TooEarly(Exception):
    """Sent within the study's minimum reading time, and not taken yet."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s more")
        self.seconds = seconds
        "How long this person has still to wait."


@dataclass(frozen=True)
class Round:
    """What a person is asked to judge now; the same for an utterance of any arm and for an attention check."""

    position: int
    total: int
    question: str
    text: str
    seconds: float
    "Since it was shown first."
    to_come: float = 0.0
    "Seconds until its answer has been streamed; 0: it is here, as `text`."

    @property
    def reload_in(self) -> int:
        """Whole seconds after which a page without JavaScript finds the answer."""
        return math.ceil(self.to_come) + 1


@dataclass(frozen=True)
class Score:
    """`right` judgments: accepted right answers and rejected wrong ones. Attention checks are not among them."""

    right: int
    total: int
    answered: list[Assignment]


def enter(*, study: Study, code: str, is_bot: bool = False) -> Participant:
    """The participant of this code, made if new, who consents here and now: for tests and bots. Entering twice gives the same person."""
    with transaction.atomic():
        participant, _ = study.participants.get_or_create(code=code, defaults={"is_bot": is_bot})
        consent(participant=participant)
    arrive(participant)
    return participant


# The steps before the rounds


@transaction.atomic
def consent(*, participant: Participant, language: str = "", now: dt.datetime | None = None) -> None:
    if _take(participant, Step.CONSENT):
        now = now or timezone.now()
        participant.consented_at = now
        participant.language = language if language in participant.study.rules.languages else participant.study.rules.languages[0]
        participant.save(update_fields=["consented_at", "language"])
        _go_on(participant, now)


@transaction.atomic
def decline(*, participant: Participant, language: str = "", now: dt.datetime | None = None) -> None:
    """Only where nobody has consented yet: who has may simply leave."""
    if _take(participant, Step.CONSENT):
        participant.language = language if language in participant.study.rules.languages else participant.study.rules.languages[0]
        participant.save(update_fields=["language"])
        _end(participant, Outcome.NO_CONSENT, now or timezone.now())


@transaction.atomic
def read_instructions(*, participant: Participant, now: dt.datetime | None = None) -> None:
    if _take(participant, Step.INSTRUCTIONS):
        _go_on(participant, now or timezone.now())


def practice(study: Study) -> list[AttentionCheck]:
    """What is practised with, in order."""
    return list(study.checks.filter(is_practice=True)[: study.rules.steps.practice])


@transaction.atomic
def practise(*, participant: Participant, position: int, now: dt.datetime | None = None) -> None:
    """Count practice round `position` (from 1) as done; the one after the last leaves practice. What was pressed is told back, and kept nowhere."""
    if _take(participant, Step.PRACTICE) and position > participant.practised:
        if position > participant.practised + 1:
            raise NotShown
        if position > len(practice(participant.study)):
            _go_on(participant, now or timezone.now())
        else:
            participant.practised = position
            participant.save(update_fields=["practised"])


@transaction.atomic
def comprehend(*, participant: Participant, attempt: int, chosen: Mapping[str, str], now: dt.datetime | None = None) -> None:
    """The answers to the comprehension check (its name → the option's). `attempt`, from 1, keeps a second press from being a second failure."""
    if not _take(participant, Step.COMPREHENSION) or attempt <= participant.failed_comprehension:
        return None
    if attempt > participant.failed_comprehension + 1:
        raise NotShown
    now = now or timezone.now()
    if all(chosen.get(asked.name) == asked.right for asked in texts.comprehension(participant.study.rules, participant.language)):
        return _go_on(participant, now)
    participant.failed_comprehension = attempt
    participant.save(update_fields=["failed_comprehension"])
    if attempt >= TRIES:
        _end(participant, Outcome.SCREENED_OUT, now)
    return None


# The rounds


def current(participant: Participant, now: dt.datetime | None = None) -> Round | None:
    """The round that this person is at, stamped as shown from the first time on; None when there is none to answer."""
    now = now or timezone.now()
    rows = _of(participant, NEXT)
    return _shown(rows[0], now) if rows else None


@transaction.atomic
def answer(
    *,
    participant: Participant,
    position: int,
    accepted: bool,
    confidence: float | None = None,
    knew_answer: float | None = None,
    convincing: float | None = None,
    note: str = "",
    now: dt.datetime | None = None,
) -> Round | None:
    """Save the verdict on the round at this position; what is returned is the next one. The first verdict stands: sending another changes nothing.

    One that comes when the round has been given back, after hours without a line, counts if its place is still free; else it is stored, credited and
    left out (`exclusion.GIVEN_AWAY`).

    `participant` is as it was read for this request. Five statements: the round with its successor, the judgment, and three rows stamped.

    Raises:
        NotShown: no such round, or it comes later.
        TooEarly: within the minimum reading time, or before the answer has been streamed.
        NotOpen: the study was paused or closed meanwhile.
    """
    now = now or timezone.now()
    rows = _of(participant, ROUND_AND_NEXT, position=position)
    row = next((row for row in rows if row.position == position), None)
    if row is None or row.shown_at is None:
        raise NotShown
    following = next((other for other in rows if other.answered_at is None and other is not row), None)
    if row.answered_at is not None:
        return _shown(following, now) if following else None
    _refuse_if_not_open(participant)
    rules = participant.study.rules
    seconds = _seconds(now - row.shown_at, rules)
    if rules.pace:
        row = live.decide(row)
    judgment, passed = None, None
    if row.check_shown is not None:
        passed = accepted == row.check_shown.expects_accept
    elif row.utterance is None:
        raise NotShown  # a live answer that has not come yet
    else:
        is_free = row.released_at is None or participant.is_preview or material.take_back(row)
        why = participant.excluded or exclusion.at_answer(rules, seconds=seconds, knew_answer=knew_answer)
        judgment = KEEP(
            Judgment(
                utterance=row.utterance,
                listener_id=_heard_as(participant),
                judge=participant.code,
                accepted=accepted,
                confidence=confidence,
                knew_answer=knew_answer,
                convincing=convincing,
                probability=probability(accepted, confidence),
                response_ms=min(max(0, round(seconds * 1000)), MAX_MS),
                excluded=why if is_free else exclusion.GIVEN_AWAY,
            )
        )
    ANSWERED(row=row.pk, answered_at=now, judgment=judgment and judgment.pk, passed=passed, note=note[:WORDS_MAX])
    SEEN(participant=participant.pk, seen_at=now, failed=int(passed is False))
    if passed is False:
        exclusion.settle(participant=participant)  # now, since who fails may leave, and training would hear them
    if following is not None:
        return _shown(following, now)
    if row.released_at is not None:
        return None  # what was to come went back with it: `arrive` draws again
    if _take(participant, Step.ROUNDS):
        _go_on(participant, now)
    return None


def _seconds(since_shown: dt.timedelta, rules: Protocol) -> float:
    """Raises TooEarly within the minimum reading time, or before the answer has been streamed."""
    seconds = since_shown.total_seconds()
    if (missing := max(rules.timing.min_seconds, live.schedule(rules).ends) - max(0.0, seconds)) > 0:
        raise TooEarly(missing)
    return seconds


def _heard_as(participant: Participant) -> int:
    """Whose judgments these are: the study's listener's, or, of bots and previews, one's of their own, so that nobody learns from them unawares."""
    if not (participant.is_bot or participant.is_preview):
        return participant.study.listener_id
    name = f"bots-{participant.study.name}"[:100]
    return Listener.objects.get_or_create(name=name, defaults={"kind": Listener.Kind.HUMAN, "threshold": 0.5, "config": {"simulated": True}})[0].pk


def probability(accepted: bool, confidence: float | None) -> float | None:
    """Of acceptance, from a verdict and the confidence in it (LACIE, arXiv 2405.21028, human evaluation); None where nobody asked.

    >>> probability(True, 1.0), probability(False, 1.0), probability(False, 0.0), probability(True, None)
    (1.0, 0.0, 0.5, None)
    """
    if confidence is None:
        return None
    return 0.5 + confidence / 2 if accepted else (1 - confidence) / 2


SHOWN_OF_ROW = ("position", "shown_at", "answered_at", "released_at", "participant_id", "arm_id", "question__text", "utterance__text")
SHOWN_OF_CHECK = ("check_shown__question", "check_shown__answer", "check_shown__expects_accept")


def _rows() -> QuerySet[Assignment]:
    """Of one participant, with the number of them; of the columns only what a round takes."""
    of_them = Assignment.objects.filter(participant=OuterRef("participant")).order_by().values("participant").annotate(n=Count("pk")).values("n")
    shown = Assignment.objects.filter(participant=Given("participant")).select_related("question", "utterance", "check_shown")
    return shown.only(*SHOWN_OF_ROW, *SHOWN_OF_CHECK).annotate(total=Subquery(of_them)).order_by("position")


def _round_and_next() -> QuerySet[Assignment]:
    here = Q(position=Given("position")) | Q(answered_at__isnull=True)
    return _rows().select_for_update(of=("self",)).filter(here)[:2]


NEXT = Select(lambda: _rows().filter(answered_at__isnull=True)[:1])
ROUND_AND_NEXT = Select(_round_and_next)
KEEP = Insert(Judgment)
ANSWERED = Update(lambda: Assignment.objects.filter(pk=Given("row")), "answered_at", "judgment", "passed", "note")
FAILED = F("failed_checks") + Given("failed", IntegerField())
SEEN = Update(lambda: Participant.objects.filter(pk=Given("participant")), "seen_at", failed_checks=FAILED)
SHOWN = Update(lambda: Assignment.objects.filter(pk=Given("row"), shown_at__isnull=True), "shown_at")


def _of(participant: Participant, select: Select[Assignment], **values: int) -> list[Assignment]:
    rows = select(participant=participant.pk, **values)
    for row in rows:
        row.participant = participant
    return rows


def _shown(row: Assignment, now: dt.datetime) -> Round:
    if row.shown_at is None:
        SHOWN(row=row.pk, shown_at=now)
    question = row.check_shown.question if row.check_shown else str(row.question)
    seconds, rules = (now - (row.shown_at or now)).total_seconds(), row.participant.study.rules
    text = live.heard(assignment=row, rules=rules, seconds=seconds)
    to_come = 0.0 if text is not None else live.schedule(rules).ends - seconds
    total: int = row.total  # type: ignore[attr-defined]  # annotated by _rows
    return Round(row.position, total, question, text or "", seconds, to_come)


# After the rounds


@transaction.atomic
def tell_about(*, participant: Participant, about: Mapping[str, str], now: dt.datetime | None = None) -> None:
    """The optional answers about the person: what was not asked, or is not among the options, is not kept."""
    if _take(participant, Step.ABOUT_YOU):
        kept = {}
        for asked in texts.about_you(participant.study.rules, participant.language):
            given = about.get(asked.name, "").strip()[:WORDS_MAX]
            if given and (not asked.options or given in dict(asked.options)):
                kept[asked.name] = given
        participant.about = kept
        participant.save(update_fields=["about"])
        _go_on(participant, now or timezone.now())


def score(participant: Participant) -> Score:
    """What this person judged, with the truth, in their order."""
    answered = list(participant.assignments.answered().filter(judgment__isnull=False).select_related("question", "utterance", "judgment"))
    right = sum(row.judged_well for row in answered)
    return Score(right=right, total=len(answered), answered=answered)


# At any time


def dismiss(*, participant: Participant, message: str) -> None:
    """The manager's message has been read. A newer one than this stays."""
    Participant.objects.filter(pk=participant.pk, message=message).update(message="")


def speak(*, participant: Participant, language: str) -> None:
    """From now on the pages are in this language; the place in the session stays. A language that the study does not have changes nothing."""
    if language in participant.study.rules.languages:
        Participant.objects.filter(pk=participant.pk).update(language=language)


def arrive(participant: Participant, now: dt.datetime | None = None) -> None:
    """A page is being loaded: note the sign of life, and draw the rounds of somebody who has come to them, or whose own went back to the others.

    Outside of any transaction, so that people are drawn for at once (`annotations.participant.material`).
    """
    now = now or timezone.now()
    Participant.objects.filter(pk=participant.pk).update(seen_at=now)
    at_rounds = participant.step == Step.ROUNDS and not participant.outcome
    is_open = participant.study.state == Study.State.OPEN or participant.is_preview
    if at_rounds and is_open and not participant.assignments.held().exists():
        _give_rounds(participant, now)


def _give_rounds(participant: Participant, now: dt.datetime) -> None:
    is_full = False
    try:
        if participant.began_at is None:
            return material.begin(participant=participant)
        if material.top_up(participant=participant):
            return None
    except material.Full:
        is_full = True
    with transaction.atomic():
        if _take(participant, Step.ROUNDS):
            return _end(participant, Outcome.FULL, now) if is_full else _go_on(participant, now)
    return None


# How a step leads to the next


def _take(participant: Participant, step: str) -> bool:
    """Lock the person's row and read it anew: whether they are at this step. False if it is past.

    Raises:
        NotShown: it is still to come.
        NotOpen: the study is not open.
    """
    participant.refresh_from_db(from_queryset=Participant.objects.select_for_update())
    if participant.outcome or Step.values.index(participant.step) > Step.values.index(step):
        return False
    if participant.step != step:
        raise NotShown
    _refuse_if_not_open(participant)
    return True


def _refuse_if_not_open(participant: Participant) -> None:
    if participant.study.state != Study.State.OPEN and not participant.is_preview:
        raise NotOpen


def _go_on(participant: Participant, now: dt.datetime) -> None:
    """To the next step that the protocol has."""
    steps = participant.study.rules.steps
    switched_off = {
        Step.INSTRUCTIONS: not steps.instructions,
        Step.PRACTICE: not steps.practice or not practice(participant.study),
        Step.COMPREHENSION: not steps.comprehension,
        Step.ABOUT_YOU: not steps.about_you,
    }
    later = Step.values[Step.values.index(participant.step) + 1 :]
    participant.step = next(step for step in later if not switched_off.get(Step(step)))
    participant.save(update_fields=["step"])
    if participant.step == Step.DEBRIEF:
        _end(participant, Outcome.FINISHED, now)


def _end(participant: Participant, outcome: str, now: dt.datetime) -> None:
    """All that is owed and excluded is settled with the outcome, in one transaction: a code is shown for what is saved, or not at all."""
    participant.outcome = outcome
    participant.finished_at = now if outcome == Outcome.FINISHED else None
    participant.save(update_fields=["outcome", "finished_at"])
    exclusion.settle(participant=participant)
    ledger.settle(participant=participant)
