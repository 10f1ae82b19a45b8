"""Setting a study up from games."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotations.blinding import names_a_model
from annotations.building import setup
from annotations.models import ArmUtterance, Study
from games.models import Dataset, Game, Question, Speaker
from tests.factories import make_dataset, make_game, make_question, make_speaker, make_utterance

pytestmark = pytest.mark.django_db


class World:
    """Two speakers that have answered the same questions, two samples each."""

    def __init__(self, questions: int = 12) -> None:
        self.dataset: Dataset = make_dataset(name="capitals")
        self.questions: list[Question] = [make_question(dataset=self.dataset) for _ in range(questions)]
        self.speakers: list[Speaker] = [make_speaker(name="boaster", method=""), make_speaker(name="honest", method="lacie")]
        self.games: list[Game] = [make_game(speaker=speaker, dataset=self.dataset, state=Game.State.DONE) for speaker in self.speakers]
        for game in self.games:
            for question in self.questions:
                for sample in range(2):
                    make_utterance(game=game, question=question, sample=sample)

    def create(self, **kwargs: Any) -> Study:
        kwargs = {"name": "trivia", "title": "Trivia", "speakers": self.speakers, "games": self.games} | kwargs
        return setup.create_study(**kwargs)


def test_each_arm_shows_one_answer_to_each_question() -> None:
    world = World()
    study = world.create()
    assert study.state == Study.State.DRAFT
    assert [(arm.name, arm.speaker.name, arm.shown.count()) for arm in study.arms.all()] == [("arm-1", "boaster", 12), ("arm-2", "honest", 12)]
    for shown in ArmUtterance.objects.select_related("arm", "utterance"):
        assert shown.utterance.speaker_id == shown.arm.speaker_id
        assert shown.utterance.question_id == shown.question_id
    assert (study.listener.kind, study.listener.name) == ("human", "people-trivia")


def test_a_question_on_which_an_arm_abstained_is_left_out() -> None:
    world = World()
    world.games[1].utterances.filter(question=world.questions[0]).update(answer=None, is_correct=False)
    assert {arm.shown.count() for arm in world.create().arms.all()} == {11}


def test_an_ungraded_answer_is_left_out() -> None:
    world = World()
    world.games[0].utterances.filter(question=world.questions[0]).update(is_correct=None)
    assert {arm.shown.count() for arm in world.create().arms.all()} == {11}


def test_an_answer_that_names_a_model_is_drawn_like_any_other_and_held_back() -> None:
    world = World()
    world.games[0].utterances.filter(question=world.questions[0]).update(text="As an AI language model, I say Paris.")
    study = world.create()
    (shown,) = setup.held_back(study)
    assert (shown.question, shown.arm.speaker.name, shown.held_back) == (world.questions[0], "boaster", "names its model")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("As an AI, I believe it is Paris.", True),
        ("I'm an AI, but Paris.", True),
        ("My training data says Paris.", True),
        ("GPT-4 would say Paris.", True),
        ("It was Claude Monet, I think.", False),
        ("The mistral is a cold wind in France.", False),
        ("The llama lives in Peru, definitely.", False),
        ("It is in Thailand.", False),
    ],
)
def test_a_model_is_recognised_and_an_ordinary_word_is_not(text: str, names: bool) -> None:
    assert names_a_model(text) is names


def test_the_limit_draws_so_many_questions_by_the_seed() -> None:
    world = World()
    drawn = []
    for name, seed in (("trivia-1", 1), ("trivia-1b", 1), ("trivia-2", 2)):
        study = world.create(name=name, questions_limit=10, seed=seed)
        drawn.append(
            list(ArmUtterance.objects.filter(arm__study=study).order_by("question_id", "arm__position").values_list("utterance_id", flat=True))
        )
    assert len(drawn[0]) == 20
    assert drawn[0] == drawn[1] != drawn[2]


def test_asking_twice_gives_the_same_study() -> None:
    world = World()
    assert world.create() == world.create()
    assert Study.objects.count() == 1


def test_the_same_name_for_something_else_is_refused() -> None:
    world = World()
    world.create()
    with pytest.raises(setup.SetupError, match="There is a study 'trivia' already"):
        world.create(speakers=world.speakers[::-1])
    with pytest.raises(setup.SetupError, match="with 10 rounds and seed 0"):
        world.create(rounds=5)


@pytest.mark.parametrize("name", ["boaster-study", "about-lacie", "HONEST"])
def test_a_name_that_tells_the_arms_is_refused(name: str) -> None:
    with pytest.raises(setup.SetupError, match="would tell them what they hear"):
        World().create(name=name)


def test_fewer_questions_than_rounds_are_refused_and_leave_nothing_behind() -> None:
    world = World(questions=4)
    with pytest.raises(setup.SetupError, match=r"needs 10 questions, .* there are 4"):
        world.create()
    assert not Study.objects.exists()


def test_one_speaker_is_no_comparison() -> None:
    world = World()
    for speakers in ([], world.speakers[:1], world.speakers[:1] * 2):
        with pytest.raises(setup.SetupError, match="two or more different speakers"):
            world.create(speakers=speakers)


def test_opening_keeps_the_first_day() -> None:
    study = setup.open_study(World().create())
    opened = study.opened_at
    study.state = Study.State.PAUSED
    study.save()
    assert setup.open_study(study).opened_at == opened
    assert study.state == Study.State.OPEN


def open_by_command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("open_study", "trivia", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_opens_a_study_of_the_newest_finished_games() -> None:
    World()
    said = open_by_command("--speakers", "boaster", "honest", "--dataset", "capitals")
    assert "participants enter at /s/trivia/" in said
    assert Study.objects.get().state == Study.State.OPEN
    assert open_by_command("--speakers", "boaster", "honest", "--dataset", "capitals") == said


def test_the_command_opens_a_study_that_is_there_by_its_name_alone() -> None:
    World().create()
    assert "is open" in open_by_command()
    assert Study.objects.get().state == Study.State.OPEN


def test_the_command_asks_for_speakers_of_a_new_study() -> None:
    with pytest.raises(CommandError, match="There is no study 'trivia' yet"):
        open_by_command()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--speakers", "boaster", "nobody", "--dataset", "capitals"], "There is no speaker 'nobody'. Choose from: boaster, honest"),
        (["--speakers", "boaster", "honest", "--dataset", "rivers"], "There is no dataset 'rivers'"),
        (["--speakers", "boaster", "honest", "--dataset", "capitals", "--split", "train"], "Play one with: manage.py play_game --speaker boaster"),
        (["--speakers", "boaster", "honest", "--dataset", "capitals", "--rounds", "50"], "there are 12"),
    ],
)
def test_the_command_says_what_is_missing(arguments: list[str], message: str) -> None:
    World()
    with pytest.raises(CommandError, match=message.replace(".", r"\.")):
        open_by_command(*arguments)
    assert not Study.objects.exists()


def test_the_command_takes_a_protocol_from_a_file_and_single_settings(tmp_path: Path) -> None:
    World()
    file = tmp_path / "protocol.json"
    file.write_text('{"rounds": 4, "measures": {"confidence": "buttons", "note": true}}')
    open_by_command(
        *("--speakers", "boaster", "honest", "--dataset", "capitals", "--protocol", str(file)),
        *("--set", "measures.confidence=slider", "--set", 'languages=["de", "en"]', "--set", "wanted=3"),
    )
    study = Study.objects.get()
    rules = study.rules
    assert (rules.rounds, rules.measures.confidence, rules.measures.note, rules.languages) == (4, "slider", True, ("de", "en"))
    assert set(ArmUtterance.objects.values_list("wanted", flat=True)) == {3}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["rounds=0"], "rounds=0: give a number from 1 to 500"),
        (["measures.confidnce=slider"], "measures.confidnce: there is no such setting"),
        (["stopping.alpha=0.9"], "stopping.alpha=0.9: give a number from 0.0001 to 0.5"),
        (["languages=[]"], "give one language or more"),
        (['languages=["english!"]'], "give a language code such as 'en'"),
        (["payment.currency=euro"], "three capital letters"),
        (["wanted=1e999"], "give a whole number from 0 on"),
        (["rounds"], "write SETTING=VALUE"),
        (["payment.bonus=1"], "There is a bonus, but no score that it is paid by."),
        (["exclusion.failed_checks=2"], "excluded after 2 failed attention checks, but a session has 0"),
    ],
)
def test_the_command_says_which_setting_cannot_be(settings: list[str], message: str) -> None:
    World()
    with pytest.raises(CommandError, match=re.escape(message)):
        open_by_command("--speakers", "boaster", "honest", "--dataset", "capitals", *(part for one in settings for part in ("--set", one)))


def test_the_command_lists_answers_that_name_their_model_and_opens_when_told_what_to_do() -> None:
    world = World()
    world.games[0].utterances.filter(question=world.questions[0]).update(text="As an AI language model, I say Paris.")
    arguments = ("--speakers", "boaster", "honest", "--dataset", "capitals")
    with pytest.raises(CommandError, match="As an AI language model, I say Paris") as refusal:
        open_by_command(*arguments)
    assert "--held-back" in str(refusal.value)
    assert "is open" in open_by_command(*arguments, "--held-back", "drop")
    assert {arm.shown.count() for arm in Study.objects.get().arms.all()} == {11}


def test_the_command_may_leave_a_draft_to_somebody(django_user_model: Any) -> None:
    World()
    ada = django_user_model.objects.create_user("ada")
    said = open_by_command("--speakers", "boaster", "honest", "--dataset", "capitals", "--draft", "--owner", "ada")
    assert "is a draft: go on at /studies/trivia/" in said
    assert Study.objects.get().owner == ada
    with pytest.raises(CommandError, match="There is no user 'bo'"):
        open_by_command("--speakers", "boaster", "honest", "--dataset", "capitals", "--owner", "bo")
