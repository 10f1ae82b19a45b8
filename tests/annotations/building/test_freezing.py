"""Opening freezes a study: nothing of its setup changes afterwards, and one digest names all of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F

from annotations.building import freezing, setup
from annotations.building.freezing import Frozen
from annotations.models import ArmUtterance, Participant, Study
from games.models import Speaker, Utterance
from tests.annotations.building.test_setup import World
from tests.factories import make_check, make_participant

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def study(world: World) -> Study:
    return setup.open_study(world.create())


def test_opening_stamps_a_digest_that_anybody_can_compute_again(study: Study) -> None:
    assert len(study.digest) == 64
    assert freezing.digest_of(Study.objects.get()) == study.digest


CHANGES: dict[str, Callable[[], Any]] = {
    "protocol": lambda: Study.objects.update(protocol={"rounds": 3}),
    "title": lambda: Study.objects.update(title="Another"),
    "an answer": lambda: Utterance.objects.filter(pk=ArmUtterance.objects.earliest("pk").utterance_id).update(text="Rome, surely."),
    "a speaker": lambda: Speaker.objects.filter(name="honest").update(digest="f" * 64),
    "the material": lambda: ArmUtterance.objects.latest("pk").delete(),
    "a check": lambda: make_check(study=Study.objects.get()),
    "the seed": lambda: Study.objects.update(seed=F("seed") + 1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_digest_tells_when_something_was_changed_behind_its_back(study: Study, what: str) -> None:
    CHANGES[what]()
    assert freezing.digest_of(Study.objects.get()) != study.digest


def test_people_and_a_pause_do_not_change_the_digest(study: Study) -> None:
    make_participant(study=study)
    ArmUtterance.objects.update(taken=1)
    setup.pause_study(study)
    again = setup.open_study(study)
    assert again.digest == study.digest == freezing.digest_of(again)


@pytest.mark.parametrize("state", [Study.State.OPEN, Study.State.PAUSED, Study.State.CLOSED])
def test_an_opened_study_is_changed_by_nothing(study: Study, world: World, state: str) -> None:
    Study.objects.update(state=state)
    shown = ArmUtterance.objects.select_related("arm").earliest("pk")
    for change in (
        lambda: setup.set_protocol(study=study, protocol={"rounds": 3}),
        lambda: setup.set_arms(study=study, speakers=world.speakers, games=world.games),
        lambda: setup.decide(study=study, shown=shown, decision="drop"),
    ):
        with pytest.raises(Frozen, match=r"are frozen\. Make a new version"):
            change()
    assert freezing.digest_of(Study.objects.get()) == study.digest


def test_missing_codes_are_made_at_the_opening_and_given_ones_kept(world: World) -> None:
    study = setup.open_study(world.create(protocol={"recruiting": {"completed": "C1234"}}))
    codes = [getattr(study.rules.recruiting, name) for name in setup.CODES]
    assert codes[0] == "C1234"
    assert all(codes)
    assert len(set(codes)) == 5


def test_a_closed_study_is_closed_for_good(study: Study) -> None:
    assert setup.close_study(study)
    assert not setup.close_study(study)
    with pytest.raises(setup.SetupError, match="closed for good"):
        setup.open_study(study)


def test_a_new_version_takes_everything_but_people_codes_and_counts(world: World) -> None:
    study = world.create(rounds=4, protocol={"measures": {"confidence": "slider"}})
    make_check(study=study)
    study = setup.open_study(study)
    make_participant(study=study)
    ArmUtterance.objects.update(taken=1)
    second = setup.new_version(study)
    third = setup.new_version(second)
    assert [(row.name, row.version, row.previous, row.state) for row in (second, third)] == [
        ("trivia-2", 2, study, "draft"),
        ("trivia-3", 3, second, "draft"),
    ]
    assert second.rules.measures.confidence == "slider"
    assert second.rules.recruiting.completed == ""
    assert (second.checks.count(), second.participants.count(), second.digest) == (1, 0, "")
    shown = [list(row.arms.get(name="arm-2").shown.order_by("question").values_list("utterance", flat=True)) for row in (study, second)]
    assert shown[0] == shown[1]
    assert set(ArmUtterance.objects.filter(arm__study=second).values_list("taken", flat=True)) == {0}
    assert setup.open_study(setup.set_protocol(study=second, protocol={"rounds": 3})).digest != study.digest
    assert Study.objects.get(pk=study.pk).rules.rounds == 4


def test_a_draft_may_be_changed_and_its_material_follows(world: World) -> None:
    study = world.create()
    setup.set_protocol(study=study, protocol={"rounds": 3, "wanted": 2, "draw": {"limit": 5}})
    assert study.rules.rounds == 3
    assert {(arm.shown.count(), *arm.shown.values_list("wanted", flat=True).distinct()) for arm in study.arms.all()} == {(5, 2)}
    with pytest.raises(setup.SetupError, match="needs 9 questions"):
        setup.set_protocol(study=study, protocol={"rounds": 9, "draw": {"limit": 5}})
    assert Study.objects.get().rules.rounds == 3


def held(world: World) -> tuple[Study, ArmUtterance]:
    world.games[0].utterances.filter(question=world.questions[0]).update(text="As an AI language model, I say Paris.")
    study = world.create()
    return study, setup.held_back(study).get()


def test_an_undecided_answer_holds_the_opening_back(world: World) -> None:
    study, shown = held(world)
    with pytest.raises(setup.SetupError, match="1 answer names its model: decide"):
        setup.open_study(study)
    setup.decide(study=study, shown=shown, decision="show")
    assert setup.open_study(study).state == Study.State.OPEN
    assert {arm.shown.count() for arm in study.arms.all()} == {12}


def test_leaving_a_question_out_keeps_the_arms_on_the_same_questions(world: World) -> None:
    study, shown = held(world)
    setup.decide(study=study, shown=shown, decision="drop")
    asked = [set(arm.shown.values_list("question", flat=True)) for arm in study.arms.all()]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 11


def test_another_answer_of_the_speaker_takes_its_place_where_there_is_one(world: World) -> None:
    study, shown = held(world)
    with pytest.raises(setup.SetupError, match="no other answer"):
        setup.decide(study=study, shown=shown, decision="replace")
    other = world.games[0].utterances.exclude(pk=shown.utterance_id).get(question=world.questions[0])
    Utterance.objects.filter(pk=other.pk).update(text="It is Paris.")
    setup.decide(study=study, shown=shown, decision="replace")
    assert ArmUtterance.objects.get(pk=shown.pk).utterance == other
    assert not setup.held_back(study).exists()


def test_previews_leave_nothing_behind_when_the_study_opens(world: World) -> None:
    study = world.create()
    make_participant(study=study, is_preview=True)
    setup.open_study(study)
    assert not Participant.objects.exists()
