"""A participant's way through a study: whatever is repeated changes nothing."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotations.models import Assignment, Participant, Study
from annotations.participant import flow
from games.models import Judgment
from tests.factories import make_open_study, make_session

pytestmark = pytest.mark.django_db


def test_entering_draws_a_whole_session_of_balanced_arms() -> None:
    study = make_open_study(questions=15, rounds=10)
    ada = flow.enter(study=study, code="ada")
    rows = list(ada.assignments.all())
    assert [row.position for row in rows] == list(range(1, 11))
    assert len({row.question_id for row in rows}) == 10
    assert sorted(Counter(row.arm_id for row in rows).values()) == [5, 5]
    assert ada.consented_at is not None


def test_each_assignment_shows_what_its_arm_has_for_the_question() -> None:
    ada = make_session(study=make_open_study())
    for row in ada.assignments.select_related("arm"):
        assert row.arm.shown.get(question=row.question_id).utterance_id == row.utterance_id


def test_entering_twice_with_one_code_is_entering_once() -> None:
    study = make_open_study()
    assert flow.enter(study=study, code="ada") == flow.enter(study=study, code="ada")
    assert study.participants.count() == 1


@pytest.mark.parametrize("state", [Study.State.DRAFT, Study.State.PAUSED, Study.State.CLOSED])
def test_nobody_enters_a_study_that_is_not_open(state: str) -> None:
    study = make_open_study(state=state)
    with pytest.raises(flow.NotOpen):
        flow.enter(study=study, code="ada")
    assert not Participant.objects.exists()


def test_the_next_person_is_given_what_the_last_one_was_not() -> None:
    study = make_open_study(questions=20, rounds=10)
    ada, bo = make_session(study=study), make_session(study=study)
    given = [set(person.assignments.values_list("question_id", "arm_id")) for person in (ada, bo)]
    assert not given[0] & given[1]


def test_a_judgment_is_stored_for_the_listener_of_the_study() -> None:
    study = make_open_study()
    ada = make_session(study=study, verdicts=[True])
    judgment = Judgment.objects.get()
    row = ada.assignments.get(position=1)
    assert (judgment.listener, judgment.judge, judgment.accepted, judgment.probability) == (study.listener, ada.code, True, None)
    assert (row.judgment, row.utterance) == (judgment, judgment.utterance)


@pytest.mark.parametrize("kind", ["is_bot", "is_preview"])
def test_what_a_bot_or_a_preview_says_is_never_learned_from_as_peoples(kind: str) -> None:
    study = make_open_study(rounds=2)
    person = make_session(study=study, verdicts=[True])
    bot = make_session(study=study)
    Participant.objects.filter(pk=bot.pk).update(**{kind: True})
    bot = Participant.objects.select_related("study").get(pk=bot.pk)
    flow.current(bot)
    flow.answer(participant=bot, position=1, accepted=True)
    assert [judgment.judge for judgment in Judgment.objects.usable().filter(listener=study.listener)] == [person.code]
    assert bot.assignments.get(position=1).judgment.listener.name == f"bots-{study.name}"


def test_confidence_gives_a_probability_of_acceptance() -> None:
    ada = make_session(study=make_open_study())
    flow.current(ada)
    flow.answer(participant=ada, position=1, accepted=False, confidence=0.5)
    assert Judgment.objects.get().probability == 0.25


def test_the_response_time_runs_from_when_the_round_was_first_shown() -> None:
    ada = make_session(study=make_open_study())
    flow.current(ada)
    shown = timezone.now() - timedelta(seconds=4)
    ada.assignments.filter(position=1).update(shown_at=shown)
    flow.current(ada)  # loading the page again does not start the clock again
    flow.answer(participant=ada, position=1, accepted=True)
    milliseconds = Judgment.objects.get().response_ms
    assert milliseconds is not None
    assert 4000 <= milliseconds < 14000


def test_a_clock_that_went_backwards_gives_no_negative_time() -> None:
    ada = make_session(study=make_open_study())
    flow.current(ada)
    ada.assignments.filter(position=1).update(shown_at=timezone.now() + timedelta(hours=1))
    flow.answer(participant=ada, position=1, accepted=True)
    assert Judgment.objects.get().response_ms == 0


def test_pressing_twice_counts_once_and_the_first_verdict_stands() -> None:
    ada = make_session(study=make_open_study(), verdicts=[True])
    flow.answer(participant=ada, position=1, accepted=False)
    assert Judgment.objects.get().accepted is True


def test_a_round_that_was_not_shown_cannot_be_answered() -> None:
    ada = make_session(study=make_open_study())
    flow.current(ada)
    for position in (2, 99):
        with pytest.raises(flow.NotShown):
            flow.answer(participant=ada, position=position, accepted=True)
    assert not Judgment.objects.exists()


def test_a_closed_study_takes_no_answers_but_keeps_those_it_has() -> None:
    study = make_open_study()
    ada = make_session(study=study, verdicts=[True])
    flow.current(ada)
    Study.objects.update(state=Study.State.CLOSED)
    ada = Participant.objects.get()
    with pytest.raises(flow.NotOpen):
        flow.answer(participant=ada, position=2, accepted=True)
    flow.answer(participant=ada, position=1, accepted=False)  # already answered: nothing happens, nothing is raised
    assert Judgment.objects.count() == 1


def test_the_last_answer_finishes_the_session_and_no_earlier_one() -> None:
    ada = make_session(study=make_open_study(rounds=3), verdicts=[True, False])
    ada.refresh_from_db()
    assert ada.finished_at is None
    flow.current(ada)
    flow.answer(participant=ada, position=3, accepted=True)
    ada.refresh_from_db()
    assert ada.finished_at is not None
    assert flow.current(ada) is None


def test_the_score_counts_right_answers_accepted_and_wrong_ones_rejected() -> None:
    study = make_open_study(rounds=4)  # of one arm all answers are right, of the other all are wrong
    ada = make_session(study=study, verdicts=[True] * 4)
    assert (flow.score(ada).right, flow.score(ada).total) == (2, 4)


def test_one_person_judges_a_question_once_whatever_goes_wrong() -> None:
    ada = make_session(study=make_open_study())
    first, second = ada.assignments.all()[:2]
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=second.pk).update(question=first.question_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=second.pk).update(position=first.position)
