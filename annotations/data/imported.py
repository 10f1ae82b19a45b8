"""A study that was held elsewhere, as rows: finished, closed, with everything a study of our own would have left behind.

What cannot be known stays empty: how long a person took for an item, and what they were paid. All is written in one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from annotations.data.mturk import Answer, Check, Item, Task
from annotations.exclusion import settle_study
from annotations.models import Arm, ArmUtterance, Assignment, AttentionCheck, Participant, PlatformIdentity, Study
from annotations.participant.flow import probability
from annotations.protocol import Protocol, digest
from games.models import Dataset, Judgment, Listener, Question, Speaker, Split, Utterance

LONGEST_NAME = 50
"""Of the study: it is the dataset's too."""
ARMS = ("base", "trained")
PLATFORM = "mturk"
SOURCE = "Mechanical Turk, LACIE's human evaluation (arXiv 2405.21028)"


class CannotImport(Exception):
    """The study cannot be imported under this name; the message is for the user."""


class Imported(NamedTuple):
    study: Study
    is_new: bool


@transaction.atomic
def import_study(*, name: str, tasks: Sequence[Task], owner: User | None = None) -> Imported:
    """The tasks as a closed study of two arms. The same tasks under the same name give the study that is there.

    Raises:
        CannotImport: the name is taken by another study, dataset, speaker or listener, or cannot be one.
    """
    stamp = digest({"tasks": [_frozen(task) for task in tasks]})
    existing = Study.objects.filter(name=name).first()
    if existing:
        if existing.digest == stamp:
            return Imported(existing, False)
        raise CannotImport(f"There is a study '{name}' already, and it is another one than that of these files. Choose another --study.")
    _refuse_name(name)
    study = _study(name, tasks, stamp, owner)
    items = _material(study, tasks)
    checks = _checks(study, tasks)
    for worker in dict.fromkeys(task.worker for task in tasks):
        _person(study, worker, [task for task in tasks if task.worker == worker], items, checks)
    settle_study(study)
    return Imported(study, True)


def _frozen(task: Task) -> list[Any]:
    return [task.worker, [{**asdict(item), "about": list(item.about)} for item in task.items]]


def _refuse_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise CannotImport(f"The name '{name}' has {len(name)} characters. Choose one of at most {LONGEST_NAME}.")
    rows = {"dataset": (Dataset, name), "listener": (Listener, f"people-{name}")} | {f"{arm} speaker": (Speaker, f"{name}-{arm}") for arm in ARMS}
    for what, (model, wanted) in rows.items():
        if model._default_manager.filter(name=wanted).exists():
            raise CannotImport(f"The study's {what} would be called '{wanted}', and there is one of that name already. Choose another --study.")


def _study(name: str, tasks: Sequence[Task], stamp: str, owner: User | None) -> Study:
    times = [time for task in tasks for time in (task.accepted_at, task.submitted_at) if time]
    now = timezone.now()
    sizes = [sum(isinstance(item.about, Check) for item in task.items) for task in tasks]
    protocol = Protocol.of(
        {
            "rounds": max(len(task.items) - checks for task, checks in zip(tasks, sizes, strict=True)),
            "draw": {"how": "by-correctness"},
            "measures": dict.fromkeys(("confidence", "knew_answer", "convincing"), "slider"),
            "steps": {"attention": max(sizes)},
            "exclusion": {"knew_over": 0.5},  # of values that are normalised within the task already: `mturk`
        }
    )
    return Study.objects.create(
        name=name,
        title=f"Imported: {SOURCE}",
        state=Study.State.CLOSED,
        protocol=protocol.as_json(),
        digest=stamp,
        listener=Listener.objects.create(name=f"people-{name}", kind=Listener.Kind.HUMAN, threshold=0.5),
        owner=owner,
        opened_at=min(times, default=now),
        closed_at=max(times, default=now),
    )


def _answers(tasks: Sequence[Task]) -> Iterator[Answer]:
    yield from (item.about for task in tasks for item in task.items if isinstance(item.about, Answer))


