"""Sessions drawn from a study's rows, given back and drawn again: nothing twice, nothing more than wanted, nothing lost."""

import itertools
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotations import exclusion
from annotations.models import ArmUtterance, Assignment, Participant, Study
from annotations.participant import flow, material
from annotations.payments import ledger
from games.models import Judgment
from tests.factories import make_check, make_judgment, make_open_study, make_participant

pytestmark = pytest.mark.django_db


def begun(study: Study, **kwargs: Any) -> Participant:
    person = make_participant(study=study, step=Participant.Step.ROUNDS, **kwargs)
    material.begin(participant=person)
    return person


def answer(person: Participant, number: int) -> None:
    """The first so many rounds."""
    for row in person.assignments.open()[:number]:
        row.answered_at = timezone.now()
        if row.check_shown:
            row.passed = True
        else:
            row.judgment = make_judgment(utterance=row.utterance, listener=person.study.listener, judge=person.code)
        row.save()


def leave(person: Participant, minutes: float = 31) -> None:
    Participant.objects.filter(pk=person.pk).update(seen_at=timezone.now() - timedelta(minutes=minutes))


def level(study: Study) -> bool:
    """What is counted as taken is what is open or answered, for each utterance."""
    held = Counter(Assignment.objects.filter(item__isnull=False).values_list("item", flat=True))
    return all(held[row.pk] == row.taken <= row.wanted for row in ArmUtterance.objects.filter(arm__study=study))


def arms_of(person: Participant) -> list[str]:
    return list(person.assignments.filter(arm__isnull=False).values_list("arm__name", flat=True))


def test_a_session_is_drawn_whole_and_says_what_is_shown() -> None:
    study = make_open_study(questions=15, rounds=10)
    ada = begun(study)
    rows = list(ada.assignments.select_related("item"))
    assert [row.position for row in rows] == list(range(1, 11))
    assert len({row.question_id for row in rows}) == 10
    assert all((row.item.arm_id, row.item.question_id, row.item.utterance_id) == (row.arm_id, row.question_id, row.utterance_id) for row in rows)
    assert (ada.sequence, ada.began_at is not None, level(study)) == (0, True, True)


def test_beginning_again_draws_nothing_again() -> None:
    study = make_open_study()
    ada = begun(study)
    before = list(ada.assignments.values_list("pk", flat=True))
    for person in (ada, Participant.objects.get(pk=ada.pk)):
        material.begin(participant=person)
    stale = Participant.objects.get(pk=ada.pk)
    stale.began_at = None  # as a second tab saw it
    material.begin(participant=stale)
    assert list(ada.assignments.values_list("pk", flat=True)) == before


def test_everything_wanted_is_given_out_once_and_then_the_study_is_full() -> None:
    study = make_open_study(questions=9, rounds=4, wanted=2)
    drawn = []
    with pytest.raises(material.Full):
        for _ in range(20):
            drawn.append(begun(study).assignments.count())
    assert sum(drawn) == 9 * 2 * 2
    assert set(ArmUtterance.objects.values_list("taken", flat=True)) == {2}
    assert drawn[:8] == [4] * 8  # short sessions come at the end alone


def test_what_is_held_back_is_not_given_out() -> None:
    study = make_open_study(questions=6, rounds=6, wanted=1)
    ArmUtterance.objects.filter(arm__name="arm-1").update(held_back="names its model")
    assert arms_of(begun(study)) == ["arm-2"] * 6


def test_the_database_itself_refuses_one_too_many() -> None:
    begun(make_open_study(wanted=1))
    with pytest.raises(IntegrityError), transaction.atomic():
        ArmUtterance.objects.filter(taken=1).update(taken=2)


def test_within_people_the_arms_alternate_and_begin_by_turns() -> None:
    study = make_open_study(questions=30, rounds=5)
    sessions = [arms_of(begun(study)) for _ in range(6)]
    assert all(one != other for session in sessions for one, other in itertools.pairwise(session))
    assert Counter(session[0] for session in sessions) == {"arm-1": 3, "arm-2": 3}


