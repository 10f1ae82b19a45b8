"""What the frozen rules keep out of the results."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotations import exclusion
from annotations.building import setup
from annotations.models import Assignment, Participant, Study
from annotations.participant import flow
from annotations.protocol import Protocol
from games.models import Judgment
from tests.factories import make_arm, make_assignment, make_check, make_judgment, make_open_study, make_participant, make_session, make_study

RULES = {"exclusion": {"failed_checks": 2, "knew_over": 0.5, "faster_than": 1.0}, "timing": {"max_seconds": 60}}


def someone(study: Study, judgments: list[dict[str, Any]], failed: int = 0) -> Participant:
    """A person of this study who gave these judgments and failed so many attention checks."""
    person, arm = make_participant(study=study), study.arms.first() or make_arm(study=study)
    for fields in judgments:
        judgment = make_judgment(listener=study.listener, judge=person.code, **fields)
        make_assignment(participant=person, arm=arm, judgment=judgment)
    for n in range(failed):
        check = make_check(study=study)
        person.assignments.create(position=1_000_000 + n, check_shown=check, passed=False, answered_at=person.entered_at)
    return person


def reasons(person: Participant) -> list[str]:
    return list(Judgment.objects.filter(judge=person.code).order_by("id").values_list("excluded", flat=True))


@pytest.mark.parametrize(
    ("seconds", "knew", "reason"),
    [(5, None, ""), (5, 0.5, ""), (5, 0.51, "knew it"), (0.9, 0.9, "too fast"), (60, None, ""), (60.1, None, "too late"), (None, None, "")],
)
def test_one_judgment_is_told_by_its_own_rules(seconds: float | None, knew: float | None, reason: str) -> None:
    assert exclusion.at_answer(Protocol.of(RULES), seconds=seconds, knew_answer=knew) == reason


def test_without_rules_nothing_is_excluded() -> None:
    assert exclusion.at_answer(Protocol(), seconds=0.0, knew_answer=1.0) == ""


def test_knowledge_that_is_normalised_waits_for_the_person() -> None:
    rules = Protocol.of({"exclusion": {"knew_over": 0.5, "knew_normalised": True}})
    assert exclusion.at_answer(rules, seconds=5, knew_answer=0.9) == ""


@pytest.mark.django_db
def test_knowledge_is_normalised_within_the_person_if_so_declared() -> None:
    study = make_study(protocol={"exclusion": {"knew_over": 0.5, "knew_normalised": True}})
    ada = someone(study, [{"knew_answer": value} for value in (0.1, 0.2, 0.3)])
    bo = someone(study, [{"knew_answer": value} for value in (0.6, 0.8, 1.0)])
    exclusion.settle_study(study)
    assert reasons(ada) == reasons(bo) == ["", "", "knew it"]


@pytest.mark.django_db
def test_who_fails_too_many_checks_is_out_with_every_judgment() -> None:
    study = make_study(protocol=RULES)
    ada, bo = someone(study, [{}, {}], failed=1), someone(study, [{}, {"knew_answer": 1.0}], failed=2)
    exclusion.settle(participant=ada)
    exclusion.settle(participant=bo)
    assert (ada.excluded, reasons(ada)) == ("", ["", ""])
    assert (bo.excluded, reasons(bo)) == ("attention", ["attention", "attention"])
    assert set(Assignment.objects.for_results().values_list("participant", flat=True)) == {ada.pk}
    assert not Judgment.objects.usable().filter(judge=bo.code).exists(), "training, which knows no people, does not see them either"


@pytest.mark.django_db
def test_who_fails_too_many_checks_and_leaves_in_the_middle_teaches_nothing() -> None:
    person = make_session(study=make_open_study(protocol={"exclusion": {"failed_checks": 1}}), verdicts=[True])
    check = make_check(study=person.study, expects_accept=False)
    person.assignments.create(position=0, check_shown=check, shown_at=person.entered_at)
    assert reasons(person) == [""]
    flow.answer(participant=person, position=0, accepted=True)
    assert reasons(person) == ["attention"]
    flow.answer(participant=person, position=2, accepted=True)
    assert reasons(person) == ["attention", "attention"]


@pytest.mark.django_db
def test_closing_a_study_settles_those_who_left_in_the_middle() -> None:
    study = make_open_study(protocol={"exclusion": {"knew_over": 0.5, "knew_normalised": True}})
    left = someone(study, [{"knew_answer": 0.0}, {"knew_answer": 0.3}])
    assert reasons(left) == ["", ""]
    assert setup.close_study(study)
    assert reasons(left) == ["", "knew it"]


@pytest.mark.django_db
def test_settling_again_changes_nothing_and_follows_the_rows() -> None:
    study = make_study(protocol=RULES)
    bo = someone(study, [{"response_ms": 500}, {"response_ms": 61_000}, {}], failed=2)
    exclusion.settle(participant=bo)
    exclusion.settle(participant=bo)
    assert reasons(bo) == ["attention"] * 3
    bo.assignments.filter(passed=False).update(passed=True)
    exclusion.settle(participant=bo)
    assert (bo.excluded, reasons(bo)) == ("", ["too fast", "too late", ""])


@pytest.mark.django_db
def test_what_somebody_wrote_by_hand_stays() -> None:
    study = make_study(protocol=RULES)
    ada = someone(study, [{"excluded": "asked to be left out"}, {"response_ms": 500}])
    exclusion.settle_study(study)
    assert reasons(ada) == ["asked to be left out", "too fast"]


@pytest.mark.django_db
def test_settling_a_study_asks_the_same_however_many_people_there_are() -> None:
    study = make_study(protocol=RULES)
    counts = []
    for people in (1, 4):
        for _ in range(people):
            someone(study, [{}, {}])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            exclusion.settle_study(study)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


@pytest.mark.django_db
def test_bots_are_in_the_results_only_where_they_are_asked_for() -> None:
    study = make_study()
    bot = someone(study, [{}])
    Participant.objects.filter(pk=bot.pk).update(is_bot=True)
    assert not Assignment.objects.for_results().exists()
    assert Assignment.objects.for_results(bots=True).count() == 1