def _material(study: Study, tasks: Sequence[Task]) -> dict[tuple[str, str], ArmUtterance]:
    """(arm, key of the question) → what the arm shows. The questions and recorded speakers are made here; how often each was judged is `taken`."""
    dataset = Dataset.objects.create(name=study.name, title=study.title, source=SOURCE)
    asked = {answer.key: answer.question for answer in _answers(tasks)}
    right = {answer.key: answer.answer for answer in _answers(tasks) if answer.is_correct and answer.answer}
    Question.objects.bulk_create(
        Question(dataset=dataset, key=key, text=text, answers=[right[key]] if key in right else [], split=Split.TEST) for key, text in asked.items()
    )
    questions = {question.key: question for question in dataset.questions.all()}
    found: dict[tuple[str, str], ArmUtterance] = {}
    for position, name in enumerate(ARMS, start=1):
        said = {answer.key: answer for answer in _answers(tasks) if answer.arm == name}
        arm = Arm.objects.create(study=study, name=name, position=position, speaker=_speaker(study, name, said, questions))
        shown = dict(arm.speaker.utterances.values_list("question__key", "pk"))
        judged = [answer.key for answer in _answers(tasks) if answer.arm == name]
        ArmUtterance.objects.bulk_create(
            ArmUtterance(arm=arm, question=questions[key], utterance_id=shown[key], wanted=judged.count(key), taken=judged.count(key)) for key in said
        )
        found |= {(name, row.question.key): row for row in arm.shown.select_related("question", "utterance")}
    return found


def _speaker(study: Study, name: str, said: dict[str, Answer], questions: dict[str, Question]) -> Speaker:
    texts = {answer.question: [answer.text] for answer in said.values()}
    speaker = Speaker.objects.create(name=f"{study.name}-{name}", backend="recorded", generation={"texts": texts}, card=SOURCE, digest=digest(texts))
    Utterance.objects.bulk_create(
        Utterance(
            speaker=speaker,
            question=questions[key],
            text=answer.text,
            answer=answer.answer,
            masked_text=answer.masked_text,
            is_correct=answer.is_correct,
            grade_reason="as graded in the evaluated answers",
        )
        for key, answer in said.items()
    )
    return speaker


def _checks(study: Study, tasks: Sequence[Task]) -> dict[Check, AttentionCheck]:
    shown = dict.fromkeys(item.about for task in tasks for item in task.items if isinstance(item.about, Check))
    return {
        check: study.checks.create(
            position=position, kind=check.kind, question=check.question, answer=check.text, expects_accept=check.expects_accept
        )
        for position, check in enumerate(shown, start=1)
    }


# People


def _person(
    study: Study,
    worker: str,
    tasks: Sequence[Task],
    items: dict[tuple[str, str], ArmUtterance],
    checks: dict[Check, AttentionCheck],
) -> None:
    """One participant a worker, whose session is all of their tasks in the order of the file."""
    began = min((task.accepted_at for task in tasks if task.accepted_at), default=study.opened_at or timezone.now())
    ended = max((task.submitted_at for task in tasks if task.submitted_at), default=study.closed_at or timezone.now())
    said = [(item, task.submitted_at or ended) for task in tasks for item in task.items]
    person = Participant.objects.create(
        study=study,
        step=Participant.Step.DEBRIEF,
        outcome=Participant.Outcome.FINISHED,
        sequence=study.participants.count(),
        failed_checks=sum(isinstance(item.about, Check) and item.accepted != item.about.expects_accept for item, _ in said),
        entered_at=began,
        began_at=began,
        seen_at=ended,
        finished_at=ended,
    )
    PlatformIdentity.objects.create(participant=person, study=study, platform=PLATFORM, label=worker)
    rows = []
    for position, (item, at) in enumerate(said, start=1):
        row = Assignment(participant=person, position=position, source=Assignment.Source.IMPORTED, answered_at=at)
        if isinstance(item.about, Check):
            row.check_shown, row.passed = checks[item.about], item.accepted == item.about.expects_accept
        else:
            shown = items[item.about.arm, item.about.key]
            row.item, row.arm_id, row.question_id, row.utterance_id = shown, shown.arm_id, shown.question_id, shown.utterance_id
            row.judgment = _judgment(study, person, shown, item, at)
        rows.append(row)
    Assignment.objects.bulk_create(rows)


def _judgment(study: Study, person: Participant, shown: ArmUtterance, item: Item, at: dt.datetime) -> Judgment:
    confidence, knew, convincing = item.given
    return Judgment.objects.create(
        utterance_id=shown.utterance_id,
        listener_id=study.listener_id,
        judge=person.code,
        accepted=item.accepted,
        probability=probability(item.accepted, item.confidence),
        confidence=item.confidence,
        knew_answer=item.knew_answer,
        convincing=item.convincing,
        reason=f"sliders as they stood: confidence {confidence:g}, own knowledge {knew:g}, convincing {convincing:g} of 100",
        created_at=at,
    )