def test_between_people_each_hears_one_arm_and_the_arms_stay_level() -> None:
    study = make_open_study(questions=30, rounds=5, protocol={"design": "between"})
    heard = []
    for _ in range(10):
        ada = begun(study)
        heard.append(ada.arm.name)
        assert arms_of(ada) == [ada.arm.name] * 5
        assert abs(heard.count("arm-1") - heard.count("arm-2")) <= 1
    assert heard != ["arm-1", "arm-2"] * 5  # not to be foretold


def test_between_people_the_arm_that_was_left_is_made_up_for() -> None:
    study = make_open_study(questions=30, rounds=5, protocol={"design": "between"})
    people = [begun(study) for _ in range(6)]
    left = [person for person in people if person.arm == people[0].arm]
    for person in left:
        leave(person)
    assert {begun(study).arm.name for _ in left} == {people[0].arm.name}


def test_a_person_who_is_numbered_but_not_drawn_for_yet_counts_for_the_balance() -> None:
    study = make_open_study(questions=30, rounds=5, protocol={"design": "between"})
    arms = []
    for _ in range(4):
        person = make_participant(study=study)
        material._number(person)  # the draw itself is still to come
        arms.append(person.arm_id)
    assert sorted(Counter(arms).values()) == [2, 2]


def test_when_one_arm_is_used_up_the_next_person_hears_the_other() -> None:
    study = make_open_study(questions=5, rounds=5, wanted=1, protocol={"design": "between"})
    assert {begun(study).arm.name for _ in range(2)} == {"arm-1", "arm-2"}
    with pytest.raises(material.Full):
        begun(study)


def test_what_silent_people_hold_goes_to_the_next_and_what_they_said_stays() -> None:
    study = make_open_study(questions=10, rounds=10, wanted=1)
    gone, slow = begun(study), begun(study)
    answer(gone, 3)
    leave(gone)
    leave(slow, minutes=29)
    assert material.release(study=study, now=timezone.now()) == 7
    assert (gone.assignments.count(), slow.assignments.count(), level(study)) == (3, 10, True)
    assert begun(study).assignments.count() == 7
    assert material.release(study=study, now=timezone.now()) == 0


def test_what_is_left_is_found_by_the_next_draw_itself() -> None:
    study = make_open_study(questions=10, rounds=10, wanted=1)
    for _ in range(2):
        leave(begun(study))
    assert begun(study).assignments.count() == 10


@pytest.mark.parametrize("outcome", [Participant.Outcome.RETURNED, Participant.Outcome.TIMED_OUT, Participant.Outcome.SCREENED_OUT])
def test_who_is_through_with_the_study_holds_nothing(outcome: str) -> None:
    study = make_open_study()
    ada = begun(study)
    Participant.objects.update(outcome=outcome)
    assert material.release(study=study, now=timezone.now()) == 10
    assert (ada.assignments.count(), level(study)) == (0, True)


def test_without_a_limit_nothing_is_ever_given_back() -> None:
    study = make_open_study(protocol={"timing": {"abandon_minutes": 0}})
    leave(begun(study), minutes=10**6)
    assert material.release(study=study, now=timezone.now()) == 0


def test_a_manager_can_give_back_what_one_person_holds() -> None:
    study = make_open_study()
    ada = begun(study)
    answer(ada, 2)
    assert material.give_back(participant=ada) == 8
    assert (ada.assignments.count(), level(study)) == (2, True)


def test_who_comes_back_is_drawn_the_rest_and_no_question_again() -> None:
    study = make_open_study(questions=14, rounds=10)
    ada = begun(study)
    answer(ada, 3)
    leave(ada)
    material.release(study=study, now=timezone.now())
    assert material.top_up(participant=ada) == 7
    rows = list(ada.assignments.all())
    assert [row.position for row in rows] == list(range(1, 11))
    assert len({row.question_id for row in rows}) == 10
    assert level(study)
    arms = arms_of(ada)
    assert all(one != other for one, other in itertools.pairwise(arms))


def test_who_comes_back_to_nothing_is_through_and_who_judged_nothing_finds_it_full() -> None:
    study = make_open_study(questions=4, rounds=4, wanted=1)
    ada, bo = begun(study), begun(study)
    answer(ada, 1)
    for person in (ada, bo):
        material.give_back(participant=person)
    begun(study), begun(study)
    ArmUtterance.objects.filter(taken=0).update(held_back="not any more")
    assert material.top_up(participant=ada) == 0
    with pytest.raises(material.Full):
        material.top_up(participant=bo)


def test_a_preview_takes_nothing_and_can_be_had_when_everything_is_given_out() -> None:
    study = make_open_study(questions=4, rounds=4, wanted=1)
    begun(study), begun(study)
    before = list(ArmUtterance.objects.order_by("pk").values_list("taken", flat=True))
    looking = begun(study, is_preview=True)
    assert (looking.assignments.count(), looking.sequence) == (4, None)
    material.give_back(participant=looking)
    assert list(ArmUtterance.objects.order_by("pk").values_list("taken", flat=True)) == before


def test_attention_checks_stand_among_the_rounds_as_many_as_the_protocol_says() -> None:
    study = make_open_study(questions=20, rounds=8, protocol={"steps": {"attention": 2}})
    for number in range(4):
        make_check(study=study, question=f"check {number}", expects_accept=number % 2 == 0)
    make_check(study=study, question="practice", is_practice=True)
    places = set()
    for _ in range(6):
        rows = list(begun(study).assignments.select_related("check_shown"))
        assert [row.position for row in rows] == list(range(1, 11))
        shown = [row for row in rows if row.check_shown]
        assert sorted(row.check_shown.expects_accept for row in shown) == [False, True]
        assert not any(row.check_shown.is_practice for row in shown)
        places.add(tuple(row.position for row in shown))
    assert len(places) > 1


def test_who_comes_back_sees_no_check_twice() -> None:
    study = make_open_study(questions=20, rounds=6, protocol={"steps": {"attention": 2}})
    for number in range(3):
        make_check(study=study, expects_accept=number % 2 == 0)
    ada = begun(study)
    answer(ada, 5)
    material.give_back(participant=ada)
    material.top_up(participant=ada)
    checks = list(ada.assignments.filter(check_shown__isnull=False).values_list("check_shown", flat=True))
    assert len(checks) == len(set(checks)) == 2


@pytest.mark.parametrize("design", ["within", "between"])
def test_a_draw_costs_as_many_queries_in_a_large_study_as_in_a_small_one(design: str, django_assert_max_num_queries: Any) -> None:
    for questions, rounds in ((5, 4), (60, 20)):
        study = make_open_study(questions=questions, rounds=rounds, protocol={"design": design})
        person = make_participant(study=study)
        with django_assert_max_num_queries(32):
            material.begin(participant=person)


def test_a_page_draws_again_for_who_comes_back_and_ends_the_session_of_who_finds_nothing() -> None:
    study = make_open_study(questions=4, rounds=4, wanted=1)
    ada, bo, cy = (flow.enter(study=study, code=code) for code in ("ada", "bo", "cy"))
    cy.refresh_from_db()
    assert cy.outcome == Participant.Outcome.FULL
    answer(ada, 1)
    material.give_back(participant=ada)
    flow.arrive(ada)
    assert ada.assignments.count() == 4
    material.give_back(participant=ada)
    ArmUtterance.objects.filter(taken=0).update(held_back="not any more")
    flow.arrive(ada)
    ada.refresh_from_db()
    assert ada.outcome == Participant.Outcome.FINISHED
    assert bo.assignments.open().count() == 4


# An answer on a bad line


def offline(study: Study, answered: int = 2) -> Participant:
    """Has answered some rounds and has the next before them; then there was no sign of them, and what they held was given back."""
    ada = begun(study)
    answer(ada, answered)
    flow.current(ada)
    leave(ada)
    material.release(study=study, now=timezone.now())
    return Participant.objects.select_related("study").get(pk=ada.pk)


def test_the_round_before_a_silent_person_stays_theirs_without_its_place() -> None:
    study = make_open_study(questions=10, rounds=10, wanted=1)
    ada = offline(study)
    [row] = ada.assignments.open()
    assert (row.position, row.item, row.released_at is not None) == (3, None, True)
    assert level(study) and material.release(study=study, now=timezone.now()) == 0
    assert begun(study).assignments.count() == 10


def test_an_answer_that_comes_hours_later_counts_where_its_place_is_free() -> None:
    study = make_open_study(questions=10, rounds=4, wanted=1)
    ada = offline(study)
    flow.answer(participant=ada, position=3, accepted=True)
    row = ada.assignments.get(position=3)
    assert (row.judgment.excluded, row.item.taken) == ("", 1) and level(study)
    assert row in Assignment.objects.for_results()


def test_where_its_place_has_been_given_away_it_is_stored_paid_and_left_out() -> None:
    study = make_open_study(questions=4, rounds=4, arms=1, wanted=1, protocol={"payment": {"bonus": 4, "score": "brier"}})
    ada = offline(study)
    begun(study)
    flow.answer(participant=ada, position=3, accepted=False, confidence=1.0)  # sure, and wrong: it costs them
    row = ada.assignments.get(position=3)
    assert (row.judgment.excluded, row.item) == ("given to another", None) and level(study)
    exclusion.settle(participant=ada)
    row.judgment.refresh_from_db()
    assert row.judgment.excluded == "given to another"  # and stays so
    Participant.objects.filter(pk=ada.pk).update(outcome=Participant.Outcome.FINISHED)
    without = Judgment.objects.filter(pk=row.judgment_id)
    paid = ledger.owed(participant=Participant.objects.get(pk=ada.pk))
    row.delete(), without.delete()
    assert paid != ledger.owed(participant=Participant.objects.get(pk=ada.pk))


def test_after_the_late_answer_the_rest_is_drawn_again_and_no_question_twice() -> None:
    study = make_open_study(questions=14, rounds=10)
    ada = offline(study)
    assert flow.answer(participant=ada, position=3, accepted=True) is None
    ada = Participant.objects.select_related("study").get(pk=ada.pk)
    assert (ada.step, ada.outcome) == ("rounds", "")
    flow.arrive(ada)
    rows = list(ada.assignments.all())
    assert [row.position for row in rows] == list(range(1, 11)) and len({row.question_id for row in rows}) == 10
    assert level(study)


def test_who_comes_back_first_finds_the_round_that_they_had_before_them() -> None:
    study = make_open_study(questions=14, rounds=10)
    ada = offline(study)
    before = ada.assignments.open().get()
    flow.arrive(ada)
    shown = flow.current(ada)
    assert shown is not None and (shown.position, shown.question, shown.total) == (3, str(before.question), 10)
    following = flow.answer(participant=ada, position=3, accepted=True)
    assert following is not None and following.position == 4 and level(study)


def test_the_last_round_answered_late_ends_the_session() -> None:
    study = make_open_study(questions=4, rounds=4)
    ada = offline(study, answered=3)
    flow.answer(participant=ada, position=4, accepted=True)
    flow.arrive(ada)
    assert Participant.objects.get(pk=ada.pk).outcome == Participant.Outcome.FINISHED


def test_a_round_that_was_given_back_does_not_count_for_the_balance_of_the_arms() -> None:
    study = make_open_study(questions=10, rounds=4, protocol={"design": "between"})
    ada = offline(study, answered=0)
    assert material._arms_in_turn(study, ada.sequence or 0)[0] == ada.arm_id  # both have given out none: it is the Latin square's turn again
